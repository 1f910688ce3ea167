/** Makes what the page shows like what the server would show now, with as few changes as possible. */

import { Idiomorph } from "idiomorph";

/**
 * Focus, selection and running animations survive an update from the server. Elements with an id
 * are matched by it. What stands below `[data-keep]` belongs to a script and is left alone, as is
 * an open `<details>`.
 * @param {Element} current
 * @param {Element} wanted
 */
export function morph(current, wanted) {
  Idiomorph.morph(current, wanted, {
    morphStyle: "outerHTML",
    callbacks: {
      beforeNodeMorphed: (/** @type {Node} */ node) => !isKept(node),
      beforeAttributeUpdated: (/** @type {string} */ name, /** @type {Element} */ element) =>
        !(name === "open" && element.nodeName === "DETAILS"),
    },
  });
}

/** @param {Node} node */
function isKept(node) {
  return node instanceof Element && node.hasAttribute("data-keep");
}
