// The server takes ten frames a second, and twenty at once. What this leaves is for pongs,
// measurements and tokens.
const A_SECOND = 8;
const AT_ONCE = 12;

/** When the next frames may be sent: at once, until too many were sent in a short time. */
export class FrameBudget {
  #left = AT_ONCE;
  #at = Date.now();

  /** Milliseconds until `count` frames may be sent. @param {number} count */
  pauseBefore(count) {
    this.#refill();
    return Math.max(((count - this.#left) / A_SECOND) * 1000, 0);
  }

  /** @param {number} count  of the frames that are sent now; more than allowed make a later pause longer */
  spend(count) {
    this.#refill();
    this.#left -= count;
  }

  #refill() {
    const now = Date.now();
    const passed = Math.max(now - this.#at, 0); // The clock may have been set back.
    this.#left = Math.min(this.#left + (passed / 1000) * A_SECOND, AT_ONCE);
    this.#at = now;
  }
}
