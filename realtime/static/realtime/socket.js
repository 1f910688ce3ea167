import { SETTLED_MS, forEver, overloadDelay, restartJitter } from "./backoff.js";
import {
  COMPLETE, NOT_YET_VALID, OVERLOADED, REFUSALS, RESTARTING, UNAUTHORIZED,
} from "./close_codes.js";
import { Connection } from "./connection.js";
import { baseUrl } from "./endpoint.js";
import { Listeners } from "./listeners.js";
import { logger } from "./log.js";
import { onReturn } from "./network.js";
import { Reader } from "./reader.js";

/** @import {RetryPolicy} from "./backoff.js"; */
/** @import {Loss} from "./connection.js"; */
/** @import {Frame} from "./frames.js"; */
/** @import {Options, State, StateChange} from "./options.js"; */
/** @import {Token} from "./token.js"; */

/**
 * What the three sockets share: their states, and when one connection follows another.
 * @template {{type: string}} Message
 */
export class LiveSocket {
  #url;
  #resumes;
  #policy;
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
  /** @type {number | undefined} */
  #acceptedAt;
  /** @type {AbortController | undefined} */
  #life;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retryTimer;
  /** @type {number | undefined} */
  #eventsAtResync;
  #attempt = 0;
  #overloaded = false;
  #tokenRefused = false;

  /**
   * @param {object} what
   * @param {string} what.label  as it is called in the log
   * @param {"run" | "graph" | "mission"} what.kind  of its streams
   * @param {string} what.path  of the endpoint, with its query
   * @param {boolean} what.resumes  it has one stream and goes on where it was
   * @param {RetryPolicy} what.policy
   * @param {Token | null} [token]
   * @param {Options} [options]
   */
  constructor({ label, kind, path, resumes, policy }, token, options = {}) {
    this.#url = baseUrl(options.url) + path;
    this.#resumes = resumes;
    this.#policy = options.autoReconnect ? forEver : policy;
    this.#token = token;
    this.#options = options;
    this.#WebSocket = options.WebSocket ?? globalThis.WebSocket;
    if (!this.#WebSocket) throw new TypeError("No WebSocket here: pass options.WebSocket.");
    this.#log = logger(label, options.log);
    this.#reader = new Reader(kind, {
      onMessage: (frame) => this.#tell(frame),
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
   * Every event in order, each once; `snapshot` and `reset` where a stream starts anew.
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

  /** Connects, or tries again at once; does nothing while there is a connection. */
  connect() {
    if (!this.#connection) this.reconnect();
  }

  /** Connects anew, going on after the last event; an open connection is dropped first. */
  reconnect() {
    this.#attempt = 0;
    this.#tokenRefused = false;
    this.#open("connecting");
  }

  /** Ends the connection with its timers and page listeners. Subscribers stay, for `connect()`. */
  disconnect() {
    if (this.#state !== "closed") this.#end("closed", { reason: "disconnect() was called" });
  }

  /**
   * Replaces the token: on the open connection at once, and for the next ones.
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
      { url: url.href, token: this.#token, renew: this.#tokenRefused, WebSocket: this.#WebSocket },
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

  /** From the first connection to the end, the page and the caller are listened to. */
  #live() {
    if (this.#life) return;
    this.#life = new AbortController();
    const { signal } = this.#life;
    onReturn(() => {
      if (this.#state === "retrying" && !this.#overloaded) this.#open("connecting");
    }, signal);
    this.#options.signal?.addEventListener("abort", () => this.disconnect(), { signal });
  }

  #accepted() {
    this.#acceptedAt = Date.now();
    this.#log("Connected");
  }

  /** @param {Frame} frame */
  #receive(frame) {
    if (frame.type === "error_message") {
      this.#log(`The server objects: ${frame.detail} (${frame.code})`);
    }
    this.#reader.read(frame);
    // A listener may have dropped the connection that this frame came from.
    if (this.#acceptedAt !== undefined) this.#enter(this.#reader.caughtUp ? "live" : "catching_up");
  }

  /** @param {Frame} frame */
  #tell(frame) {
    // Each class names the frames that its endpoint sends.
    this.#listeners.tell(/** @type {Message} */ (/** @type {unknown} */ (frame)));
  }

  /**
   * Asks for missing events, at once; with a delay if nothing has come since it was last done.
   * @param {string} reason
   */
  #resync(reason) {
    this.#release();
    if (this.#resyncedInVain) {
      this.#retry(undefined, reason);
    } else {
      this.#log(`Connecting again: ${reason}`);
      this.#eventsAtResync = this.#reader.events;
      this.#open("catching_up");
    }
  }

  get #resyncedInVain() {
    return this.#eventsAtResync === this.#reader.events;
  }

  /** @param {Loss} loss */
  #lose({ code, reason, impossible }) {
    this.#release();
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
    if (typeof this.#token === "function" && !this.#tokenRefused) {
      this.#tokenRefused = true;
      this.#open("connecting");
      return;
    }
    this.#end("failed", { code: UNAUTHORIZED, reason });
    this.#options.onAuthFailed?.({ code: UNAUTHORIZED, reason });
  }

  /**
   * @param {number | undefined} code
   * @param {string} reason
   */
  #retry(code, reason) {
    let delay = this.#policy.delay(this.#attempt);
    if (delay === null) {
      this.#end("disconnected", { code, reason });
      return;
    }
    this.#overloaded = code === OVERLOADED;
    if (this.#overloaded) delay = overloadDelay();
    else if (code === RESTARTING) delay += restartJitter();
    this.#attempt += 1;
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

  /** Lets go of connection and timers. A connection that stood ends the row of failures. */
  #release() {
    clearTimeout(this.#retryTimer);
    this.#reader.pause();
    this.#connection?.drop();
    this.#connection = undefined;
    if (this.#acceptedAt === undefined) return;
    const stood = Date.now() - this.#acceptedAt;
    this.#acceptedAt = undefined;
    if (stood >= SETTLED_MS) {
      this.#eventsAtResync = undefined;
      this.#tokenRefused = false;
    }
    // Accepted once more, and still without the missing events: that is no recovery.
    if (stood >= this.#policy.settleMs && !this.#resyncedInVain) this.#attempt = 0;
  }

  /**
   * @param {State} state
   * @param {Partial<StateChange>} [detail]
   */
  #enter(state, detail = {}) {
    const previous = this.#state;
    if (state === previous) return;
    this.#state = state;
    const change = { ...detail, state, previous };
    if (detail.reason !== undefined) this.#log(describe(change));
    this.#stateListeners.tell(change);
  }
}

/** @param {StateChange} change */
function describe({ state, code, reason, retryInMs }) {
  const why = [code, reason].filter(Boolean).join(" ");
  const what = state[0].toUpperCase() + state.slice(1) + (why && ` (${why})`);
  if (retryInMs === undefined) return what;
  return `${what}, next attempt in ${(retryInMs / 1000).toFixed(1)} s`;
}
