/** The crew editor: warns before unsaved changes are lost. All else works without scripts. */

const form = /** @type {HTMLFormElement} */ (document.getElementById("edit"));
// Somebody may type before this script runs, and browsers fill in again what was typed before.
let isChanged = "changed" in form.dataset || [...form.elements].some(differs);

form.addEventListener("input", () => {
  isChanged = true;
});
form.addEventListener("submit", () => {
  isChanged = false;
});
document.getElementById("discard")?.addEventListener("click", () => {
  isChanged = false;
});
addEventListener("beforeunload", (event) => {
  if (isChanged) event.preventDefault();
});

/** Whether a field differs from what the server has sent. @param {Element} field */
function differs(field) {
  if (field instanceof HTMLSelectElement) {
    const options = [...field.options];
    const sent = Math.max(
      options.findIndex(({ defaultSelected }) => defaultSelected),
      0,
    );
    return field.selectedIndex !== sent;
  }
  if (field instanceof HTMLInputElement && ["checkbox", "radio"].includes(field.type))
    return field.checked !== field.defaultChecked; // nobody types a value
  const isText = field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement;
  return isText && field.value !== field.defaultValue;
}
