import { Positions } from "./positions.js";

/** @import {Frame, GraphEvent, RunEvent, SignalEvent} from "./frames.js"; */

// The server finds events that Redis lost within 2 s, or later under load. A client that reconnects
// earlier would add to that load.
const MISSING_GRACE_MS = 10_000;

/** Passes on every event once and in order, and detects missing ones. */
export class OrderedEvents {
  #kind;
  #handlers;
  #positions;
  #events = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #missingTimer;

  /**
   * @param {"run" | "graph" | "mission" | "metrics"} kind  of the streams
   * @param {object} handlers
   * @param {(frame: Frame) => void} handlers.onMessage  an event, a snapshot, a reset or a stream's end
   * @param {(reason: string) => void} handlers.onMissing  an event that only a new connection can get
   */
  constructor(kind, handlers) {
    this.#kind = kind;
    this.#handlers = handlers;
    // A run begins with its first event. For other streams the server sets the position.
    this.#positions = new Positions(kind === "run" ? 0 : undefined);
  }

  get caughtUp() {
    return this.#positions.caughtUp;
  }

  get resumeQuery() {
    return this.#positions.resumeQuery;
  }

  /** How many events were passed on: it grows if a new connection helps. */
  get events() {
    return this.#events;
  }

  /** @param {Frame} frame */
  read(frame) {
    switch (frame.type) {
      case "hello":
        this.#positions.greet(frame);
        break;
      case "ping":
        this.#positions.raise(frame.heads);
        this.#awaitMissing();
        break;
      case "snapshot":
        this.#positions.jump(frame);
        this.#handlers.onMessage(frame);
        break;
      case "reset":
        this.#positions.reset(frame);
        this.#handlers.onMessage(frame);
        break;
      case "metrics":
        this.#handlers.onMessage(frame);
        break;
      case "gone":
        this.#positions.drop(frame);
        this.#handlers.onMessage(frame);
        break;
      default:
        if ("seq" in frame) this.#take(frame);
    }
  }

  /** Called between connections: stop waiting for events. */
  pause() {
    clearTimeout(this.#missingTimer);
    this.#missingTimer = undefined;
  }

  /** Deletes every position: the next connection sets them. */
  forget() {
    this.#positions.clear();
  }

  /** @param {RunEvent | GraphEvent | SignalEvent} event */
  #take(event) {
    const id = this.#kind === "run" && "run_id" in event ? event.run_id : event.crew_id;
    const place = this.#positions.advance(`${this.#kind}:${id}`, event.seq);
    if (place === "hole") {
      this.#handlers.onMissing(`events before ${event.seq} are missing`);
    } else if (place !== "seen") {
      if (place === "next") this.#events += 1;
      this.#handlers.onMessage(event);
    }
  }

  /** The server has events that are missing here: wait as long as some keep arriving. */
  #awaitMissing() {
    if (this.caughtUp || this.#missingTimer !== undefined) return;
    const before = this.#events;
    this.#missingTimer = setTimeout(() => {
      this.#missingTimer = undefined;
      if (this.#events > before) this.#awaitMissing();
      else if (!this.caughtUp) this.#handlers.onMissing("the newest events are missing");
    }, MISSING_GRACE_MS);
  }
}
