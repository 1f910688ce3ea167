/** Starts a run without leaving the page. */

import { setBusy } from "./forms.js";
import { morph } from "./morph.js";

/**
 * @param {HTMLFormElement} form  posts to `run-start`, which redirects to the run or says why not
 * @param {() => void} onStarted
 */
export function startingHere(form, onStarted) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    event.stopPropagation();
    const body = new FormData(form);
    const focused = document.activeElement;
    setBusy(form, true);
    try {
      const response = await fetch(form.action, { method: "POST", body });
      const path = new URL(response.url).pathname;
      if (response.ok && path.startsWith("/runs/")) {
        removeNotices();
        onStarted();
      } else if (response.ok && path === location.pathname) showNotices(await response.text());
      else location.reload(); // Signed out, or the role was taken away: the server says it better.
    } catch {
      form.submit(); // Without a connection the browser shows what is wrong.
      return;
    }
    setBusy(form, false);
    returnFocus(form, focused);
  });
}

/** What earlier requests were answered. The notice about the worker stays. */
function removeNotices() {
  for (const notice of document.querySelectorAll("#notices > .alert")) notice.remove();
}

/**
 * A button that is disabled loses the focus, and the keyboard its place.
 * @param {HTMLFormElement} form
 * @param {Element | null} focused  before the form was sent
 */
function returnFocus(form, focused) {
  const isLost = document.activeElement === document.body;
  if (isLost && focused instanceof HTMLElement && form.contains(focused)) focused.focus();
}

/** @param {string} html  of the page that the server sent us back to, with its message */
function showNotices(html) {
  const fresh = new DOMParser().parseFromString(html, "text/html").getElementById("notices");
  const notices = document.getElementById("notices");
  if (fresh && notices) morph(notices, fresh);
}
