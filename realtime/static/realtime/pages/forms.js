/** Disables the buttons of a form while it is being sent. */

/**
 * @param {HTMLFormElement} form
 * @param {boolean} busy
 */
export function setBusy(form, busy) {
  for (const button of form.querySelectorAll("button[data-busy]")) {
    if (button instanceof HTMLButtonElement) button.disabled = busy;
    button.classList.toggle("btn-loading", busy);
  }
}
