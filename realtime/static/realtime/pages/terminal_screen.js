/**
 * A tool's output as a terminal shows it: `@xterm/headless` reads it, and its cells become lines of
 * text with styles. Knows nothing of pages. Lines that have scrolled off the screen do not change any
 * more and are handed over once; the screen is what a later output may change.
 */

import { Terminal } from "@xterm/headless/lib-headless/xterm-headless.mjs";
import { COLUMNS, ROWS, TerminalInput } from "./terminal_input.js";
import { styleOf } from "./terminal_style.js";

/** @import {IBuffer, IBufferCell, IBufferLine, IMarker} from "@xterm/headless"; */
/** @import {Style} from "./terminal_style.js"; */

/**
 * @typedef {object} Run  text of one style
 * @property {string} text
 * @property {Style | null} style  null: none
 * @property {string} href  an http or https address, or ""
 */
/** @typedef {Run[]} Line  with all rows of the screen that it was wrapped into */

const PLAIN = { style: null, href: "" };
const SLICE = 500; // characters between two looks at what has scrolled off
const WRAPPED_AT_MOST = 100; // rows of one line; what follows is another line
/** More rows than a slice can push off the screen. */
const SCROLLBACK = 2 * SLICE + WRAPPED_AT_MOST;

export class TerminalScreen {
  #input = new TerminalInput();
  #terminal = new Terminal({
    cols: COLUMNS,
    rows: ROWS,
    scrollback: SCROLLBACK,
    convertEol: true, // a pipe has no driver that adds the carriage return
    allowProposedApi: true,
    logLevel: "off",
  });
  /** The last row that was handed over, or above it. @type {IMarker | undefined} */
  #marker;
  #below = 0; // rows handed over below the marker
  /** @type {Line[]} */
  #left = [];
  #cell = this.#terminal.buffer.normal.getNullCell();

  /**
   * @param {string} text
   * @returns {Promise<void>} when all of it has been read; it yields to the page every 12 ms
   */
  write(text) {
    const safe = this.#input.feed(text);
    for (let at = 0; at < safe.length; at += SLICE)
      this.#terminal.write(safe.slice(at, at + SLICE), () => this.#take());
    return new Promise((resolve) => this.#terminal.write("", resolve));
  }

  /** The lines that have scrolled off the screen since the last call. */
  takeLines() {
    return this.#left.splice(0);
  }

  /** The lines on the screen, down to the cursor: its line has no end yet. */
  screen() {
    const { normal, active } = this.#terminal.buffer;
    const lines = this.#lines(normal, this.#first, this.#end(normal));
    if (active !== normal) lines.push(...this.#lines(active, 0, this.#end(active)));
    return lines;
  }

  /**
   * The row after the last one with text, or after the cursor.
   * @param {IBuffer} buffer
   */
  #end(buffer) {
    const cursor = buffer.baseY + buffer.cursorY;
    let end = buffer.baseY + ROWS;
    const isEmpty = (/** @type {number} */ y) => {
      const row = buffer.getLine(y);
      return !row || !this.#lengthOf(row);
    };
    while (end - 1 > cursor && isEmpty(end - 1)) end -= 1;
    return end;
  }

  dispose() {
    this.#terminal.dispose();
  }

  /** The first row of the normal buffer that was not handed over. */
  get #first() {
    return this.#marker ? this.#marker.line + 1 + this.#below : this.#below;
  }

  #take() {
    const { normal, active } = this.#terminal.buffer;
    const from = this.#first;
    let to = normal.baseY;
    while (to > from && normal.getLine(to)?.isWrapped) to -= 1;
    if (normal.baseY - to > WRAPPED_AT_MOST) to = normal.baseY;
    if (to <= from) return;
    this.#left.push(...this.#lines(normal, from, to));
    this.#below += to - from;
    if (active !== normal) return; // Markers are of the normal buffer only.
    this.#marker?.dispose();
    this.#marker = this.#terminal.registerMarker(to - 1 - normal.baseY - normal.cursorY);
    this.#below = 0;
  }

  /**
   * @param {IBuffer} buffer
   * @param {number} from  row
   * @param {number} to  the row after the last
   */
  #lines(buffer, from, to) {
    /** @type {Line[]} */
    const lines = [];
    for (let y = from; y < to; y += 1) {
      const row = buffer.getLine(y);
      if (!row) break;
      if (y === from || !row.isWrapped) lines.push([]);
      const isWrapped = y + 1 < to && buffer.getLine(y + 1)?.isWrapped;
      this.#add(lines[lines.length - 1], row, isWrapped ? row.length : this.#lengthOf(row));
    }
    return lines;
  }

  /**
   * @param {Line} line
   * @param {IBufferLine} row
   * @param {number} end  of the cells that are added
   */
  #add(line, row, end) {
    for (let from = 0, x = 0; x < end; from = x) {
      const { style, href } = this.#lookOf(row, x);
      for (x += 1; x < end; x += 1) {
        const next = this.#lookOf(row, x);
        if (next.style !== style || next.href !== href) break;
      }
      const text = row.translateToString(false, from, x);
      const last = line[line.length - 1];
      if (last && last.style === style && last.href === href) last.text += text;
      else line.push({ text, style, href });
    }
  }

  /**
   * @param {IBufferLine} row
   * @param {number} x
   */
  #lookOf(row, x) {
    const cell = /** @type {IBufferCell} */ (row.getCell(x, this.#cell));
    const style = styleOf(cell);
    return style ? { style, href: this.#link(cell) } : PLAIN;
  }

  /**
   * The cells of a row up to the last one that something was written into.
   * @param {IBufferLine} row
   */
  #lengthOf(row) {
    let end = row.length;
    while (end > 0) {
      const cell = /** @type {IBufferCell} */ (row.getCell(end - 1, this.#cell));
      if (cell.getCode() || !cell.getWidth()) break;
      end -= 1;
    }
    return end;
  }

  /**
   * The address of a cell's link. xterm.js has no public name for it: where these fields are not
   * found, the text has no link.
   * @param {IBufferCell} cell
   */
  #link(cell) {
    const { extended, hasExtendedAttrs } = /** @type {any} */ (cell);
    if (!hasExtendedAttrs?.call(cell) || !extended?.urlId) return "";
    const links = /** @type {any} */ (this.#terminal)._core?._oscLinkService;
    return webAddress(links?.getLinkData?.(extended.urlId)?.uri);
  }
}

/**
 * @param {unknown} uri
 * @returns {string} the address, if it leads to a web page, else ""
 */
export function webAddress(uri) {
  try {
    const { protocol, href } = new URL(String(uri));
    return protocol === "https:" || protocol === "http:" ? href : "";
  } catch {
    return "";
  }
}
