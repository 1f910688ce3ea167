import { Attempts } from "./attempts.js";
import { forEver } from "./backoff.js";
import { COMPLETE, NOT_YET_VALID, REFUSALS, UNAUTHORIZED } from "./close_codes.js";
import { Connection } from "./connection.js";
import { baseUrl } from "./endpoint.js";
import { Listeners } from "./listeners.js";
import { describe, logger } from "./log.js";
import { onReturn } from "./network.js";
import { OrderedEvents } from "./ordered_events.js";

/** @import {RetryPolicy} from "./backoff.js"; */
/** @import {Loss} from "./connection.js"; */
/** @import {Frame} from "./frames.js"; */
/** @import {Options, State, StateChange} from "./options.js"; */
/** @import {Token} from "./token.js"; */

/**
 * The base of the three sockets: states, and reconnecting.
 * @template {{type: string}} Message
 */
export class LiveSocket {
  #url;
  #resumes;
  #attempts;
  #token;
  #options;
  #WebSocket;
  #log;
  #reader;
  /** @type {Listeners<Message>} */
  #listeners;
  /** @type {Listeners<StateChange>} */
  #stateListeners;
  /** @type {State} */
  #state = "idle";
  /** @type {Connection | undefined} */
  #connection;
  /** @type {AbortController | undefined} */
  #life;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retryTimer;

