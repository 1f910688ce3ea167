/** What every page does: a form that starts something is sent once, and times read as local. */

import { localTimes } from "./times.js";

document.addEventListener("submit", ({ target }) => {
  if (!(target instanceof HTMLFormElement) || target.method !== "post") return;
  // After the submission, whose data would lack a disabled button's.
  setTimeout(() => setButtons(target, true));
});

// Coming back with the browser's back button restores the page as it was left.
addEventListener("pageshow", () => {
  for (const form of document.forms) if (form.method === "post") setButtons(form, false);
});

localTimes(document.body);

/**
 * @param {HTMLFormElement} form
 * @param {boolean} busy
 */
function setButtons(form, busy) {
  for (const button of form.querySelectorAll("button[data-busy]")) {
    if (button instanceof HTMLButtonElement) button.disabled = busy;
    button.classList.toggle("btn-loading", busy);
  }
}
