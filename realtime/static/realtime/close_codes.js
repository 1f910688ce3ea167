/**
 * Close codes that need their own handling. After any other (1006, 1012, 4408, 4500 …) the client
 * reconnects and resumes.
 */

export const COMPLETE = 1000;
export const ABNORMAL = 1006; // the connection was lost
export const RESTARTING = 1012;
export const MALFORMED = 4400;
export const UNAUTHORIZED = 4401;
export const FORBIDDEN = 4403;
export const NOT_FOUND = 4404;
export const OVERLOADED = 4429;

/** Trying again cannot succeed. */
export const REFUSALS = new Set([MALFORMED, FORBIDDEN, NOT_FOUND]);

/**
 * The beginning of the reason of a 4401 if the server's clock is behind the clock of the token's
 * issuer. The client waits; a new token would not help.
 */
export const NOT_YET_VALID = "The token is not valid yet";
