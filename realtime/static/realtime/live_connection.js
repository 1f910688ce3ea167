import { fullJitter, restartJitter, SETTLED_MS } from "./backoff.js";
import { COMPLETE, NOT_YET_VALID, RESTARTING, UNAUTHORIZED } from "./close_codes.js";
import { Connection } from "./connection.js";
import { baseUrl } from "./endpoint.js";
import { FrameBudget } from "./frame_budget.js";
import { logger } from "./log.js";
import { SharedStream } from "./shared_stream.js";
import { framesOf } from "./stream_frames.js";
import { socketsOn } from "./stream_socket.js";

/** @import {Loss} from "./connection.js"; */
/** @import {Member, Named} from "./members.js"; */
/** @import {Options, WebSocketClass} from "./options.js"; */
/** @import {Measurement} from "./stream_socket.js"; */
/** @import {Token} from "./token.js"; */

const JOINED_MS = 5; // the sockets of a page open one after another, and share frames
const USUAL_FRAMES = 2; // `unsubscribe` and `subscribe`
const LINGER_MS = 5_000; // an unused connection stays open for so long
const MEASURED_EVERY_MS = 2_000; // the server counts one in five seconds
const LONGEST_PAUSE_MS = 5_000; // between attempts; the sockets on it have pauses of their own

/**
 * One connection for any number of sockets: pass `live.WebSocket` to them as `options.WebSocket`.
 * Each socket behaves as with a connection of its own. The connection opens with the first socket.
 *
 *     const live = new LiveConnection(token);
 *     const run = new RunWebSocket(runId, null, { WebSocket: live.WebSocket });
 *
 * The graph of one crew and that of all crews cannot be followed at the same time.
 */
export class LiveConnection {
  #url;
  #token;
  #WebSocket;
  #msgpack;
  #log;
  /** @type {Connection | undefined} */
  #connection;
  #isAccepted = false;
  #acceptedAt = 0;
  #failures = 0;
  /** Whether the last token was refused. */
  #renew = false;
  /** @type {Map<string, SharedStream>} */
  #streams = new Map();
  #budget = new FrameBudget();
  /** When a measurement of each type may be sent again. @type {Map<string, number>} */
  #nextSent = new Map();
  /** @type {((text: string) => void) | undefined} */
  #answer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #flushTimer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #dialTimer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #lingerTimer;
  /** For the sockets' `options.WebSocket`. @type {WebSocketClass} */
  WebSocket;

  /**
   * @param {Token | null} [token]
   * @param {Pick<Options, "url" | "WebSocket" | "log" | "msgpack"> & {session?: string}} [options]  `session`:
   *   the server refuses the connection if the browser has another session
   */
  constructor(token, { url, WebSocket = globalThis.WebSocket, log, msgpack, session } = {}) {
    if (!WebSocket) throw new TypeError("No WebSocket here: pass options.WebSocket.");
    const server = baseUrl(url);
    this.#url = `${server}/ws/live${session ? `?session=${encodeURIComponent(session)}` : ""}`;
    this.#token = token;
    this.#WebSocket = WebSocket;
    this.#msgpack = msgpack;
    this.#log = logger("LiveWS", log);
    this.WebSocket = socketsOn(this, server);
  }

