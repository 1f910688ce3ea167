// Sends the form of a crew once. A second press would be refused, because the first has saved the
// crew since the page was opened.
"use strict";

const SENDING_AT_MOST_MS = 60_000; // then it was stopped

document.addEventListener("submit", ({ target }) => {
  // After the submission, whose data would lack a disabled button's.
  if (target.id !== "crew_form") return;
  setTimeout(disable, 0, target, true);
  setTimeout(disable, SENDING_AT_MOST_MS, target, false);
});

// Coming back with the browser's back button restores the page as it was left.
addEventListener("pageshow", () => {
  const form = document.getElementById("crew_form");
  if (form) disable(form, false);
});

function disable(form, isSent) {
  for (const button of form.elements) if (button.type === "submit") button.disabled = isSent;
}
