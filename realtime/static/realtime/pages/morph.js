/** Changes the page into what the server sends, with as few changes as possible. */

import { Idiomorph } from "idiomorph";

/**
 * Focus, selection and running animations survive an update from the server. Elements with an id
 * are matched by it. What the server sends as `[data-keep]` belongs to a script and is left alone, as
 * are the style and classes of `[data-placed]`, an open `<details>`, what was fetched into a card of
 * a tool, and parts that the server has sent empty with `data-same`, because the page has them. A form
 * that is being sent (`data-sending`) keeps its key and its disabled buttons. Of an output with
 * `data-raw` only that changes: `past_output.js` draws it. A list whose items are all new is replaced.
 * @param {Element} current
 * @param {Element} wanted
 * @returns {boolean} false where a part that the page should have was not there
 */
export function morph(current, wanted) {
  let isWhole = true;
  Idiomorph.morph(current, wanted, {
    morphStyle: "outerHTML",
    callbacks: {
      beforeNodeMorphed: (/** @type {Node} */ node, /** @type {Node} */ fresh) =>
        !node.isEqualNode(fresh) &&
        !has(node, "data-sending") &&
        !has(fresh, "data-keep") &&
        !has(fresh, "data-same") &&
        !passRaw(node, fresh) &&
        !replaceItems(node, fresh),
      beforeNodeAdded: (/** @type {Node} */ node) => {
        const isMissing = has(node, "data-same");
        if (isMissing) isWhole = false;
        return !isMissing;
      },
      beforeNodeRemoved: (/** @type {Node} */ node) =>
        !(node instanceof Element && node.matches(".tool > .tool-body")),
      beforeAttributeUpdated: (/** @type {string} */ name, /** @type {Element} */ element) =>
        !(name === "open" && element.nodeName === "DETAILS") &&
        !((name === "style" || name === "class") && has(element, "data-placed")),
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

/**
 * @param {Node} node
 * @param {Node} fresh
 * @returns {boolean} whether there was something to pass
 */
function passRaw(node, fresh) {
  const raw = fresh instanceof Element ? fresh.getAttribute("data-raw") : null;
  if (raw === null || !(node instanceof Element)) return false;
  node.setAttribute("data-raw", raw);
  return true;
}

/**
 * Comparing each item with each takes longer than the items themselves.
 * @param {Node} node
 * @param {Node} fresh
 * @returns {boolean} whether no item of the list has stayed, so that all were replaced
 */
function replaceItems(node, fresh) {
  if (!(node instanceof HTMLOListElement && fresh instanceof HTMLOListElement)) return false;
  const ids = new Set(Array.from(node.children, (item) => item.id));
  const items = [...fresh.children].filter((item) => !has(item, "data-keep"));
  const isKnown = (/** @type {Element} */ item) =>
    !item.id || ids.has(item.id) || has(item, "data-same");
  if (!items.length || items.some(isKnown)) return false;
  for (const item of [...node.children]) if (!has(item, "data-keep")) item.remove();
  node.prepend(...items);
  for (const name of node.getAttributeNames()) if (!has(fresh, name)) node.removeAttribute(name);
  for (const { name, value } of fresh.attributes) node.setAttribute(name, value);
  return true;
}
