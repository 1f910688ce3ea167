/**
 * Lines of output that do not change any more, in blocks. The browser lays out only the blocks that
 * are seen (`content-visibility`), while search, copying and the browser's own search find all of
 * them. The oldest blocks are removed when the text or the number of styled pieces reaches its limit.
 */

/** @import {Line, Run} from "./terminal_screen.js"; */
/** @typedef {{element: HTMLElement, lines: number, chars: number, pieces: number}} Block */

export const KEEP_CHARS = 200_000; // UTF-16 units; a link leads to the full output
export const KEEP_PIECES = 20_000; // elements of styled text
const BLOCK_LINES = 50;
const BLOCK_CHARS = 10_000;

export class OutputBlocks {
  element = document.createElement("div");
  /** @type {Block[]} */
  #blocks = [];
  #chars = 0;
  #pieces = 0;

  /**
   * @param {Line[]} lines
   * @param {boolean} [isAll]  the last one has no end
   * @returns {boolean} whether something had to be removed
   */
  add(lines, isAll = false) {
    for (const [number, line] of lines.entries()) {
      let block = this.#blocks[this.#blocks.length - 1];
      if (!block || block.lines >= BLOCK_LINES || block.chars >= BLOCK_CHARS) {
        const element = document.createElement("div");
        element.className = "output-block";
        this.element.append(element);
        block = { element, lines: 0, chars: 0, pieces: 0 };
        this.#blocks.push(block);
      }
      const chars = line.reduce((sum, run) => sum + run.text.length, 1);
      const pieces = line.filter(({ style, href }) => style || href).length;
      put(block.element, line, isAll && number === lines.length - 1);
      block.lines += 1;
      block.chars += chars;
      block.pieces += pieces;
      this.#chars += chars;
      this.#pieces += pieces;
    }
    return this.#forget();
  }

  #forget() {
    let isCut = false;
    while (this.#blocks.length > 1 && (this.#chars > KEEP_CHARS || this.#pieces > KEEP_PIECES)) {
      const oldest = /** @type {Block} */ (this.#blocks.shift());
      oldest.element.remove();
      this.#chars -= oldest.chars;
      this.#pieces -= oldest.pieces;
      isCut = true;
    }
    return isCut;
  }
}

/**
 * @param {Line} line
 * @param {boolean} isLast  it has no end
 */
export function lineElement(line, isLast) {
  const element = document.createElement("div");
  put(element, line, isLast);
  return element;
}

/**
 * Appends a line and its end. Nothing that a tool wrote is ever read as markup.
 * @param {HTMLElement} element
 * @param {Line} line
 * @param {boolean} isLast
 */
function put(element, line, isLast) {
  for (const run of line)
    putText(run.style || run.href ? pieceIn(element, run) : element, run.text);
  if (!isLast) putText(element, "\n");
}

/**
 * @param {HTMLElement} element
 * @param {string} text
 */
function putText(element, text) {
  if (element.lastChild instanceof Text) element.lastChild.data += text;
  else element.append(text);
}

/**
 * @param {HTMLElement} parent
 * @param {Run} run
 */
function pieceIn(parent, { style, href }) {
  const piece = document.createElement(href ? "a" : "span");
  if (piece instanceof HTMLAnchorElement) {
    piece.href = piece.title = href;
    piece.target = "_blank";
    piece.rel = "noopener noreferrer nofollow";
  }
  if (style?.marks) piece.className = style.marks;
  if (style?.color) piece.style.color = style.color;
  if (style?.background) piece.style.background = style.background;
  parent.append(piece);
  return piece;
}
