/** Shows a terminal's lines in a page: always text, limited in length, with its end in view. */

import { follow } from "./auto_scroll.js";
import { KEEP_CHARS, OutputBlocks, lineElement } from "./output_blocks.js";
import { OutputSearch } from "./output_search.js";

/** @import {Screen} from "./output_feed.js"; */
/** @import {TerminalScreen} from "./terminal_screen.js"; */

/** @implements {Screen} */
export class OutputPane {
  #text;
  #note;
  #scroll;
  #search;
  #blocks = new OutputBlocks();
  #onScreen = document.createElement("div");
  /** What each line on the screen shows. @type {string[]} */
  #shown = [];
  /** @type {TerminalScreen | undefined} */
  #screen;
  #pending = "";
  #isAsked = false;
  #isInLine = false;
  #ours = false;
  #isLeft = false;
  #isComplete = false;

  /** @param {HTMLElement} root  `.tool-output` */
  constructor(root) {
    this.#text = /** @type {HTMLElement} */ (root.querySelector(".output-text"));
    this.#note = /** @type {HTMLElement | null} */ (root.querySelector("[data-cut]"));
    this.#scroll = follow(this.#text, root.querySelector("[data-follow]"));
    this.#search = root.querySelector("[data-search]") ? new OutputSearch(root) : undefined;
  }

  /** @param {string} text */
  append(text) {
    if (this.#isLeft) return;
    this.#pending += this.#isInLine ? text.slice(text.indexOf("\n") + 1) : text;
    this.#isInLine &&= !text;
    if (this.#pending.length > 2 * KEEP_CHARS) this.#leaveOut();
    // Many events a second are painted once. A hidden page paints nothing, and so keeps it for later.
    if (this.#isAsked) return;
    this.#isAsked = true;
    requestAnimationFrame(() => this.#paint());
  }

  /** The output begins anew, in the middle of a line: what is there stays until it is replaced. */
  restart() {
    this.#pending = "";
    this.#ours = false;
    this.#isInLine = true; // and perhaps of a control sequence
    this.#showCut();
  }

  toEnd() {
    this.#scroll();
  }

  /** The output has gone from the page: nothing more is painted. */
  leave() {
    this.#isLeft = true;
    this.#search?.leave();
    this.#screen?.dispose();
    this.#screen = undefined;
  }

  /** All of the output has come: once it is painted, its terminal's memory is freed. */
  complete() {
    this.#isComplete = true;
    this.#free();
  }

  #free() {
    if (!this.#isComplete || this.#isAsked || this.#pending) return;
    this.#screen?.dispose();
    this.#screen = undefined;
    // What it shows stays. Should more come all the same, that is shown below.
    this.#onScreen = document.createElement("div");
    this.#shown = [];
  }

  /** Lines in the middle are left out. So those before it are shown no more. */
  #leaveOut() {
    const end = this.#pending.slice(-KEEP_CHARS);
    this.#pending = end.slice(end.indexOf("\n") + 1);
    this.#ours = false;
    this.#showCut();
  }

  async #paint() {
    const { TerminalScreen } = await import("./terminal_screen.js");
    if (this.#isLeft) return;
    const isNew = !this.#ours;
    this.#ours = true;
    if (isNew) this.#screen?.dispose();
    if (isNew || !this.#screen) this.#screen = new TerminalScreen();
    const screen = this.#screen;
    const text = this.#pending;
    this.#pending = "";
    await screen.write(text);
    this.#isAsked = false;
    if (this.#pending || !this.#ours) this.append("");
    if (screen !== this.#screen || !this.#ours) return;
    if (isNew) this.#begin();
    else if (!this.#onScreen.isConnected) this.#text.append(this.#onScreen);
    if (this.#blocks.add(screen.takeLines())) this.#showCut();
    this.#draw(screen.screen());
    this.#search?.update();
    this.#scroll();
    this.#free();
  }

  #begin() {
    this.#blocks = new OutputBlocks();
    this.#shown = [];
    this.#onScreen.replaceChildren();
    this.#text.replaceChildren(this.#blocks.element, this.#onScreen);
  }

  /** @param {import("./terminal_screen.js").Line[]} lines */
  #draw(lines) {
    const isLast = (/** @type {number} */ number) => number === lines.length - 1;
    const keys = lines.map((line, number) => `${isLast(number)} ${JSON.stringify(line)}`);
    for (const [number, line] of lines.entries()) {
      if (this.#shown[number] === keys[number]) continue;
      const fresh = lineElement(line, isLast(number));
      const old = this.#onScreen.children[number];
      if (old) old.replaceWith(fresh);
      else this.#onScreen.append(fresh);
    }
    while (this.#onScreen.children.length > lines.length) this.#onScreen.lastChild?.remove();
    this.#shown = keys;
  }

  #showCut() {
    if (this.#note) this.#note.hidden = false;
  }
}
