/**
 * The run page at a moment of the past. The server renders it, from the state that its reducer makes
 * of the events until then. Between two events only the clocks move, which needs no request.
 */

import { forgetParts, update } from "./run_refresh.js";

const REST_FACTOR = 4; // times as long as it has cost the server, nothing is asked
const REST_MS = 100; // at least

export class RunPast {
  #address;
  #changed;
  #lost;
  /** The moment that is wanted; null: the present. @type {string | null} */
  #at = document.getElementById("run-live")?.dataset.past ?? null;
  /** Whether the page shows the past. What is wanted may differ until the server has answered. */
  #showsPast = this.#at !== null;

  /**
   * @param {(at: string | null) => string} address  of the page at a moment, or at present
   * @param {object} on
   * @param {(isNew: boolean, switched: boolean) => void} on.changed  the clock has moved; `isNew`:
   *   the page has been rendered; `switched`: between past and present
   * @param {() => void} on.lost  the moment is not known: the page shows the present
   */
  constructor(address, { changed, lost }) {
    this.#address = address;
    this.#changed = changed;
    this.#lost = lost;
  }

  get isShown() {
    return this.#at !== null;
  }

  /** The clock of what is shown, in milliseconds. */
  now() {
    return this.#at === null ? performance.now() : Date.parse(this.#at);
  }

  /** The clock when the page was rendered. */
  get renderedAt() {
    const then = document.getElementById("run-live")?.dataset.past;
    return then === undefined ? performance.now() : Date.parse(then);
  }

  /** @param {string | null} at */
  async show(at) {
    if (at === null && !this.isShown && !this.#showsPast) return;
    this.#at = at;
    if (this.#showsPast !== this.isShown) forgetParts();
    if (this.#holdsAt(at)) return this.#changed(false, false);
    await this.renew();
  }

  /** The page has been rendered as it is wanted now. */
  rendered() {
    const switched = this.#showsPast !== this.isShown;
    this.#showsPast = this.isShown;
    this.#changed(true, switched);
  }

  /** Asks the server for the page at the same moment. */
  async renew() {
    const at = this.#at;
    const { isNew, costMs } = await update(this.#address(at), () => this.#at === at);
    if (!isNew) return; // It cannot be had now: what is shown stays.
    const isLost = at !== null && !document.getElementById("run-live")?.hasAttribute("data-past");
    if (isLost) this.#at = null;
    this.rendered();
    if (isLost) this.#lost();
    else if (at !== null)
      await new Promise((done) => setTimeout(done, Math.max(costMs * REST_FACTOR, REST_MS)));
  }

  /** Whether nothing has happened between what is shown and the moment. @param {string | null} at */
  #holdsAt(at) {
    const { past, since = "", until = "" } = document.getElementById("run-live")?.dataset ?? {};
    return at !== null && past !== undefined && since <= at && at < until;
  }
}
