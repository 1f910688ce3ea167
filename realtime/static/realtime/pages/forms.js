/** Disables the buttons of a form while it is being sent. `morph.js` leaves such a form alone. */

const SENDING_AT_MOST_MS = 60_000; // then it was stopped, or its answer is no page

/** What ends the waiting of each form. @type {WeakMap<HTMLFormElement, ReturnType<typeof setTimeout>>} */
const timers = new WeakMap();

/**
 * @param {HTMLFormElement} form
 * @param {boolean} busy
 */
export function setBusy(form, busy) {
  form.toggleAttribute("data-sending", busy);
  clearTimeout(timers.get(form));
  if (busy) timers.set(form, setTimeout(setBusy, SENDING_AT_MOST_MS, form, false));
  for (const button of form.querySelectorAll("button[data-busy]")) {
    if (button instanceof HTMLButtonElement) button.disabled = busy;
    button.classList.toggle("btn-loading", busy);
  }
}
