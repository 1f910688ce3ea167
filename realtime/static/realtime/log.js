/** @import {StateChange} from "./options.js"; */

/**
 * Logs to the console with a label before each line, or to the caller's function.
 * @param {string} label
 * @param {((message: string, error?: unknown) => void) | null | false} [log]
 * @returns {(message: string, error?: unknown) => void}
 */
export function logger(label, log = toConsole) {
  return (message, error) => {
    if (log) log(`[${label}] ${message}`, error);
  };
}

/**
 * @param {string} message
 * @param {unknown} [error]
 */
function toConsole(message, error) {
  if (error === undefined) console.info(message);
  else console.error(message, error);
}

/**
 * A change of state, for the log.
 * @param {StateChange} change
 */
export function describe({ state, code, reason, retryInMs }) {
  const why = [code, reason].filter(Boolean).join(" ");
  const what = state[0].toUpperCase() + state.slice(1) + (why && ` (${why})`);
  if (retryInMs === undefined) return what;
  return `${what}, next attempt in ${(retryInMs / 1000).toFixed(1)} s`;
}
