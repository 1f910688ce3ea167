/** How long events take from the server's socket until the page shows them, in samples. */

/** @import {Frame} from "./frames.js"; */

const ANSWER_MS = 10_000; // A pong that comes later is not used.
const MOST_MS = 60_000; // The server takes no more. A tab that was hidden meanwhile draws late.

/**
 * Measures one event at a time, at most one in the interval that the server's `hello` names. A
 * server without `rendered_every_s` is sent nothing. In a hidden tab or outside a browser nothing
 * is measured.
 *
 * The network's part is half of the time of a ping: clocks of two machines cannot be compared.
 */
export class RenderTime {
  #send;
  /** @type {number | undefined} */
  #everyMs;
  #nextAt = 0;
  /** @type {{stream: string, shownMs: number, askedAt: number} | undefined} */
  #measured;
  #measuring = false;
  #kind = "";

  /** @param {(frame: object) => void} send */
  constructor(send) {
    this.#send = send;
  }

  /**
   * Called after the page's listeners were called with the frame.
   * @param {Frame} frame
   * @param {number} arrivedAt  `performance.now()` before they were called
   */
  take(frame, arrivedAt) {
    if (frame.type === "hello") {
      this.#everyMs = frame.rendered_every_s && frame.rendered_every_s * 1000;
      this.#kind = frame.stream?.split(":")[0] ?? "";
    } else if (frame.type === "pong") {
      this.#report();
    } else if ("crew_id" in frame) {
      this.#measure(frame, arrivedAt);
    }
  }

  /**
   * @param {Extract<Frame, {crew_id: string}>} frame
   * @param {number} arrivedAt
   */
  #measure(frame, arrivedAt) {
    if (this.#measuring || !this.#everyMs || arrivedAt < this.#nextAt) return;
    if (globalThis.document?.hidden !== false) return;
    const run = "run_id" in frame ? frame.run_id : undefined;
    const own = `${this.#kind}:${this.#kind === "run" ? run : frame.crew_id}`;
    const stream = ("stream" in frame && String(frame.stream)) || own;
    this.#measuring = true;
    this.#nextAt = arrivedAt + this.#everyMs;
    // The second callback comes after the frame that the first belongs to was drawn.
    requestAnimationFrame(() =>
      requestAnimationFrame((now) => {
        this.#measuring = false;
        this.#measured = { stream, shownMs: now - arrivedAt, askedAt: performance.now() };
        this.#send({ type: "ping" });
      }),
    );
  }

  #report() {
    if (!this.#measured) return;
    const { stream, shownMs, askedAt } = this.#measured;
    this.#measured = undefined;
    const roundTripMs = performance.now() - askedAt;
    if (roundTripMs > ANSWER_MS) return;
    const ms = Math.max(0, shownMs) + roundTripMs / 2;
    if (ms > MOST_MS) return;
    this.#send({ type: "rendered", stream, ms: Math.round(ms * 10) / 10 });
  }
}
