/**
 * Fetches an address of this site.
 * @param {string} url
 * @returns {Promise<any>} its JSON; undefined without a connection, and if the server refuses it or
 *   redirects to the sign-in page. The live mark shows why, and a later call tries again.
 */
export async function fetchJson(url) {
  try {
    const response = await fetch(url, { cache: "no-store" });
    return response.ok && !response.redirected ? await response.json() : undefined;
  } catch {
    return undefined;
  }
}
