/** The output of one tool: what the server has of it, and what follows from the socket. */

import { codePoints } from "./code_points.js";
import { OutputFeed } from "./output_feed.js";
import { OutputPane } from "./output_pane.js";

/** A tool's card. Its output is built only while the card is open. */
export class ToolOutput {
  #card;
  /** @type {OutputPane | undefined} */
  #pane;
  /** @type {OutputFeed | undefined} */
  #feed;
  #length = 0;
  #begun = false;
  #left = new AbortController();

  /**
   * @param {HTMLDetailsElement} card
   * @param {() => void} fetchCard  asks for the content of the card
   */
  constructor(card, fetchCard) {
    this.#card = card;
    const onToggle = () => {
      if (card.open && !card.querySelector(".tool-output")) fetchCard();
      this.update();
      if (card.open) this.#pane?.toEnd();
      else if (card.dataset.status !== "running" && this.#feed?.isDone) this.#pane?.complete();
    };
    card.addEventListener("toggle", onToggle, { signal: this.#left.signal });
    if (card.open && !card.querySelector(".tool-output")) fetchCard();
    this.update();
    if (card.open) this.#pane?.toEnd();
  }

  /** Whether its card is on the page. An update may have removed it, and later made another. */
  get isOnPage() {
    return this.#card.isConnected;
  }

  /** The card shows the past from now on, or has gone from the page. */
  leave() {
    this.#left.abort();
    this.#pane?.leave();
  }

  /** A closed card costs nothing: its elements are searched when it is opened. */
  #prepare() {
    const element = this.#card.querySelector(".tool-output");
    if (this.#pane || !(element instanceof HTMLElement)) return;
    this.#pane = new OutputPane(element);
    this.#feed = new OutputFeed(this.#pane, (from) =>
      load(this.#card.dataset.outputUrl ?? "", from),
    );
  }

  /**
   * A chunk from the socket and where in the output it stands.
   * @param {number} at
   * @param {string} text
   */
  receive(at, text) {
    if (this.#begun && this.#card.open) this.#feed?.receive(at, text);
    else this.#length = Math.max(this.#length, at + codePoints(text));
  }

  /** Fetches the output that the server has and the page does not show yet. */
  update() {
    const { open, dataset } = this.#card;
    if (!open) return;
    this.#prepare();
    if (!this.#feed) return;
    if (!this.#begun) {
      // Served whole, and finished: there is nothing to add.
      const served = this.#card.querySelector(".output-text[data-loaded]");
      if (served && dataset.status !== "running") return;
      this.#begun = true;
    }
    this.#feed.reach(Math.max(this.#length, Number(dataset.length)));
  }
}

/**
 * @param {string} url
 * @param {number} from
 */
async function load(url, from) {
  try {
    const response = await fetch(`${url}?from=${from}`, { cache: "no-store" });
    if (!response.ok) return undefined;
    const place = (/** @type {string} */ name) => Number(response.headers.get(`X-Output-${name}`));
    return { begin: place("Begin"), end: place("End"), text: await response.text() };
  } catch {
    return undefined; // No connection: the live mark says so, and the next update asks again.
  }
}
