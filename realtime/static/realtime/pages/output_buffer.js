/**
 * A tool's output as text to show. Works on chunks cut anywhere, in time linear in their length.
 *
 * Escape sequences are taken out (ECMA-48; `runs/pages/transcript.py` does the same). A carriage return
 * goes back to the line's beginning, so of a progress bar the last state is seen.
 */

// A string (title, link) is bounded, so that one which never ends hides nothing.
const ESCAPES =
  /\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b\n]{0,1000}(?:\x07|\x1b\\)|[ -/]*[0-~])/g;
const UNFINISHED = /\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x1b\n]{0,1000}\x1b?|[ -/]*)$/;
const CONTROLS = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/g;
const LONGEST_ESCAPE = 1_100;

export class OutputBuffer {
  #carry = "";
  #line = "";
  #overwrite = false;

  /**
   * @param {string} chunk  what the tool wrote next
   * @returns {{lines: string, line: string}} `lines`: what is complete now, each with its `\n`;
   *   `line`: the unfinished one, which the next chunk may change
   */
  feed(chunk) {
    const text = this.#carry + chunk;
    const tail = text.slice(-LONGEST_ESCAPE);
    const unfinished = UNFINISHED.exec(tail)?.[0].length ?? 0;
    this.#carry = unfinished ? text.slice(-unfinished) : "";
    const visible = text.slice(0, text.length - unfinished).replace(ESCAPES, "");
    const parts = visible.replace(CONTROLS, "").split("\n");
    const last = /** @type {string} */ (parts.pop());
    const lines = parts.map((part) => {
      this.#write(part);
      const line = `${this.#line}\n`;
      this.#line = "";
      this.#overwrite = false;
      return line;
    });
    this.#write(last);
    return { lines: lines.join(""), line: this.#line };
  }

  /** @param {string} part  of a line, possibly with carriage returns */
  #write(part) {
    const states = part.split("\r");
    for (const [number, state] of states.entries()) {
      if (number > 0) this.#overwrite = true;
      if (!state) continue;
      this.#line = this.#overwrite ? state : this.#line + state;
      this.#overwrite = false;
    }
  }
}

/**
 * The length of `text` as the server counts it: in code points, not in UTF-16 units.
 * @param {string} text
 */
export function codePoints(text) {
  let pairs = 0;
  for (let at = 0; at < text.length; at += 1) {
    if ((text.codePointAt(at) ?? 0) > 0xffff) {
      pairs += 1;
      at += 1;
    }
  }
  return text.length - pairs;
}

/**
 * `text` without its first `count` code points.
 * @param {string} text
 * @param {number} count
 */
export function skip(text, count) {
  let at = 0;
  for (let left = count; left > 0 && at < text.length; left -= 1) {
    at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
  }
  return text.slice(at);
}
