/**
 * Puts a tool's output together from two sources that know nothing of each other: the socket, whose
 * chunks follow on from the length in the graph's snapshot, and the server, which is asked for the
 * output after a length. Nothing is lost between the two and nothing is shown twice, because every
 * chunk has a place: it is cut where it overlaps, and waits while something before it is missing.
 * Places and lengths are in code points, as the server counts them.
 */

import { codePoints, skip } from "./code_points.js";

/**
 * @typedef {object} Screen  where the output is shown
 * @property {(text: string) => void} append
 * @property {() => void} restart  empty it: the beginning is left out
 */
/** @typedef {{begin: number, end: number, text: string}} Part */

export class OutputFeed {
  #screen;
  #load;
  #shown = 0;
  #known = 0;
  /** @type {Map<number, string>} */
  #waiting = new Map();
  #loading = false;

  /**
   * @param {Screen} screen
   * @param {(from: number) => Promise<Part | undefined>} load  the output after `from`, of a long
   *   one only the end; nothing if it cannot be had now
   */
  constructor(screen, load) {
    this.#screen = screen;
    this.#load = load;
  }

  /** Whether all that is known of the output is shown. */
  get isDone() {
    return !this.#loading && this.#shown >= this.#known;
  }

  /**
   * A chunk from the socket and where in the output it stands.
   * @param {number} at
   * @param {string} text
   */
  receive(at, text) {
    this.#known = Math.max(this.#known, at + codePoints(text));
    if (at <= this.#shown) {
      this.#show(at, text);
    } else {
      this.#waiting.set(at, text);
      this.#fill();
    }
  }

  /**
   * The output is at least that long: what is not shown of it is fetched.
   * @param {number} length
   */
  reach(length) {
    this.#known = Math.max(this.#known, length);
    this.#fill();
  }

  async #fill() {
    if (this.#loading) return;
    this.#loading = true;
    while (this.#shown < this.#known) {
      const from = this.#shown;
      const part = await this.#load(from);
      if (!part || part.end <= this.#shown) break; // The next call tries again.
      if (part.begin > from) {
        this.#screen.restart();
        this.#shown = part.begin;
      }
      this.#show(part.begin, part.text, part.end);
    }
    this.#loading = false;
  }

  /**
   * @param {number} at  not after what is shown
   * @param {string} text
   * @param {number} [end]  where it ends
   */
  #show(at, text, end = at + codePoints(text)) {
    if (end > this.#shown) {
      this.#screen.append(skip(text, this.#shown - at));
      this.#shown = end;
    }
    for (const [place, chunk] of this.#waiting) {
      if (place > this.#shown) continue;
      this.#waiting.delete(place);
      this.#show(place, chunk);
    }
  }
}
