/** @param {string} name  the class */
export function span(name) {
  const element = document.createElement("span");
  element.className = name;
  return element;
}
