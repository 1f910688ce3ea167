/** Counts as the server does: in code points, not in UTF-16 units. */

/**
 * The length of `text` in code points.
 * @param {string} text
 */
export function codePoints(text) {
  let pairs = 0;
  for (let at = 0; at < text.length; at += 1) {
    if ((text.codePointAt(at) ?? 0) > 0xffff) {
      pairs += 1;
      at += 1;
    }
  }
  return text.length - pairs;
}

/**
 * `text` without its first `count` code points.
 * @param {string} text
 * @param {number} count
 */
export function skip(text, count) {
  let at = 0;
  for (let left = count; left > 0 && at < text.length; left -= 1) {
    at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
  }
  return text.slice(at);
}
