/** Calls a function at short intervals, with the time that has passed since the last call. */

const FRAME_MS = 100; // between two moments that are shown while playing

export class ReplayTimer {
  #step;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;

  /** @param {(milliseconds: number) => void} step */
  constructor(step) {
    this.#step = step;
  }

  get isOn() {
    return this.#timer !== undefined;
  }

  start() {
    let then = performance.now();
    this.#timer = setInterval(() => {
      const now = performance.now();
      const passed = now - then;
      then = now;
      this.#step(passed);
    }, FRAME_MS);
  }

  stop() {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
