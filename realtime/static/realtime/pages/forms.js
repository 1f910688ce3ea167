/** Buttons of a form that is on its way: pressing them again would do nothing, so they say so. */

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
