import { UNAUTHORIZED } from "./close_codes.js";
import { PACKED, unpacked } from "./message_pack.js";
import { RenderTime } from "./render_time.js";
import { lifeBeforeRenewal, renewalDelay } from "./token.js";

/** @import {Frame} from "./frames.js"; */
/** @import {MessagePack} from "./message_pack.js"; */
/** @import {WebSocketLike} from "./options.js"; */
/** @import {Token, TokenAnswer} from "./token.js"; */

const GREETING_TIMEOUT_MS = 20_000;
// Used until the server has sent its own in `hello`.
const HEARTBEAT_S = 45;
const SILENCE_HEARTBEATS = 2;
const SILENCE_GRACE_MS = 5_000;
const CLOSE_AFTER_ERROR_MS = 100; // If a close follows, it follows at once, and may have a code.
const OPEN = 1;

/**
 * @typedef {object} Loss
 * @property {number} [code]  of the close frame, if there was one
 * @property {string} reason
 * @property {boolean} [impossible]  whether no further attempt can succeed
 * @property {boolean} [renews]  of a stream on a shared connection: the connection gets a new token,
 *   so connect again at once
 */

/**
 * @param {number} heartbeat  in seconds
 * @returns {number} in milliseconds
 */
function silenceAllowed(heartbeat) {
  return heartbeat * 1000 * SILENCE_HEARTBEATS + SILENCE_GRACE_MS;
}

/**
 * An error with `refused` is final, as a 4401 of the server; after any other, a later attempt may
 * get a token.
 * @param {any} error
 * @returns {Loss}
 */
function noToken(error) {
  if (error?.refused) return { code: UNAUTHORIZED, reason: error.message };
  return { reason: `no token: ${error}` };
}

/**
 * One connection: gets a token, answers pings, detects silence, and replaces the token before it
 * expires. After `drop()` or a loss it calls no handler.
 */
export class Connection {
  #url;
  #token;
  #WebSocket;
  #msgpack;
  #renewing;
  #handlers;
  /** @type {WebSocketLike | undefined} */
  #socket;
  /** @type {string | undefined} */
  #jwt;
  #accepted = false;
  #renderTime = new RenderTime((frame) => this.send(frame));
  #dropped = false;
  #silenceMs = GREETING_TIMEOUT_MS;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #silenceTimer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #renewalTimer;

  /**
   * @param {object} to
   * @param {string} to.url
   * @param {Token | null | undefined} to.token
   * @param {boolean} to.renew  the last token was refused
   * @param {new (url: string, protocols?: string[]) => WebSocketLike} to.WebSocket
   * @param {MessagePack} [to.msgpack]
   * @param {object} handlers
   * @param {() => void} handlers.onAccepted  before the first frame
   * @param {(frame: Frame, data: unknown) => void} handlers.onFrame  `data`: as it was received
   * @param {(loss: Loss) => void} handlers.onLost
   * @param {(message: string, error?: unknown) => void} handlers.log
   */
  constructor({ url, token, renew, WebSocket, msgpack }, handlers) {
    this.#url = url;
    this.#token = token;
    this.#renewing = renew;
    this.#WebSocket = WebSocket;
    this.#msgpack = msgpack;
    this.#handlers = handlers;
  }

  open() {
    if (this.#dropped) return;
    this.#restartSilenceTimer();
    if (typeof this.#token !== "function") {
      this.#dial(this.#token);
    } else {
      this.#askToken(this.#renewing).then(
        (token) => this.#dial(token),
        (error) => this.#lose(noToken(error)),
      );
    }
  }

  /** @param {string} token */
  authenticate(token) {
    this.#jwt = token;
    this.send({ type: "auth", token });
  }

