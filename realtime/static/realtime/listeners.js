/**
 * A set of listeners. An error of one does not affect the others.
 * @template T
 */
export class Listeners {
  /** @type {Set<(value: T) => void>} */
  #listeners = new Set();
  #report;

  /** @param {(error: unknown) => void} report  called with an error that a listener throws */
  constructor(report) {
    this.#report = report;
  }

  /**
   * @param {(value: T) => void} listener
   * @returns {() => void} removes the listener
   */
  add(listener) {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** @param {T} value */
  notify(value) {
    for (const listener of [...this.#listeners]) {
      try {
        listener(value);
      } catch (error) {
        this.#report(error);
      }
    }
  }
}
