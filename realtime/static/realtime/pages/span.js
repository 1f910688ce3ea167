/**
 * @param {string} name  the class
 * @param {(Node | string)[]} contents
 */
export function span(name, ...contents) {
  const element = document.createElement("span");
  element.className = name;
  element.append(...contents);
  return element;
}

/**
 * The name of a call in an agent's card or row, as a link.
 * @param {string} href
 * @param {string} text
 */
export function toolLink(href, text) {
  const link = document.createElement("a");
  link.className = "tool-name";
  link.href = href;
  link.textContent = text;
  return link;
}