  /** @param {object} frame */
  send(frame) {
    if (this.#socket?.readyState !== OPEN) return;
    const packs = this.#socket.protocol === PACKED ? this.#msgpack : undefined;
    this.#socket.send(packs ? packs.encode(frame) : JSON.stringify(frame));
  }

  drop() {
    this.#dropped = true;
    clearTimeout(this.#silenceTimer);
    clearTimeout(this.#renewalTimer);
    if (!this.#socket) return;
    this.#socket.onmessage = null;
    this.#socket.onclose = null;
    this.#socket.close(1000);
  }

  /** @param {TokenAnswer} token */
  #dial(token) {
    if (this.#dropped) return;
    this.#jwt = token ?? undefined;
    const protocols = token ? ["token", token] : [];
    // At the end: a server that does not know it takes the first other word for the token.
    if (this.#msgpack) protocols.push(PACKED);
    try {
      this.#socket = protocols.length
        ? new this.#WebSocket(this.#url, protocols)
        : new this.#WebSocket(this.#url);
      if (this.#msgpack) this.#socket.binaryType = "arraybuffer";
    } catch (error) {
      this.#lose({ reason: String(error), impossible: true });
      return;
    }
    this.#socket.onmessage = (event) => this.#receive(event.data);
    this.#socket.onclose = ({ code, reason, impossible, renews }) =>
      this.#lose({ code, reason, impossible, renews }); // The last two are of a shared connection.
    // Not removed with the others: the package `ws` throws an error that has no listener.
    this.#socket.onerror = () => this.#failed();
  }

  /** If no connection is made, some versions of Node report an error and no close. */
  #failed() {
    if (this.#dropped) return;
    clearTimeout(this.#silenceTimer);
    this.#silenceTimer = setTimeout(
      () => this.#lose({ reason: "the connection failed" }),
      CLOSE_AFTER_ERROR_MS,
    );
  }

  /** @param {unknown} data */
  #receive(data) {
    const arrivedAt = performance.now();
    const frame = this.#parse(data);
    if (!frame) return;
    if (!this.#accepted && frame.type !== "error_message") this.#accept();
    if (frame.type === "hello") this.#silenceMs = silenceAllowed(frame.heartbeat_s);
    if (frame.type === "ping") this.send({ type: "pong" });
    if (frame.type === "auth_ok") this.#scheduleRenewal();
    this.#restartSilenceTimer();
    this.#handlers.onFrame(frame, data);
    this.#renderTime.take(frame, arrivedAt);
  }

  /** A refused socket gets no frame, or only an `error_message`: any other means it is accepted. */
  #accept() {
    this.#accepted = true;
    this.#silenceMs = silenceAllowed(HEARTBEAT_S);
    this.#scheduleRenewal();
    this.#handlers.onAccepted();
  }

  /**
   * @param {unknown} data
   * @returns {Frame | undefined}
   */
  #parse(data) {
    try {
      const frame =
        this.#msgpack && data instanceof ArrayBuffer
          ? unpacked(this.#msgpack, data)
          : JSON.parse(String(data));
      if (typeof frame?.type === "string") return frame;
      throw new TypeError("a frame is an object with a type");
    } catch (error) {
      this.#handlers.log("Not a frame", error);
      return undefined;
    }
  }

  /** Detects a dead connection: the server is never silent for two heartbeats. */
  #restartSilenceTimer() {
    clearTimeout(this.#silenceTimer);
    this.#silenceTimer = setTimeout(
      () => this.#lose({ reason: `nothing received for ${this.#silenceMs / 1000} s` }),
      this.#silenceMs,
    );
  }

  #scheduleRenewal() {
    clearTimeout(this.#renewalTimer);
    if (typeof this.#token !== "function" || !this.#jwt) return;
    // The server has just accepted it. If it has expired by our clock, this clock is wrong.
    const delay = renewalDelay(this.#jwt) ?? lifeBeforeRenewal(this.#jwt);
    if (delay) this.#renewalTimer = setTimeout(() => this.#renew(), delay);
  }

  async #renew() {
    try {
      const token = await this.#askToken(true);
      if (token && !this.#dropped) this.authenticate(token);
    } catch (error) {
      // The server closes with 4401 when the old token expires. The next attempt gets a token.
      this.#handlers.log("No fresh token", error);
    }
  }

  /**
   * @param {boolean} renew
   * @returns {Promise<TokenAnswer>}
   */
  async #askToken(renew) {
    return typeof this.#token === "function" ? this.#token({ renew }) : this.#token;
  }

  /** @param {Loss} loss */
  #lose(loss) {
    if (this.#dropped) return;
    this.drop();
    this.#handlers.onLost(loss);
  }
}
