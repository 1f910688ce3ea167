/** Signing in to a CrewOps server from a page or program of one's own: tokens for sockets and API. */

import { baseUrl } from "./endpoint.js";
import { lifeBeforeRenewal } from "./token.js";

/** The server has no access for these credentials, or could not be asked. */
export class AccessError extends Error {
  name = "AccessError";

  /**
   * @param {string} message  for people: what is wrong and what to do
   * @param {object} about
   * @param {string} about.code  for programs: that of the server's problem, or `unreachable`
   * @param {number} [about.status]  of the answer, if there was one
   * @param {number} [about.retryAfter]  seconds until the server answers again
   * @param {unknown} [about.cause]
   */
  constructor(message, { code, status, retryAfter, cause }) {
    super(message, { cause });
    this.code = code;
    this.status = status;
    this.retryAfter = retryAfter;
  }

  /** Whether only other credentials can help: show the login. */
  get refused() {
    return this.status === 400 || this.status === 401 || this.status === 403;
  }
}

/**
 * @typedef {object} AccessOptions
 * @property {string | URL} [url]  of the server; default: VITE_WS_URL, else the page's origin
 * @property {typeof globalThis.fetch} [fetch]  instead of the global one
 * @property {(refreshToken: string) => void} [onRefreshToken]  called with each new refresh token,
 *   for those who store it; the one before is of no use any more
 */

/**
 * Signs in with a password.
 * @param {{username: string, password: string}} credentials
 * @param {AccessOptions} [options]
 * @returns {Promise<Access>}
 * @throws {AccessError} if the server refuses or cannot be reached
 */
export async function signIn({ username, password }, options) {
  const access = new Access(options);
  await access.obtain("/api/token/", { username, password });
  return access;
}

/**
 * Goes on with a refresh token that was stored. It is used once; see `onRefreshToken`.
 * @param {string} refresh
 * @param {AccessOptions} [options]
 * @returns {Promise<Access>}
 * @throws {AccessError} if the server refuses or cannot be reached
 */
export async function resume(refresh, options) {
  const access = new Access(options);
  await access.obtain("/api/token/refresh/", { refresh });
  return access;
}

/**
 * Uses an API key, for programs: a key in a page can be read by everybody who opens the page.
 * @param {string} key  `crewops_…`, of scope `watch`
 * @param {AccessOptions} [options]
 * @returns {Access}
 */
export function withKey(key, options) {
  return new Access(options, key);
}

/** Access of one user or API key to one server. Made by `signIn`, `resume` or `withKey`. */
export class Access {
  #server;
  #fetch;
  #onRefreshToken;
  /** @type {string | undefined} */
  #token;
  /** @type {string | undefined} */
  #refresh;
  #isKey;
  /** When the token has to be replaced, by our clock. */
  #renewAt = 0;
  /** @type {Promise<void> | undefined} */
  #obtaining;
  /** @type {AccessError | undefined} */
  #end;

  /** @param {AccessOptions} [options] @param {string} [key] */
  constructor({ url, fetch = globalThis.fetch, onRefreshToken } = {}, key) {
    this.#server = baseUrl(url).replace(/^ws/, "http");
    this.#fetch = (/** @type {string} */ to, /** @type {RequestInit} */ init) => fetch(to, init);
    this.#onRefreshToken = onRefreshToken;
    this.#token = key;
    this.#isKey = key !== undefined;
  }

