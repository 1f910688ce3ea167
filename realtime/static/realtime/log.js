/**
 * The console with a label before each line, or what the caller put in its place.
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
