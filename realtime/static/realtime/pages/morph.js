/** Makes what the page shows like what the server would show now, with as few changes as possible. */

import { Idiomorph } from "idiomorph";

/**
 * Focus, selection and running animations survive an update from the server. Elements with an id
 * are matched by it. What stands below `[data-keep]` belongs to a script and is left alone, as are
 * an open `<details>`, what was fetched into a card of a tool, and parts that the server has sent
 * empty with `data-same`, because the page has them already.
 * @param {Element} current
 * @param {Element} wanted
 * @returns {boolean} false where a part that the page should have was not there
 */
export function morph(current, wanted) {
  let isWhole = true;
  Idiomorph.morph(current, wanted, {
    morphStyle: "outerHTML",
    callbacks: {
      beforeNodeMorphed: (/** @type {Node} */ node, /** @type {Node} */ fresh) => !has(node, "data-keep") && !has(fresh, "data-same"),
      beforeNodeAdded: (/** @type {Node} */ node) => {
        const isMissing = has(node, "data-same");
        if (isMissing) isWhole = false;
        return !isMissing;
      },
      beforeNodeRemoved: (/** @type {Node} */ node) => !(node instanceof Element && node.matches(".tool > .tool-body")),
      beforeAttributeUpdated: (/** @type {string} */ name, /** @type {Element} */ element) =>
        !(name === "open" && element.nodeName === "DETAILS"),
    },
  });
  return isWhole;
}

/**
 * @param {Node} node
 * @param {string} attribute
 */
function has(node, attribute) {
  return node instanceof Element && node.hasAttribute(attribute);
}