  /**
   * A valid token, for the `token` of sockets and of `CrewOpsClient`. It is replaced a minute before
   * it expires; callers at the same time share one request.
   * @param {{renew?: boolean}} [request]  `renew`: the server has refused the last one
   * @returns {Promise<string>}
   * @throws {AccessError}
   */
  token = async ({ renew = false } = {}) => {
    if (this.#end) throw this.#end;
    if (!this.#isKey && (renew || this.#obtaining || Date.now() >= this.#renewAt)) {
      await this.#renew();
    }
    return /** @type {string} */ (this.#token);
  };

  /**
   * Calls the API, as the global `fetch` does. After a 401 it tries once more with a new token.
   * @param {string} path  such as `/api/crews/`, or a whole address of this server as `next` has it
   * @param {RequestInit} [init]
   * @returns {Promise<Response>}
   * @throws {AccessError} if there is no token, or no answer
   * @throws {TypeError} if the address is not one of this server: it may belong to another program
   */
  async fetch(path, init = {}) {
    const address = this.#addressOf(path);
    const response = await this.#call(address, init, await this.token());
    if (response.status !== 401 || this.#isKey) return response;
    return this.#call(address, init, await this.token({ renew: true }));
  }

  /**
   * Ends the access: no token is given any more, and the server accepts the refresh token no more.
   * Close the sockets, too.
   * @throws {AccessError} if the server has not revoked the refresh token: call it again
   */
  async signOut() {
    await this.#obtaining?.catch(() => {});
    this.#end ??= new AccessError("Signed out. Sign in again.", {
      code: "signed_out",
      status: 401,
    });
    this.#token = undefined;
    const refresh = this.#refresh;
    if (!refresh) return;
    const response = await this.#ask("/api/token/revoke/", { refresh });
    // 401: the token was not valid any more.
    if (!response.ok && response.status !== 401) throw await refusalOf(response);
    this.#refresh = undefined;
  }

  /**
   * Gets the first tokens. `signIn` and `resume` call it.
   * @param {string} path
   * @param {object} body
   */
  async obtain(path, body) {
    const response = await this.#ask(path, body);
    if (!response.ok) throw await refusalOf(response);
    const { access, refresh } = await response.json();
    this.#token = access;
    this.#refresh = refresh;
    this.#renewAt = Date.now() + lifeBeforeRenewal(access);
    this.#onRefreshToken?.(refresh);
  }

  async #renew() {
    const refresh = this.#refresh;
    this.#obtaining ??= this.obtain("/api/token/refresh/", { refresh }).finally(() => {
      this.#obtaining = undefined;
    });
    try {
      await this.#obtaining;
    } catch (error) {
      if (error instanceof AccessError && error.refused) this.#leave(error);
      throw error;
    }
    if (this.#end) throw this.#end; // Signed out meanwhile.
  }

  /** @param {string} path  below the server's own path */
  #addressOf(path) {
    const isBelow = path.startsWith("/") && !path.startsWith("//");
    const { href } = new URL(isBelow ? this.#server + path : path, `${this.#server}/`);
    if (!href.startsWith(`${this.#server}/`))
      throw new TypeError(`${path} is not an address of ${this.#server}: the token stays here.`);
    return href;
  }

  /** @param {AccessError} end */
  #leave(end) {
    this.#end ??= end;
    this.#token = this.#refresh = undefined;
  }

  /** @param {string} path @param {object} body */
  #ask(path, body) {
    const headers = { "Content-Type": "application/json" };
    const init = { method: "POST", headers, body: JSON.stringify(body) };
    return this.#call(this.#server + path, init);
  }

  /** @param {string} url @param {RequestInit} init @param {string} [token] */
  async #call(url, init, token) {
    const headers = new Headers(init.headers);
    if (token) headers.set("Authorization", `Bearer ${token}`);
    try {
      // Without cookies: the token says who calls.
      return await this.#fetch(url, { ...init, headers, credentials: "omit" });
    } catch (cause) {
      if (init.signal?.aborted) throw cause; // by the caller
      const message =
        `${this.#server} cannot be reached, or does not allow this page: ` +
        "is it running, and is the page's origin in its ALLOWED_ORIGINS?";
      throw new AccessError(message, { code: "unreachable", cause });
    }
  }
}

/** @param {Response} response  no success */
async function refusalOf(response) {
  const { code, detail } = await response.json().catch(() => ({}));
  const { status } = response;
  const retryAfter = Number(response.headers.get("Retry-After")) || undefined;
  const message = detail ?? `The server answered ${status} ${response.statusText}.`;
  return new AccessError(message, { code: code ?? "error", status, retryAfter });
}
