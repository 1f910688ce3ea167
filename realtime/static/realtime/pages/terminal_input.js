/**
 * Makes what a tool wrote safe for the terminal emulator. What passes is text, C0 controls, simple
 * escapes, and the control sequences of `CONTROLS`; each of these is limited in what it costs. All
 * else is replaced by CAN, which ends a sequence and shows nothing, so that what stands around it
 * never becomes a sequence.
 */

export const COLUMNS = 240;
export const ROWS = 50;
/** A longer link, title or other string is shown as text, so that one without an end hides nothing. */
export const STRING_AT_MOST = 2_083;
/** Lines that all sequences of one output may move, fill or erase. Each costs up to 0.15 ms. */
export const LINES_MOVED_AT_MOST = 5_000;
const SEQUENCE_AT_MOST = 200; // characters of a control sequence
const SPARE = 4;

const [CAN, LINK] = ["\x18", "8;"];
const STRING = `[^\\x07\\x18\\x1a\\x1b\\n]{0,${STRING_AT_MOST}}`;
const SEQUENCES = new RegExp(
  [
    `\\x1b\\[([0-?]{0,${SEQUENCE_AT_MOST}})([ -/]{0,${SPARE}})([@-~])`,
    `\\x1b([\\]PX^_])(${STRING})(?:\\x07|\\x1b\\\\)`,
    "\\x1b[[\\]PX^_c]", // without an end, or too long; c: full reset
    "\\x1b#8", // fills the screen
    "[\\x00\\x05\\x80-\\x9f]", // C1 controls, NUL, a question to the terminal
  ].join("|"),
  "g",
);
const UNFINISHED = new RegExp(
  `\\x1b(?:\\[[0-?]{0,${SEQUENCE_AT_MOST}}[ -/]{0,${SPARE}}|[\\]PX^_]${STRING}\\x1b?|#)?$`,
);
const LONGEST = STRING_AT_MOST + SPARE;

// Cursor, erasing, tabs, colours, regions; not: questions, window, mouse, titles, columns, keyboard.
const CONTROLS = "@ABCDEFGHIJKLMPSTXZ`abdefhlmrsu";
const MOVES_LINES = "LMST";
const COSTS_A_LINE = "Jb";
const MODES = new Set(["4", "?6", "?7", "?47", "?1047", "?1048", "?1049"]);

export class TerminalInput {
  #carry = "";
  #moved = 0;

  /**
   * @param {string} chunk  what the tool wrote next, cut anywhere
   * @returns {string} what the emulator may read; a sequence without its end waits for the next chunk
   */
  feed(chunk) {
    const text = this.#carry + chunk;
    const unfinished = UNFINISHED.exec(text.slice(-LONGEST))?.[0].length ?? 0;
    this.#carry = unfinished ? text.slice(-unfinished) : "";
    return text
      .slice(0, text.length - unfinished)
      .replace(SEQUENCES, (whole, parameters, between, final, kind, string) => {
        if (final) return this.#control(parameters, between, final);
        return kind === "]" && string.startsWith(LINK) ? whole : CAN;
      });
  }

  /**
   * @param {string} parameters
   * @param {string} between
   * @param {string} final
   */
  #control(parameters, between, final) {
    if (between || !CONTROLS.includes(final)) return CAN;
    if (final === "h" || final === "l") {
      const isKnown = MODES.has(parameters) && this.#isAfforded(parameters.startsWith("?") ? 1 : 0);
      return isKnown ? `\x1b[${parameters}${final}` : CAN;
    }
    const isPlain = /^[\d;:]*$/.test(parameters);
    if (final === "m") return isPlain ? `\x1b[${parameters}m` : CAN;
    if (!isPlain) return CAN;
    const most = MOVES_LINES.includes(final) ? ROWS : COLUMNS;
    const numbers = parameters.replace(/\d+/g, (number) => String(Math.min(Number(number), most)));
    const [first] = numbers.split(";");
    if (final === "J" && first === "3") return CAN; // What has scrolled off stays readable.
    const lines = MOVES_LINES.includes(final) ? Number(first) || 1 : 0;
    if (!this.#isAfforded(COSTS_A_LINE.includes(final) ? 1 : lines)) return CAN;
    return `\x1b[${numbers}${final}`;
  }

  /** @param {number} lines  that a sequence moves, fills or erases */
  #isAfforded(lines) {
    this.#moved += lines;
    return !lines || this.#moved <= LINES_MOVED_AT_MOST;
  }
}
