/** The crew editor: warns before unsaved changes are lost. All else works without scripts. */

const form = /** @type {HTMLFormElement} */ (document.getElementById("edit"));
let isChanged = "changed" in form.dataset;

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
