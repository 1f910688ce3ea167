/** How long to wait before a reconnect, and when to give up. All times in milliseconds. */

const RUN_DELAY_MS = 2_000;
const RUN_ATTEMPTS = 3;
const BASE_MS = 500;
const CAP_MS = 20_000;
const OVERLOAD_MIN_MS = 30_000;
const OVERLOAD_MAX_MS = 60_000;
const RESTART_JITTER_MS = 8_000;

/** A connection that lived this long has recovered: the next loss is a new one. */
export const SETTLED_MS = 5_000;

/**
 * @typedef {object} RetryPolicy
 * @property {(attempt: number) => number | null} delay  wait before the attempt, counted from 0 in
 *   each row of failures; `null` means that nobody reconnects but by hand
 * @property {number} settleMs  how long an accepted connection must last to end the row
 */

/**
 * Exponential back-off with full jitter: anywhere between nothing and the doubled delay, so that
 * clients which lost one server do not come back together.
 * @param {number} attempt  0 for the first
 */
export function fullJitter(attempt) {
  return Math.random() * Math.min(CAP_MS, BASE_MS * 2 ** attempt);
}

/** Close code 4429: the server asked for a long pause. */
export function overloadDelay() {
  return OVERLOAD_MIN_MS + Math.random() * (OVERLOAD_MAX_MS - OVERLOAD_MIN_MS);
}

/**
 * Close code 1012: added to the delay, because every client of that server lost it at once. A process takes
 * some 400 connections a second, so the clients of one process find room within this time.
 */
export function restartJitter() {
  return Math.random() * RESTART_JITTER_MS;
}

/** @type {RetryPolicy} */
export const threeTimes = {
  delay: (attempt) => (attempt < RUN_ATTEMPTS ? RUN_DELAY_MS : null),
  settleMs: 0,
};

/**
 * Without the settling time, a server that greets and then closes would be asked again at once,
 * for ever.
 * @type {RetryPolicy}
 */
export const forEver = { delay: fullJitter, settleMs: SETTLED_MS };

/** @type {RetryPolicy} */
export const byHand = { delay: () => null, settleMs: 0 };
