/** @import {GoneFrame, HelloFrame, ResetFrame, SnapshotFrame} from "./frames.js"; */

/**
 * @typedef {object} Stream
 * @property {string | null | undefined} epoch  the numbering that the position belongs to
 * @property {number} head  the newest `seq` that the server reported
 * @property {number | undefined} position  the last `seq` seen; undefined until the server sets it
 */

/** How far each stream of one socket has been read. */
export class Positions {
  /** By name; null is the hello of a user who sees no crew. @type {Map<string | null, Stream>} */
  #streams = new Map();
  /** @type {number | undefined} */
  #start;

  /**
   * @param {number} [start]  the position of a fresh stream: 0 where the server replays from 1,
   *   nothing where a snapshot or the first event sets it
   */
  constructor(start) {
    this.#start = start;
  }

  /** Every stream has been read up to its head. */
  get caughtUp() {
    return [...this.#streams.values()].every(
      ({ head, position }) => head === 0 || (position !== undefined && position >= head),
    );
  }

  /** The query that resumes the only stream at its position; empty for a fresh start. */
  get resumeQuery() {
    const [stream] = this.#streams.values();
    const query = new URLSearchParams();
    if (stream?.position) {
      query.set("since", String(stream.position));
      if (stream.epoch) query.set("epoch", stream.epoch);
    }
    return query;
  }

  /** @param {HelloFrame} frame */
  greet({ stream, epoch, head }) {
    const known = this.#streams.get(stream);
    if (known?.position) {
      known.epoch ??= epoch;
      // In another epoch the position says nothing; the server's reset will take it away.
      known.head = epoch === known.epoch ? head : Infinity;
    } else {
      this.#streams.set(stream, { epoch, head, position: known?.position ?? this.#start });
    }
  }

  /** @param {SnapshotFrame} frame */
  jump({ stream, seq }) {
    this.#stream(stream).position = seq;
  }

  /**
   * A pruned stream may begin anywhere; a new one begins as a fresh connection would.
   * @param {ResetFrame} frame
   */
  reset({ stream, epoch, head, reason }) {
    const position = reason === "pruned" ? undefined : this.#start;
    this.#streams.set(stream, { epoch, head, position });
  }

  /**
   * Moves a stream on to the event `seq`, if that is the next one.
   * @param {string} name
   * @param {number} seq
   * @returns {"first" | "next" | "seen" | "hole"} `first`: the event set the position
   */
  advance(name, seq) {
    const stream = this.#stream(name);
    const { position } = stream;
    if (position !== undefined && seq <= position) return "seen";
    if (position !== undefined && seq > position + 1) return "hole";
    stream.position = seq;
    return position === undefined ? "first" : "next";
  }

  /**
   * Heads received while connected: a head beyond our position means that events are missing.
   * @param {Record<string, number>} heads
   */
  raise(heads) {
    for (const [name, head] of Object.entries(heads)) {
      const stream = this.#streams.get(name);
      if (stream && head > stream.head) stream.head = head;
    }
  }

  /** @param {GoneFrame} frame */
  drop({ stream }) {
    this.#streams.delete(stream);
  }

  clear() {
    this.#streams.clear();
  }

  /**
   * @param {string} name
   * @returns {Stream}
   */
  #stream(name) {
    let stream = this.#streams.get(name);
    if (!stream) {
      stream = { epoch: undefined, head: 0, position: this.#start };
      this.#streams.set(name, stream);
    }
    return stream;
  }
}
