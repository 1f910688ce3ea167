import { mock } from "node:test";
import { setImmediate } from "node:timers/promises";

const CONNECTING = 0;
const OPEN = 1;
const CLOSED = 3;

/** A WebSocket whose server is the test. */
export class FakeWebSocket {
  /** @type {FakeWebSocket[]} */
  static all = [];

  /** @type {((event: any) => void) | null} */
  onmessage = null;
  /** @type {((event: any) => void) | null} */
  onclose = null;
  /** @type {((event: any) => void) | null} */
  onerror = null;
  /** @type {string | undefined} */
  protocol;
  /** @type {"blob" | "arraybuffer"} */
  binaryType = "blob";
  readyState = CONNECTING;
  /** @type {any[]} */
  sent = [];

  /**
   * @param {string} url
   * @param {string[]} [protocols]
   */
  constructor(url, protocols) {
    this.url = url;
    this.protocols = protocols;
    FakeWebSocket.all.push(this);
  }

  /** The newest one. */
  static get last() {
    const last = FakeWebSocket.all.at(-1);
    if (!last) throw new Error("nothing has connected");
    return last;
  }

  /** @param {string} data */
  send(data) {
    if (this.readyState !== OPEN) throw new Error("InvalidStateError: not open");
    this.sent.push(JSON.parse(data));
  }

  /** @param {number} [code] */
  close(code = 1005) {
    // As a browser: the close event comes later, and not before the server has answered.
    this.closedWith = code;
    this.readyState = CLOSED;
  }

  /** @param {...object} frames  from the server */
  receive(...frames) {
    this.readyState = OPEN;
    for (const frame of frames) this.onmessage?.({ data: JSON.stringify(frame) });
  }

  /** No connection comes about; as with `ws`, the error must be listened to. */
  fail() {
    if (!this.onerror) throw new Error("unhandled error event");
    this.onerror({ message: "refused" });
  }

  /**
   * The server, or the network, closes.
   * @param {number} code
   * @param {string} [reason]
   */
  lose(code, reason = "") {
    this.readyState = CLOSED;
    this.onclose?.({ code, reason });
  }
}

/** Options for a socket that reaches the test alone, and the lines that it logs. */
export function fakeOptions() {
  FakeWebSocket.all = [];
  /** @type {string[]} */
  const lines = [];
  /** @type {import("../../static/realtime/options.js").Options} */
  const options = {
    url: "ws://server",
    WebSocket: FakeWebSocket,
    log: (message) => void lines.push(message),
  };
  return { options, lines };
}

/**
 * @param {string} stream
 * @param {number} head
 * @param {string} [epoch]
 */
export function hello(stream, head, epoch = "e1") {
  return { type: "hello", stream, epoch, head, heartbeat_s: 45 };
}

/** The `hello` of a live connection, before that of any stream. */
export const WELCOME = { ...hello("", 0), stream: null, epoch: null };

/** Time and timers that only `mock.timers.tick` moves. */
export function stopTime() {
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_800_000_000_000 });
}

/** Lets promises that stand ready run. */
export async function settled() {
  await setImmediate();
}
