/** Where the sockets are. */

const SOCKET_SCHEMES = new Map([
  ["http:", "ws:"],
  ["https:", "wss:"],
  ["ws:", "ws:"],
  ["wss:", "wss:"],
]);

/**
 * The server's address: `url`, else `VITE_WS_URL` where a bundler defines it, else the page's own
 * origin. http and https stand for ws and wss; a path is kept as a prefix.
 * @param {string | URL} [url]
 * @returns {string} without a slash at its end
 * @throws {TypeError} when there is none, or it is no such address
 */
export function baseUrl(url) {
  const given = url || import.meta.env?.VITE_WS_URL || pageOrigin();
  if (!given) {
    throw new TypeError(
      'No server address: pass options.url (such as "wss://crewops.example.com") ' +
        "or build with VITE_WS_URL.",
    );
  }
  const parsed = parse(given);
  if (!parsed) {
    throw new TypeError(
      `Not a server address: "${given}". It begins with ws://, wss://, http:// or https://.`,
    );
  }
  const scheme = SOCKET_SCHEMES.get(parsed.protocol);
  return `${scheme}//${parsed.host}${parsed.pathname.replace(/\/+$/, "")}`;
}

/** @param {string | URL} address */
function parse(address) {
  try {
    const url = new URL(address);
    return SOCKET_SCHEMES.has(url.protocol) ? url : null;
  } catch {
    return null;
  }
}

/** A file's and a data URL's origin is the text "null". */
function pageOrigin() {
  const origin = globalThis.location?.origin;
  return origin === "null" ? undefined : origin;
}
