/**
 * Makes `current` like `wanted` with as few changes as possible, so that focus, selection and
 * running animations survive an update from the server. Children with an id are matched by it.
 * What stands below `[data-keep]` belongs to a script and is left alone, as is an open `<details>`.
 * @param {Element} current
 * @param {Element} wanted
 */
export function morph(current, wanted) {
  if (current.hasAttribute("data-keep")) return;
  morphAttributes(current, wanted);
  morphChildren(current, wanted);
}

/**
 * @param {Element} current
 * @param {Element} wanted
 */
function morphAttributes(current, wanted) {
  const mine = (/** @type {string} */ name) => name === "open" && current.nodeName === "DETAILS";
  for (const { name } of [...current.attributes]) {
    if (!wanted.hasAttribute(name) && !mine(name)) current.removeAttribute(name);
  }
  for (const { name, value } of wanted.attributes) {
    if (current.getAttribute(name) !== value && !mine(name)) current.setAttribute(name, value);
  }
}

/**
 * @param {Element} current
 * @param {Element} wanted
 */
function morphChildren(current, wanted) {
  /** @type {ChildNode | null} */
  let next = current.firstChild;
  for (const child of [...wanted.childNodes]) {
    const match = counterpart(current, child, next);
    if (!match) {
      current.insertBefore(child, next);
      continue;
    }
    if (match === next) next = next.nextSibling;
    else current.insertBefore(match, next);
    if (match instanceof Element && child instanceof Element) morph(match, child);
    else if (match.nodeValue !== child.nodeValue) match.nodeValue = child.nodeValue;
  }
  while (next) {
    const gone = next;
    next = next.nextSibling;
    gone.remove();
  }
}

/**
 * The child of `parent` that stands for `child`: of the same id, else the next one if it is alike.
 * @param {Element} parent
 * @param {ChildNode} child
 * @param {ChildNode | null} next
 */
function counterpart(parent, child, next) {
  const id = idOf(child);
  if (id) return [...parent.children].find((element) => element.id === id) ?? null;
  return next && next.nodeName === child.nodeName && !idOf(next) ? next : null;
}

/** @param {Node} node */
function idOf(node) {
  return node instanceof Element ? node.id : "";
}
