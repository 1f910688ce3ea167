/** Data of one stream as React reads it: a snapshot that is replaced, and listeners. */

const LINGER_MS = 5_000; // nobody reads it, and somebody may come back: StrictMode, a change of page
const PUBLISH_MS = 16; // many events make one snapshot

/**
 * Starts with its first listener, and stops 5 s after the last has left.
 * @template View
 */
export class Store {
  /** @type {View} */
  #snapshot;
  #view;
  #stop;
  #stopped;
  /** @type {Set<() => void>} */
  #listeners = new Set();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #lingerTimer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #publishTimer;

  /**
   * @param {(changed: () => void) => {view: () => View, stop: () => void}} start  begins to follow:
   *   calls `changed` after each change; `view` makes a new snapshot
   * @param {() => void} stopped
   */
  constructor(start, stopped) {
    const { view, stop } = start(() => this.#changed());
    this.#view = view;
    this.#stop = stop;
    this.#stopped = stopped;
    this.#snapshot = view();
  }

  /** The same object until something has changed. */
  get snapshot() {
    return this.#snapshot;
  }

  /**
   * @param {() => void} listener
   * @returns {() => void} leaves
   */
  subscribe(listener) {
    const entry = () => listener(); // One function may listen twice.
    this.#listeners.add(entry);
    clearTimeout(this.#lingerTimer);
    return () => {
      if (!this.#listeners.delete(entry) || this.#listeners.size) return;
      this.#lingerTimer = setTimeout(() => this.stop(), LINGER_MS);
    };
  }

  /** Ends it for good. */
  stop() {
    clearTimeout(this.#lingerTimer);
    clearTimeout(this.#publishTimer);
    this.#listeners.clear();
    this.#stop();
    this.#stopped();
  }

  #changed() {
    this.#publishTimer ??= setTimeout(() => this.#publish(), PUBLISH_MS);
  }

  #publish() {
    this.#publishTimer = undefined;
    this.#snapshot = this.#view();
    for (const listener of [...this.#listeners]) listener();
  }
}
