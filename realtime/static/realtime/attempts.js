import { SETTLED_MS, overloadDelay, restartJitter } from "./backoff.js";
import { OVERLOADED, RESTARTING } from "./close_codes.js";

/** @import {RetryPolicy} from "./backoff.js"; */

/** Consecutive failures: the delay before the next attempt, and when the count starts again. */
export class Attempts {
  #policy;
  #failures = 0;
  /** @type {number | undefined} */
  #acceptedAt;
  /** @type {number | undefined} */
  #eventsAtResync;
  overloaded = false;
  tokenRefused = false;

  /** @param {RetryPolicy} policy */
  constructor(policy) {
    this.#policy = policy;
  }

  /** Whether the server has accepted the current connection. */
  get accepted() {
    return this.#acceptedAt !== undefined;
  }

  startAfresh() {
    this.#failures = 0;
    this.tokenRefused = false;
  }

  accept() {
    this.#acceptedAt = Date.now();
  }

  /**
   * Missing events are requested again, after `events` have been received.
   * @param {number} events
   */
  resync(events) {
    this.#eventsAtResync = events;
  }

  /**
   * Whether no event has been received since missing ones were last requested.
   * @param {number} events
   */
  resyncedInVain(events) {
    return this.#eventsAtResync === events;
  }

  /**
   * Milliseconds until the next attempt, after a close with `code`; `null`: no attempt.
   * @param {number | undefined} code
   */
  nextDelay(code) {
    const delay = this.#policy.delay(this.#failures);
    if (delay === null) return null;
    this.#failures += 1;
    this.overloaded = code === OVERLOADED;
    if (this.overloaded) return overloadDelay();
    return code === RESTARTING ? delay + restartJitter() : delay;
  }

  /**
   * The connection has ended. If it was stable, the count of failures starts again.
   * @param {number} events
   */
  release(events) {
    if (this.#acceptedAt === undefined) return;
    const stood = Date.now() - this.#acceptedAt;
    this.#acceptedAt = undefined;
    if (stood >= SETTLED_MS) {
      this.#eventsAtResync = undefined;
      this.tokenRefused = false;
    }
    // A connection without the missing events is no recovery, although it was accepted.
    if (stood >= this.#policy.settleMs && !this.resyncedInVain(events)) this.#failures = 0;
  }
}
