/** Keeps the end of a growing text in view, until the reader scrolls up. */

const NEAR_END_PX = 24;

/**
 * @param {HTMLElement} scroller
 * @param {HTMLElement | null} button  shown while it does not follow; takes the reader back
 * @returns {() => void} to be called after the text has grown
 */
export function follow(scroller, button) {
  let following = true;
  const toEnd = () => {
    scroller.scrollTop = scroller.scrollHeight;
  };
  scroller.addEventListener("scroll", () => {
    const left = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;
    following = left < NEAR_END_PX;
    if (button) button.hidden = following;
  });
  button?.addEventListener("click", () => {
    toEnd();
    scroller.focus();
  });
  return () => {
    if (following) toEnd();
  };
}
