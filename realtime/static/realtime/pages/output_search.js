/**
 * Finds words in a tool's output. The text stays as it is, also while it grows: what is found is
 * painted by the browser (CSS Custom Highlight API; without it one still gets from place to place).
 */

const MATCHES_LIMIT = 1_000;
const AGAIN_MS = 400; // after the output has grown
const [FOUND, CURRENT] = ["output-found", "output-current"];

export class OutputSearch {
  #text;
  #field;
  #count;
  /** @type {Range[]} */
  #ranges = [];
  #current = -1;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {HTMLElement} root  `.tool-output` */
  constructor(root) {
    this.#text = /** @type {HTMLElement} */ (root.querySelector(".output-text"));
    this.#field = /** @type {HTMLInputElement} */ (root.querySelector("[data-search]"));
    this.#count = /** @type {HTMLElement} */ (root.querySelector("[data-found]"));
    this.#field.addEventListener("input", () => {
      this.#find();
      this.#go(0);
    });
    this.#field.addEventListener("keydown", (event) => this.#onKey(event));
  }

  /** Call it when the text has changed. */
  update() {
    if (!this.#field.value || this.#timer) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#find();
      this.#show();
    }, AGAIN_MS);
  }

  /** The output has gone from the page: nothing of it stays highlighted. */
  leave() {
    clearTimeout(this.#timer);
    for (const range of this.#ranges) paint(range, false);
    this.#ranges = [];
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if (event.key === "Enter") this.#go(this.#current + (event.shiftKey ? -1 : 1));
    else if (event.key === "Escape" && this.#field.value) {
      this.#field.value = "";
      this.#find();
      this.#show();
    } else return;
    event.preventDefault();
  }

  #find() {
    for (const range of this.#ranges) paint(range, false);
    this.#ranges = [];
    for (const nodes of paragraphs(this.#text)) {
      const text = nodes.map(({ data }) => data).join("");
      const most = MATCHES_LIMIT - this.#ranges.length;
      for (const [begin, end] of matches(text, this.#field.value, most)) {
        const range = new Range();
        range.setStart(...placeIn(nodes, begin));
        range.setEnd(...placeIn(nodes, end));
        this.#ranges.push(range);
        paint(range, true);
      }
    }
  }

  /** @param {number} place  among what is found; it goes on at the other end */
  #go(place) {
    const count = this.#ranges.length;
    this.#current = count ? (place + count) % count : -1;
    this.#show();
    const found = this.#ranges[this.#current]?.getBoundingClientRect();
    if (!found) return;
    const pane = this.#text.getBoundingClientRect();
    if (found.top >= pane.top && found.bottom <= pane.bottom) return;
    this.#text.scrollTop += found.top - pane.top - pane.height / 2;
  }

  #show() {
    const count = this.#ranges.length;
    this.#current = Math.min(this.#current, count - 1);
    const current = this.#ranges[this.#current];
    const highlight = globalThis.CSS?.highlights?.get(CURRENT);
    highlight?.clear();
    if (current) highlight?.add(current);
    this.#count.textContent = this.#field.value ? positionText(this.#current, count) : "";
  }
}

/**
 * Where `words` stand in `text`, in any case of letters.
 * @param {string} text
 * @param {string} words
 * @param {number} most
 * @returns {[number, number][]} begin and end of each
 */
export function matches(text, words, most) {
  if (!words) return [];
  const pattern = new RegExp(words.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "giu");
  /** @type {[number, number][]} */
  const found = [];
  for (const { index, 0: match } of text.matchAll(pattern)) {
    if (found.length >= most) break;
    found.push([index, index + match.length]);
  }
  return found;
}

/**
 * The text nodes below `root`, those of each innermost block together. Words are not found across two.
 * @param {Node} root
 * @returns {Text[][]}
 */
function paragraphs(root) {
  /** @type {Map<Node | null, Text[]>} */
  const found = new Map();
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = /** @type {Text} */ (walker.currentNode);
    const block = node.parentElement?.closest("div, pre") ?? null;
    const nodes = found.get(block);
    if (nodes) nodes.push(node);
    else found.set(block, [node]);
  }
  return [...found.values()];
}

/**
 * @param {Text[]} nodes
 * @param {number} place  in their joined text
 * @returns {[Text, number]}
 */
function placeIn(nodes, place) {
  let left = place;
  for (const node of nodes) {
    if (left <= node.length) return [node, left];
    left -= node.length;
  }
  const last = nodes[nodes.length - 1];
  return [last, last.length];
}

/**
 * @param {number} current
 * @param {number} count
 */
export function positionText(current, count) {
  if (!count) return "not found";
  return `${current + 1} of ${count}${count >= MATCHES_LIMIT ? "+" : ""}`;
}

/**
 * @param {Range} range
 * @param {boolean} found
 */
function paint(range, found) {
  const { highlights } = globalThis.CSS ?? {};
  if (!highlights) return;
  for (const name of [FOUND, CURRENT])
    if (!highlights.has(name)) highlights.set(name, new Highlight());
  if (found) highlights.get(FOUND)?.add(range);
  else for (const name of [FOUND, CURRENT]) highlights.get(name)?.delete(range);
}
