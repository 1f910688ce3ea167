/** Delays before reconnecting, and when to stop. All times in milliseconds. */

const RUN_DELAY_MS = 2_000;
const RUN_ATTEMPTS = 3;
const BASE_MS = 500;
const CAP_MS = 20_000;
const OVERLOAD_MIN_MS = 30_000;
const OVERLOAD_MAX_MS = 60_000;
const RESTART_JITTER_MS = 8_000;

/** After a connection has lasted this long, the count of failures starts again. */
export const SETTLED_MS = 5_000;

/**
 * @typedef {object} RetryPolicy
 * @property {(attempt: number) => number | null} delay  delay before the attempt, counted from 0;
 *   `null`: reconnect only when the caller asks for it
 * @property {number} settleMs  how long an accepted connection must last to reset the count
 */

/**
 * Exponential back-off with full jitter: a random time up to the doubled delay, so that the clients
 * of one server do not reconnect at the same time.
 * @param {number} attempt  0 for the first
 */
export function fullJitter(attempt) {
  return Math.random() * Math.min(CAP_MS, BASE_MS * 2 ** attempt);
}

/** After close code 4429: the server requires a long pause. */
export function overloadDelay() {
  return OVERLOAD_MIN_MS + Math.random() * (OVERLOAD_MAX_MS - OVERLOAD_MIN_MS);
}

/**
 * Added to the delay after close code 1012, because all clients of that server get it at once. A
 * process accepts about 400 connections a second, so its clients can connect within this time.
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
 * Without `settleMs`, a server that accepts and then closes would be tried again at once, for ever.
 * @type {RetryPolicy}
 */
export const forEver = { delay: fullJitter, settleMs: SETTLED_MS };

/** @type {RetryPolicy} */
export const byHand = { delay: () => null, settleMs: 0 };
