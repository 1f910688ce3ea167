/**
 * What a close code asks of a client. Anything not listed (1006, 1012, 4408, 4500 …) is a lost
 * connection: reconnect and resume.
 */

export const COMPLETE = 1000;
export const RESTARTING = 1012;
export const MALFORMED = 4400;
export const UNAUTHORIZED = 4401;
export const FORBIDDEN = 4403;
export const NOT_FOUND = 4404;
export const OVERLOADED = 4429;

/** Asking again cannot help. */
export const REFUSALS = new Set([MALFORMED, FORBIDDEN, NOT_FOUND]);

/**
 * How the reason of a 4401 begins when the server's clock is behind that of the token's issuer.
 * Waiting helps then; another token would not.
 */
export const NOT_YET_VALID = "The token is not valid yet";
