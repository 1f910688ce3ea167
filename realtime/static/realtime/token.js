/** Access tokens: JSON Web Tokens, whose expiry is read but not verified. */

const RENEW_BEFORE_MS = 60_000;
const RENEW_AT_LIFE = 0.8;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * A fixed token, or a function that returns a token or a promise of one. `renew` is true if the
 * last one was refused or is about to expire: then return no cached token. Without a token only the
 * session cookie is used. If it throws an error whose `refused` is true, the socket fails as after a
 * 4401; after any other error it tries again.
 * @typedef {string | null | undefined} TokenAnswer
 * @typedef {string | ((request: {renew: boolean}) => TokenAnswer | Promise<TokenAnswer>)} Token
 */

/**
 * When to replace a token: a minute before it expires, or after 80 % of the time left if that is
 * short.
 * @param {string} jwt
 * @param {number} [now]  milliseconds since 1970
 * @returns {number | undefined} milliseconds from now; undefined if its expiry is past or unknown
 */
export function renewalDelay(jwt, now = Date.now()) {
  const { exp, iat } = claims(jwt);
  if (typeof exp !== "number") return undefined;
  let left = exp * 1000 - now;
  // If our clock is behind the issuer's, use at most the token's whole lifetime.
  if (typeof iat === "number") left = Math.min(left, (exp - iat) * 1000);
  if (left <= 0) return undefined;
  return Math.min(Math.max(left - RENEW_BEFORE_MS, left * RENEW_AT_LIFE), LONGEST_TIMER_MS);
}

/**
 * When to replace a token that has just been issued or accepted, whatever our clock says.
 * @param {string} jwt
 * @returns {number} milliseconds from now; 0 if its lifetime is unknown
 */
export function lifeBeforeRenewal(jwt) {
  const { iat } = claims(jwt);
  return (typeof iat === "number" && renewalDelay(jwt, iat * 1000)) || 0;
}

/**
 * @param {string} jwt
 * @returns {{exp?: unknown, iat?: unknown}} empty if it is no JWT
 */
function claims(jwt) {
  try {
    const payload = jwt.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    return Object(JSON.parse(atob(payload)));
  } catch {
    return {};
  }
}
