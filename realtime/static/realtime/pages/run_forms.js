/** Buttons of the run page: a question before what cannot be undone, and copying. */

const SAID_MS = 2_000;

export function askBeforeSubmitting() {
  const dialog = /** @type {HTMLDialogElement} */ (document.getElementById("confirm"));
  // Before any other listener: until it is confirmed, nothing has been submitted.
  document.addEventListener("submit", (event) => ask(event, dialog), { capture: true });
}

export function copyOnClick() {
  document.addEventListener("click", async ({ target }) => {
    const button = target instanceof Element ? target.closest("[data-copy]") : null;
    const source = button && document.querySelector(button.getAttribute("data-copy") ?? "");
    if (!button || !source) return;
    const said = await copy(source);
    const label = button.querySelector("span");
    if (!label) return;
    label.textContent = said ? "Copied" : "Press Ctrl+C";
    setTimeout(() => (label.textContent = "Copy"), SAID_MS);
  });
}

/**
 * @param {SubmitEvent} event
 * @param {HTMLDialogElement} dialog
 */
function ask(event, dialog) {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || !form.dataset.confirm) return;
  if (dialog.returnValue === form.id) {
    dialog.returnValue = "";
    return;
  }
  event.preventDefault();
  event.stopImmediatePropagation();
  const { confirm, confirmText, confirmYes } = form.dataset;
  const put = (/** @type {string} */ selector, /** @type {string | undefined} */ text) => {
    const element = dialog.querySelector(selector);
    if (element) element.textContent = text ?? "";
  };
  put("h2", confirm);
  put("p", confirmText);
  put(".btn-primary", confirmYes);
  dialog.returnValue = "";
  dialog.addEventListener(
    "close",
    () => {
      // The server may have renewed the page meanwhile: it is the form that is there now.
      const current = document.getElementById(form.id);
      if (dialog.returnValue !== "yes" || !(current instanceof HTMLFormElement)) return;
      dialog.returnValue = form.id;
      current.requestSubmit();
    },
    { once: true },
  );
  dialog.showModal();
}

/** @param {Element} source  a field or a text */
async function copy(source) {
  const text = source instanceof HTMLInputElement ? source.value : (source.textContent ?? "");
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Refused, or not there without https: select it, so that the reader's keys copy it.
    getSelection()?.selectAllChildren(source);
    if (source instanceof HTMLInputElement) source.select();
    return false;
  }
}
