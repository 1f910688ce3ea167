// Fills the slug of an agent's row that is added from its name. Django's script looks for it by class
// names that unfold's rows do not have.
"use strict";

document.addEventListener("formset:added", (event) => {
  const row = event.target;
  const slug = row.querySelector("input[name$='-slug']");
  const name = row.querySelector("input[name$='-name']");
  if (slug && name) {
    window.django.jQuery(slug).prepopulate([`#${name.id}`], slug.maxLength);
  }
});
