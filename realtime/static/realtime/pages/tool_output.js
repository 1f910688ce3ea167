/** The output of one tool: always text, limited in length, with its end in view. */

import { follow } from "./follow.js";
import { OutputBuffer, codePoints } from "./output_buffer.js";
import { OutputFeed } from "./output_feed.js";
import { OutputSearch } from "./output_search.js";

/** @import {Screen} from "./output_feed.js"; */

/** UTF-16 units kept in the page; a link leads to the full output. */
const KEEP_CHARS = 200_000;

/** @implements {Screen} */
class Pane {
  #text;
  #note;
  #scroll;
  #search;
  #buffer = new OutputBuffer();
  #line = new Text();
  #size = 0;
  #frame = 0;
  #pending = "";
  #ours = false;

  /** @param {HTMLElement} root  `.tool-output` */
  constructor(root) {
    this.#text = /** @type {HTMLElement} */ (root.querySelector(".output-text"));
    this.#note = /** @type {HTMLElement} */ (root.querySelector("[data-cut]"));
    this.#scroll = follow(this.#text, root.querySelector("[data-follow]"));
    this.#search = new OutputSearch(root);
  }

  /** @param {string} text */
  append(text) {
    this.#pending += text;
    // Many events a second are painted once. A hidden page paints nothing, and so keeps it for later.
    this.#frame ||= requestAnimationFrame(() => this.#paint());
  }

  restart() {
    this.#buffer = new OutputBuffer();
    this.#pending = "";
    this.#ours = false; // What is there stays until there is something to put in its place.
    this.#note.hidden = false;
  }

  toEnd() {
    this.#scroll();
  }

  #paint() {
    this.#frame = 0;
    if (!this.#ours) {
      this.#text.replaceChildren(this.#line);
      this.#size = 0;
      this.#ours = true;
    }
    const { lines, line } = this.#buffer.feed(this.#pending);
    this.#pending = "";
    if (lines) {
      this.#text.insertBefore(new Text(lines.slice(-KEEP_CHARS)), this.#line);
      this.#size += Math.min(lines.length, KEEP_CHARS);
      this.#forget();
    }
    this.#line.data = line.slice(-KEEP_CHARS);
    this.#search.update();
    this.#scroll();
  }

  #forget() {
    while (this.#size > KEEP_CHARS) {
      const oldest = this.#text.firstChild;
      if (!(oldest instanceof Text) || oldest === this.#line) return;
      const left = oldest.data.length - (this.#size - KEEP_CHARS);
      this.#size = left > 0 ? KEEP_CHARS : this.#size - oldest.data.length;
      if (left > 0) oldest.data = oldest.data.slice(-left);
      else oldest.remove();
      this.#note.hidden = false;
    }
  }
}

/** A tool's card. Its output is built only while the card is open. */
export class ToolOutput {
  #card;
  /** @type {Pane | undefined} */
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
    };
    card.addEventListener("toggle", onToggle, { signal: this.#left.signal });
    if (card.open && !card.querySelector(".tool-output")) fetchCard();
    this.update();
    if (card.open) this.#pane?.toEnd();
  }

  /** The card shows the past from now on. */
  leave() {
    this.#left.abort();
  }

  /** A closed card costs nothing: its elements are searched when it is opened. */
  #prepare() {
    const element = this.#card.querySelector(".tool-output");
    if (this.#pane || !(element instanceof HTMLElement)) return;
    this.#pane = new Pane(element);
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
