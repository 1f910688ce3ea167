/** Buttons of the run page: confirmation of actions that cannot be undone, dialogs, copying. */

import { setText } from "./set_text.js";

const SAID_MS = 2_000;

export function askBeforeSubmitting() {
  const dialog = /** @type {HTMLDialogElement} */ (document.getElementById("confirm"));
  // Before any other listener: until it is confirmed, nothing has been submitted.
  document.addEventListener("submit", (event) => ask(event, dialog), { capture: true });
}

/** Buttons with `data-opens` open the named dialog, those with `data-closes` close it. */
export function openDialogs() {
  document.addEventListener("click", ({ target }) => {
    const button = target instanceof Element ? target.closest("[data-opens], [data-closes]") : null;
    const opens = button?.getAttribute("data-opens");
    const dialog = document.getElementById(opens ?? button?.getAttribute("data-closes") ?? "");
    if (!(dialog instanceof HTMLDialogElement)) return;
    if (opens) dialog.showModal();
    else dialog.close();
  });
}

/** Buttons with `data-copy` copy the named element; links with `data-copy-link` their address. */
export function copyOnClick() {
  document.addEventListener("click", async ({ target }) => {
    const button =
      target instanceof Element ? target.closest("[data-copy], [data-copy-link]") : null;
    const label = button?.querySelector("span");
    if (!button || !label) return;
    const source = document.querySelector(button.getAttribute("data-copy") || "nothing");
    if (source) say(label, (await copy(source)) ? "Copied" : "Press Ctrl+C");
    // Where copying is refused, the address bar has it: the link leads there.
    else if (button instanceof HTMLAnchorElement && (await copyText(button.href)))
      say(label, "Copied");
  });
}

/**
 * @param {Element} label
 * @param {string} words  instead of its own, for a while
 */
function say(label, words) {
  const own = label.getAttribute("data-own") ?? label.textContent ?? "";
  label.setAttribute("data-own", own);
  label.textContent = words;
  setTimeout(() => (label.textContent = own), SAID_MS);
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
  const { confirm: title, confirmText: text, confirmYes: yes, confirmDanger } = form.dataset;
  const isDanger = confirmDanger !== undefined;
  confirm(dialog, { title, text, yes, isDanger }, form.id, (current) => {
    dialog.returnValue = form.id;
    current.requestSubmit();
  });
}

/**
 * Asks before a form is submitted.
 * @param {HTMLDialogElement} dialog
 * @param {{title?: string, text?: string, yes?: string, isDanger?: boolean}} texts  `yes`: of the
 *   button that confirms, which is red if `isDanger`
 * @param {string} id  of the form
 * @param {(form: HTMLFormElement) => void} submit  called with the form that the page then has: the
 *   server may have renewed it meanwhile
 */
export function confirm(dialog, { title, text, yes, isDanger = false }, id, submit) {
  setText(dialog.querySelector("h2"), title ?? "");
  setText(dialog.querySelector("p"), text ?? "");
  const button = dialog.querySelector("button[value=yes]");
  setText(button, yes ?? "");
  button?.classList.toggle("btn-danger", isDanger);
  button?.classList.toggle("btn-primary", !isDanger);
  dialog.returnValue = "";
  const onClose = () => {
    const form = document.getElementById(id);
    if (dialog.returnValue === "yes" && form instanceof HTMLFormElement) submit(form);
  };
  dialog.addEventListener("close", onClose, { once: true });
  dialog.showModal();
}

/** @param {Element} source  a field or a text */
async function copy(source) {
  if (
    await copyText(source instanceof HTMLInputElement ? source.value : (source.textContent ?? ""))
  )
    return true;
  // Select it, so that the reader's keys copy it.
  getSelection()?.selectAllChildren(source);
  if (source instanceof HTMLInputElement) source.select();
  return false;
}

/** @param {string} text @returns {Promise<boolean>} whether it was copied */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false; // Refused, or not there without https.
  }
}