  /**
   * @param {string} name  of a stream, as the server knows it
   * @param {Member} member
   * @returns {() => void} ends it for this member, without a call of its `end`
   */
  follow(name, member) {
    const stream = this.#streams.get(name) ?? new SharedStream(name);
    this.#streams.set(name, stream);
    stream.add(member);
    clearTimeout(this.#lingerTimer);
    this.#lingerTimer = undefined;
    if (this.#isAccepted) this.#flushSoon();
    else this.#dialSoon();
    return () => {
      stream.remove(member);
      if (this.#isAccepted) this.#flushSoon();
      else if (stream.isOver) this.#forget(stream);
    };
  }

  /**
   * Passes a measurement of a page on; most of them are dropped, as the server takes few frames.
   * @param {Measurement} frame
   * @param {(text: string) => void} answer  gets the `pong` that follows a `ping`
   */
  sendMeasurement(frame, answer) {
    const now = Date.now();
    if (now < (this.#nextSent.get(frame.type) ?? 0)) return;
    this.#nextSent.set(frame.type, now + MEASURED_EVERY_MS);
    if (frame.type === "ping") this.#answer = answer;
    this.#connection?.send(frame);
  }

  /** Replaces the token of the open connection, and of later ones. @param {string} token */
  authenticate(token) {
    if (typeof this.#token !== "function") this.#token = token;
    this.#connection?.authenticate(token);
  }

  /** Ends the connection, and every socket on it. */
  close() {
    this.#release();
    this.#endAll({ code: COMPLETE, reason: "closed" });
  }

  #dialSoon() {
    if (this.#connection || this.#dialTimer !== undefined) return;
    const pause = this.#failures ? Math.min(fullJitter(this.#failures), LONGEST_PAUSE_MS) : 0;
    this.#dialTimer = setTimeout(() => this.#dial(), pause);
  }

  #dial() {
    this.#dialTimer = undefined;
    if (this.#connection || ![...this.#streams.values()].some(({ isOver }) => !isOver)) return;
    const to = {
      url: this.#url,
      token: this.#token,
      renew: this.#renew,
      WebSocket: this.#WebSocket,
      msgpack: this.#msgpack,
    };
    this.#connection = new Connection(to, {
      onAccepted: () => this.#accepted(),
      onFrame: (frame, data) => {
        // The sockets on it read text.
        const text = typeof data === "string" ? data : JSON.stringify(frame);
        this.#receive(/** @type {Named} */ (frame), text);
      },
      onLost: (loss) => this.#lose(loss),
      log: this.#log,
    });
    this.#connection.open();
  }

  #accepted() {
    this.#isAccepted = true;
    this.#acceptedAt = Date.now();
    this.#failures = 0;
    this.#log("Connected");
    this.#flush();
  }

  /** @param {Named} frame @param {string} text */
  #receive(frame, text) {
    if (frame.type === "ping") {
      for (const stream of this.#streams.values()) stream.beat(frame.timestamp, frame.heads);
      return;
    }
    if (frame.type === "pong") {
      this.#answer?.(text);
      this.#answer = undefined;
    }
    if (!frame.stream) {
      if (frame.type === "error_message") this.#log(`The server objects: ${frame.detail}`);
      return;
    }
    const stream =
      this.#streams.get(frame.stream) ?? this.#streams.get(frame.stream.split(":", 1)[0]);
    stream?.receive(frame, text);
    if (stream?.isOver) this.#forget(stream);
    this.#linger();
  }

  /** @param {Loss} loss */
  #lose({ code, reason, impossible }) {
    this.#log(`Lost (${[code, reason].filter(Boolean).join(" ")})`);
    const renews = this.#renews(code, reason);
    if (!this.#isAccepted && !renews) this.#failures += 1;
    this.#release();
    // One time for all: the earliest of many random ones would be too early.
    if (code === RESTARTING) this.#dialTimer = setTimeout(() => this.#dial(), restartJitter());
    this.#endAll({ code, reason, impossible, renews });
  }

  /** Whether a new token may help, once. @param {number | undefined} code @param {string} reason */
  #renews(code, reason) {
    const isSettled = this.#isAccepted && Date.now() - this.#acceptedAt >= SETTLED_MS;
    if (isSettled) this.#renew = false;
    if (code !== UNAUTHORIZED || reason?.startsWith(NOT_YET_VALID)) return false;
    // After a refusal of the new one, too, only a later call of the sockets asks again.
    this.#renew = typeof this.#token === "function" && !this.#renew;
    return this.#renew;
  }

  /** @param {Loss} loss */
  #endAll(loss) {
    const streams = [...this.#streams.values()];
    this.#streams.clear();
    for (const stream of streams) stream.end(loss);
  }

  #release() {
    clearTimeout(this.#flushTimer);
    clearTimeout(this.#dialTimer);
    clearTimeout(this.#lingerTimer);
    this.#flushTimer = this.#dialTimer = this.#lingerTimer = undefined;
    this.#connection?.drop();
    this.#connection = undefined;
    this.#isAccepted = false;
  }

  /** @param {SharedStream} stream */
  #forget(stream) {
    if (this.#streams.get(stream.name) === stream) this.#streams.delete(stream.name);
  }

  /** An unused connection closes after a while. */
  #linger() {
    if (this.#streams.size || this.#lingerTimer !== undefined) return;
    this.#lingerTimer = setTimeout(() => this.#release(), LINGER_MS);
  }

  #flushSoon() {
    if (this.#flushTimer !== undefined) return;
    const pause = Math.max(this.#budget.pauseBefore(USUAL_FRAMES), JOINED_MS);
    this.#flushTimer = setTimeout(() => this.#flush(), pause);
  }

  /** Sends the server the streams that end and those that begin. */
  #flush() {
    clearTimeout(this.#flushTimer);
    this.#flushTimer = undefined;
    const streams = [...this.#streams.values()];
    const ended = streams.filter((stream) => stream.unsubscribe()).map(({ name }) => name);
    const begun = streams.flatMap((stream) => stream.subscribe() ?? []);
    for (const stream of streams) if (stream.isOver) this.#forget(stream);
    this.#linger();
    const frames = [...framesOf("unsubscribe", ended), ...framesOf("subscribe", begun)];
    for (const frame of frames) this.#connection?.send(frame);
    this.#budget.spend(frames.length);
  }
}
