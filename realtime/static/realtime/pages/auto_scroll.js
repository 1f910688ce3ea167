/** Keeps the end of a growing text in view, until the reader scrolls up. */

const NEAR_END_PX = 24;

/**
 * @param {HTMLElement} scroller
 * @param {HTMLElement | null} button  shown while it does not follow; takes the reader back
 * @param {boolean} [following]  at the beginning
 * @returns {() => void} to be called after the text has grown
 */
export function follow(scroller, button, following = true) {
  let isSeen = false;
  let height = 0; // that the reader has scrolled in
  let top = 0; // where the text was last
  const toEnd = () => {
    if (!following || !isSeen) return;
    height = scroller.scrollHeight;
    top = height - scroller.clientHeight;
    scroller.scrollTop = height;
  };
  // Finding the end lays out all text before it, so it is not done off the screen.
  new IntersectionObserver((entries) => {
    isSeen = entries[entries.length - 1].isIntersecting;
    toEnd();
  }).observe(scroller);
  // What is laid out for the first time may be higher than was expected (`content-visibility`).
  scroller.addEventListener("contentvisibilityautostatechange", toEnd);
  scroller.addEventListener("scroll", () => {
    // Not if the text was laid out higher because the reader has scrolled up to it.
    const isUp = scroller.scrollTop < top - NEAR_END_PX;
    top = scroller.scrollTop;
    if (following && !isUp && scroller.scrollHeight !== height) return toEnd();
    const left = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;
    following = left < NEAR_END_PX;
    if (button) button.hidden = following;
  });
  button?.addEventListener("click", () => {
    following = true;
    toEnd();
    scroller.focus();
  });
  return toEnd;
}
