/** Shows the text of a model call in a dialog. Without this script its link leads to the text. */

/** @param {Element} root  the run page */
export function showTexts(root) {
  const dialog = document.getElementById("text-dialog");
  if (!(dialog instanceof HTMLDialogElement)) return;
  root.addEventListener("click", async (event) => {
    const link = event.target instanceof Element ? event.target.closest("a[data-text]") : null;
    const { ctrlKey, metaKey, shiftKey } = /** @type {MouseEvent} */ (event);
    if (!(link instanceof HTMLAnchorElement) || ctrlKey || metaKey || shiftKey) return;
    event.preventDefault();
    const part = (/** @type {string} */ id) =>
      /** @type {HTMLElement} */ (document.getElementById(id));
    const shown = part("text-shown");
    part("text-title").textContent = link.dataset.text ?? "";
    /** @type {HTMLAnchorElement} */ (part("text-link")).href = link.href;
    shown.textContent = "…";
    dialog.showModal();
    const text = await fetched(link.href);
    // Meanwhile somebody may have opened another.
    if (/** @type {HTMLAnchorElement} */ (part("text-link")).href === link.href)
      shown.textContent = text;
  });
}

/** @param {string} address */
async function fetched(address) {
  try {
    const answer = await fetch(address, { cache: "no-store" });
    // A session that has ended leads to the sign-in page.
    if (answer.ok && !answer.redirected) return await answer.text();
  } catch {
    // No connection: said below.
  }
  return "The text cannot be loaded. Try again.";
}
