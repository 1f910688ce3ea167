/** @import {GraphMessage} from "../frames.js"; */

/** The server's clock, beside that of this computer. */
export class ServerClock {
  /** Smallest time from an event's timestamp to its arrival: how far our clock is ahead. */
  #ahead = Infinity;

  /**
   * When a message happened, by this computer's clock.
   * @param {GraphMessage} message
   * @param {number} now  milliseconds since 1970, as in `Date.now()`
   */
  timeOf(message, now) {
    const stamp = "timestamp" in message ? Date.parse(message.timestamp) : NaN;
    if (!stamp) return now;
    this.#ahead = Math.min(this.#ahead, now - stamp);
    return stamp + this.#ahead;
  }
}
