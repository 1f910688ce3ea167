/** @import {WebSocketClass} from "./options.js"; */
/** @import {Member} from "./members.js"; */

/**
 * What a page measures: a `ping`, which is answered with a `pong`, and a `rendered`.
 * @typedef {{type: "ping" | "rendered"}} Measurement
 */

/**
 * @typedef {object} SharedConnection
 * @property {(name: string, member: Member) => () => void} follow  returns how to leave
 * @property {(frame: Measurement, answer: (text: string) => void) => void} sendMeasurement
 */

const CONNECTING = 0;
const OPEN = 1;
const CLOSED = 3;

/**
 * The stream that a socket's address stands for: `run:{id}`, `graph:{id}`, `graph`, `mission`,
 * `metrics:{slug}`, `metrics`.
 * @param {string} address
 */
export function streamOf(address) {
  const { pathname, searchParams } = new URL(address);
  if (/\/ws\/metrics\/?$/.test(pathname)) {
    const organization = searchParams.get("organization");
    return organization ? `metrics:${organization}` : "metrics";
  }
  const [, kind, id = searchParams.get("crew_id")] =
    /\/ws\/(runs|graph|mission)(?:\/([^/]+))?\/?$/.exec(pathname) ?? [];
  if (!kind) throw new TypeError(`${address} is no address of a stream.`);
  const name = kind === "runs" ? "run" : kind;
  return id ? `${name}:${decodeURIComponent(id).toLowerCase()}` : name;
}

/** A WebSocket for a client class, on a connection that it shares with others. */
export class StreamSocket {
  /** @type {((event: any) => void) | null} */
  onmessage = null;
  /** @type {((event: any) => void) | null} */
  onclose = null;
  /** @type {((event: any) => void) | null} */
  onerror = null;
  readyState = CONNECTING;
  #leave;
  #sendMeasurement;

  /**
   * @param {(member: Member) => () => void} follow  returns how to leave
   * @param {(frame: Measurement) => void} sendMeasurement  passes a measurement on
   * @param {string} address
   */
  constructor(follow, sendMeasurement, address) {
    this.#sendMeasurement = sendMeasurement;
    const query = new URL(address).searchParams;
    const since = query.get("since");
    this.#leave = follow({
      since: since === null ? undefined : Number(since),
      epoch: query.get("epoch") ?? undefined,
      receive: (data) => {
        if (this.readyState === CLOSED) return;
        this.readyState = OPEN;
        this.onmessage?.({ data });
      },
      end: (loss) => {
        if (this.readyState === CLOSED) return;
        this.readyState = CLOSED;
        this.onclose?.(loss);
      },
    });
  }

  /**
   * Only measurements are passed on: the connection answers heartbeats and renews tokens.
   * @param {string} text
   */
  send(text) {
    const frame = JSON.parse(text);
    if (frame.type === "ping" || frame.type === "rendered") this.#sendMeasurement(frame);
  }

  close() {
    if (this.readyState === CLOSED) return;
    this.readyState = CLOSED;
    this.#leave();
  }
}

/**
 * A class for the sockets' `options.WebSocket`: each is a stream of the connection.
 * @param {SharedConnection} on
 * @param {string} [server]  its address
 * @returns {WebSocketClass}
 */
export function socketsOn(on, server) {
  return class extends StreamSocket {
    static server = server;

    /** @param {string} address */
    constructor(address) {
      /** @param {string} text */
      const answer = (text) => this.onmessage?.({ data: text });
      super(
        (member) => on.follow(streamOf(address), member),
        (frame) => on.sendMeasurement(frame, answer),
        address,
      );
    }
  };
}