  /**
   * @param {object} what
   * @param {string} what.label  name in the log
   * @param {"run" | "graph" | "mission" | "metrics"} what.kind  of its streams
   * @param {string} what.path  of the endpoint, with its query
   * @param {boolean} what.resumes  whether it has one stream and can resume
   * @param {RetryPolicy} what.policy
   * @param {Token | null} [token]
   * @param {Options} [options]
   */
  constructor({ label, kind, path, resumes, policy }, token, options = {}) {
    this.#url = baseUrl(options.url ?? options.WebSocket?.server) + path;
    this.#resumes = resumes;
    this.#attempts = new Attempts(options.autoReconnect ? forEver : policy);
    this.#token = token;
    this.#options = options;
    this.#WebSocket = options.WebSocket ?? globalThis.WebSocket;
    if (!this.#WebSocket) throw new TypeError("No WebSocket here: pass options.WebSocket.");
    this.#log = logger(label, options.log);
    this.#reader = new OrderedEvents(kind, {
      // Each class names the frames that its endpoint sends.
      onMessage: (frame) =>
        this.#listeners.notify(/** @type {Message} */ (/** @type {unknown} */ (frame))),
      onMissing: (reason) => this.#resync(reason),
    });
    /** @param {unknown} error */
    const report = (error) => this.#log("A listener failed", error);
    this.#listeners = new Listeners(report);
    this.#stateListeners = new Listeners(report);
  }

  get state() {
    return this.#state;
  }

  /**
   * Every event once and in order; `snapshot` and `reset` when a stream starts again.
   * @param {(message: Message) => void} listener
   * @returns {() => void} unsubscribes
   */
  subscribe(listener) {
    return this.#listeners.add(listener);
  }

  /**
   * @param {(change: StateChange) => void} listener
   * @returns {() => void} unsubscribes
   */
  onStateChange(listener) {
    return this.#stateListeners.add(listener);
  }

  /** Connects, or tries again at once. Does nothing while connected. */
  connect() {
    if (!this.#connection) this.reconnect();
  }

  /** Drops an open connection, connects again and resumes after the last event. */
  reconnect() {
    this.#attempts.startAfresh();
    this.#open("connecting");
  }

  /** Ends connection, timers and page listeners. Subscribers are kept for `connect()`. */
  disconnect() {
    if (this.#state !== "closed") this.#end("closed", { reason: "disconnect() was called" });
  }

  /**
   * Replaces the token of the open connection, and of later ones.
   * @param {string} token
   */
  authenticate(token) {
    if (typeof this.#token !== "function") this.#token = token;
    this.#connection?.authenticate(token);
  }

  /** @param {"connecting" | "catching_up"} state */
  #open(state) {
    if (this.#options.signal?.aborted) return;
    this.#release();
    this.#live();
    if (!this.#resumes) this.#reader.forget();
    const url = new URL(this.#url);
    for (const [name, value] of this.#reader.resumeQuery) url.searchParams.set(name, value);
    const connection = new Connection(
      {
        url: url.href,
        token: this.#token,
        renew: this.#attempts.tokenRefused,
        WebSocket: this.#WebSocket,
        msgpack: this.#options.msgpack,
      },
      {
        onAccepted: () => this.#accepted(),
        onFrame: (frame) => this.#receive(frame),
        onLost: (loss) => this.#lose(loss),
        log: this.#log,
      },
    );
    this.#connection = connection;
    this.#enter(state);
    connection.open();
  }

  /** Listens to the page and to the caller's signal until the end. */
  #live() {
    if (this.#life) return;
    this.#life = new AbortController();
    const { signal } = this.#life;
    onReturn(() => {
      if (this.#state === "retrying" && !this.#attempts.overloaded) this.#open("connecting");
    }, signal);
    this.#options.signal?.addEventListener("abort", () => this.disconnect(), { signal });
  }

  #accepted() {
    this.#attempts.accept();
    this.#log("Connected");
  }

  /** @param {Frame} frame */
  #receive(frame) {
    if (frame.type === "error_message")
      this.#log(`The server objects: ${frame.detail} (${frame.code})`);
    this.#reader.read(frame);
    // A listener may have dropped the connection of this frame.
    if (this.#attempts.accepted) this.#enter(this.#reader.caughtUp ? "live" : "catching_up");
  }

  /**
   * Requests missing events: at once, or with a delay if the last request brought none.
   * @param {string} reason
   */
  #resync(reason) {
    this.#release();
    if (this.#attempts.resyncedInVain(this.#reader.events)) {
      this.#retry(undefined, reason);
    } else {
      this.#log(`Connecting again: ${reason}`);
      this.#attempts.resync(this.#reader.events);
      this.#open("catching_up");
    }
  }

  /** @param {Loss} loss */
  #lose({ code, reason, impossible, renews }) {
    this.#release();
    if (renews) return this.#open("connecting");
    if (code === COMPLETE) {
      this.#end("closed", { code, reason });
    } else if (impossible || (code !== undefined && REFUSALS.has(code))) {
      this.#end("failed", { code, reason });
    } else if (code === UNAUTHORIZED && !reason?.startsWith(NOT_YET_VALID)) {
      this.#reauthorize(reason);
    } else {
      this.#retry(code, reason);
    }
  }

  /** @param {string} reason */
  #reauthorize(reason) {
    if (typeof this.#token === "function" && !this.#attempts.tokenRefused) {
      this.#attempts.tokenRefused = true;
      return this.#open("connecting");
    }
    this.#end("failed", { code: UNAUTHORIZED, reason });
    this.#options.onAuthFailed?.({ code: UNAUTHORIZED, reason });
  }

  /** @param {number | undefined} code @param {string} reason */
  #retry(code, reason) {
    const delay = this.#attempts.nextDelay(code);
    if (delay === null) return this.#end("disconnected", { code, reason });
    this.#retryTimer = setTimeout(() => this.#open("connecting"), delay);
    this.#enter("retrying", { code, reason, retryInMs: delay });
  }

  /**
   * @param {"closed" | "failed" | "disconnected"} state
   * @param {{code?: number, reason: string}} detail
   */
  #end(state, detail) {
    this.#release();
    this.#life?.abort();
    this.#life = undefined;
    this.#enter(state, detail);
  }

  /** Drops the connection and its timers. */
  #release() {
    clearTimeout(this.#retryTimer);
    this.#reader.pause();
    this.#connection?.drop();
    this.#connection = undefined;
    this.#attempts.release(this.#reader.events);
  }

  /** @param {State} state @param {Partial<StateChange>} [detail] */
  #enter(state, detail = {}) {
    const previous = this.#state;
    if (state === previous) return;
    this.#state = state;
    const change = { ...detail, state, previous };
    if (detail.reason !== undefined) this.#log(describe(change));
    this.#stateListeners.notify(change);
  }
}
