/**
 * The list of a run's events: filters by kind and text, and keeps its end in view. If the address
 * names an event, that one is in view instead.
 */

import { follow } from "./auto_scroll.js";

export class EventList {
  #root;
  #toEnd;

  /** @param {HTMLElement} root  the run page */
  constructor(root) {
    this.#root = root;
    const wanted = this.#rows.find(({ id }) => `#${id}` === location.hash);
    this.#toEnd = follow(this.#list, null, !wanted);
    wanted?.scrollIntoView({ block: "center" });
    root.querySelector("#event-filter")?.addEventListener("input", () => this.update());
    this.update();
  }

  /** Filters the events of the list. Call it after the list has grown. */
  update() {
    const kind = this.#root.querySelector('[name="event-kind"]:checked')?.getAttribute("value");
    const search = this.#root.querySelector("#event-search");
    const words = search instanceof HTMLInputElement ? search.value : "";
    let shown = 0;
    for (const row of this.#rows) {
      const matches =
        isOfKind(row.dataset, kind ?? "all") && contains(row.textContent ?? "", words);
      row.hidden = !matches;
      shown += Number(matches);
    }
    const none = this.#root.querySelector("#event-none");
    if (none instanceof HTMLElement) none.hidden = shown > 0;
    const count = this.#root.querySelector("#event-count");
    const all = this.#rows.length;
    if (count) count.textContent = shown === all ? `${all}` : `${shown} of ${all}`;
    this.#toEnd();
  }

  get #list() {
    return /** @type {HTMLElement} */ (this.#root.querySelector("#events"));
  }

  get #rows() {
    return /** @type {HTMLElement[]} */ ([...this.#list.querySelectorAll(".event")]);
  }
}

/**
 * @param {{kind?: string, trouble?: string}} row  `trouble` is there on whatever went wrong
 * @param {string} kind
 */
export function isOfKind(row, kind) {
  return kind === "all" || (kind === "trouble" ? row.trouble !== undefined : row.kind === kind);
}

/**
 * Whether every word is in the text, in any order and case.
 * @param {string} text
 * @param {string} words
 */
export function contains(text, words) {
  const whole = text.toLowerCase();
  return words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => whole.includes(word));
}
