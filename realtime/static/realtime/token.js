/** Access tokens: JSON Web Tokens whose expiry is read, never trusted. */

const RENEW_BEFORE_MS = 60_000;
const RENEW_AT_LIFE = 0.8;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * A fixed token, or a function that returns (a promise of) a fresh one. `renew` is true when the
 * last one was refused or is about to expire, so that a cached one will not do. Nothing returned:
 * the session cookie alone.
 * @typedef {string | null | undefined} TokenAnswer
 * @typedef {string | ((request: {renew: boolean}) => TokenAnswer | Promise<TokenAnswer>)} Token
 */

/**
 * When to replace a token: a minute before it expires, or at 80 % of what is left of a short one.
 * @param {string} jwt
 * @param {number} [now]  milliseconds since 1970
 * @returns {number | undefined} milliseconds from now; undefined when its expiry is past or unknown
 */
export function renewalDelay(jwt, now = Date.now()) {
  const { exp, iat } = claims(jwt);
  if (typeof exp !== "number") return undefined;
  let left = exp * 1000 - now;
  // A clock that is behind ours sees no more than the token's whole life.
  if (typeof iat === "number") left = Math.min(left, (exp - iat) * 1000);
  if (left <= 0) return undefined;
  return Math.min(Math.max(left - RENEW_BEFORE_MS, left * RENEW_AT_LIFE), LONGEST_TIMER_MS);
}

/**
 * @param {string} jwt
 * @returns {{exp?: unknown, iat?: unknown}} empty for anything but a JWT
 */
function claims(jwt) {
  try {
    const payload = jwt.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    return Object(JSON.parse(atob(payload)));
  } catch {
    return {};
  }
}
