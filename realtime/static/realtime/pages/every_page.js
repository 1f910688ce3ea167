/** For every page: a form that starts something is sent once, and times are shown as local. */

import { setBusy } from "./forms.js";
import { localTimes } from "./times.js";

const CLOCK_MS = 15_000;

document.addEventListener("submit", ({ target }) => {
  // After the submission, whose data would lack a disabled button's.
  if (isPost(target)) setTimeout(() => setBusy(target, true));
});

// Coming back with the browser's back button restores the page as it was left.
addEventListener("pageshow", () => {
  for (const form of document.forms) if (isPost(form)) setBusy(form, false);
});

localTimes(document.body);
setInterval(() => localTimes(document.body), CLOCK_MS); // "just now" does not stay

/**
 * @param {unknown} form
 * @returns {form is HTMLFormElement}
 */
function isPost(form) {
  return form instanceof HTMLFormElement && form.method === "post";
}
