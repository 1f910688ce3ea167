/** The address of the sockets. */

const SOCKET_SCHEMES = new Map([
  ["http:", "ws:"],
  ["https:", "wss:"],
  ["ws:", "ws:"],
  ["wss:", "wss:"],
]);

/**
 * The server's address: `url`, else `VITE_WS_URL` if a bundler defines it, else the page's origin.
 * http and https mean ws and wss; a path is kept as a prefix.
 * @param {string | URL} [url]
 * @returns {string} without a slash at its end
 * @throws {TypeError} if there is none, or it is invalid
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

/** The origin of a file or a data URL is the text "null". */
function pageOrigin() {
  const origin = globalThis.location?.origin;
  return origin === "null" ? undefined : origin;
}
