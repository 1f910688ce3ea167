/**
 * A set of listeners that cannot harm each other.
 * @template T
 */
export class Listeners {
  /** @type {Set<(value: T) => void>} */
  #listeners = new Set();
  #report;

  /** @param {(error: unknown) => void} report  told of what a listener throws */
  constructor(report) {
    this.#report = report;
  }

  /**
   * @param {(value: T) => void} listener
   * @returns {() => void} takes the listener away again
   */
  add(listener) {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** @param {T} value */
  tell(value) {
    for (const listener of [...this.#listeners]) {
      try {
        listener(value);
      } catch (error) {
        this.#report(error);
      }
    }
  }
}
