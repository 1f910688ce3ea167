/** Numbers as the monitoring page shows them: three digits at most. */

/** @param {number} value */
export function count(value) {
  if (value >= 1e6) return `${digits(value / 1e6)}M`;
  if (value >= 1e4) return `${digits(value / 1e3)}k`;
  return value >= 100 ? String(Math.round(value)) : digits(value);
}

/** @param {number} value */
export function milliseconds(value) {
  return value >= 1000 ? `${digits(value / 1000)} s` : `${digits(value)} ms`;
}

/** @param {number} seconds */
export function age(seconds) {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  return seconds < 3600 ? `${Math.round(seconds / 60)} min` : `${digits(seconds / 3600)} h`;
}

/** @param {number} value */
function digits(value) {
  return String(Number(value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2)));
}
