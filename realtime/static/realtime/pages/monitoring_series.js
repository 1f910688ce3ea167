/** The data of the charts: samples of the server, continued with what the socket sends. */

/** @import {MetricsFrame} from "../frames.js"; */

/**
 * What the server keeps, as columns. `null`: there is no sample of that time.
 * @typedef {object} History
 * @property {number} step  seconds from one sample to the next
 * @property {number[]} at  seconds since the epoch
 * @property {Record<string, (number | null)[]>} figures
 * @property {Record<string, Record<string, (number | null)[]>>} latency_ms
 */

/**
 * Columns that always cover the same time up to now. The newest value is the mean of the frames
 * that have come within its step.
 */
export class Series {
  /** @type {number[]} */
  at = [];
  /** @type {Map<string, (number | null)[]>} */
  #columns = new Map();
  #step = 10;
  #frames = 0;

  /**
   * Takes what the server has kept. Of times that it has not kept, what came from the socket stays.
   * @param {History} history
   */
  replace({ step, at, figures, latency_ms }) {
    const before = step === this.#step ? this.#rows() : new Map();
    this.#step = step;
    this.at = [...at];
    this.#columns = new Map(Object.entries(figures).map(([name, values]) => [name, [...values]]));
    for (const [hop, shares] of Object.entries(latency_ms)) {
      for (const [share, values] of Object.entries(shares)) {
        this.#columns.set(`${hop}.${share}`, [...values]);
      }
    }
    const newest = this.at.at(-1) ?? 0;
    for (const time of before.keys()) if (time > newest) this.#advance(time);
    const places = new Map(this.at.map((time, place) => [time, place]));
    for (const [time, row] of before) {
      const place = places.get(time);
      if (place === undefined) continue;
      for (const [name, column] of this.#columns) column[place] ??= row.get(name) ?? null;
    }
  }

  /** The values by time. */
  #rows() {
    return new Map(
      this.at.map((time, place) => {
        const row = [...this.#columns].map(
          ([name, column]) => /** @type {const} */ ([name, column[place]]),
        );
        return [time, new Map(row)];
      }),
    );
  }

  /**
   * @param {string} name  of a figure, or `hop.p95`
   * @returns {(number | null)[]}
   */
  column(name) {
    return this.#columns.get(name) ?? this.at.map(() => null);
  }

  /** @param {Pick<MetricsFrame, "timestamp" | "figures" | "latency_ms">} frame */
  add({ timestamp, figures, latency_ms }) {
    if (!figures) return;
    const seconds = Date.parse(timestamp) / 1000;
    this.#advance(Math.floor(seconds / this.#step) * this.#step);
    this.#frames += 1;
    for (const [name, column] of this.#columns) {
      const [hop, share] = name.split(".");
      const value = share ? latency_ms[hop]?.[share] : figures[hop];
      if (value === undefined) continue;
      const before = column.at(-1);
      column[column.length - 1] =
        before === null || before === undefined
          ? value
          : before + (value - before) / Math.max(this.#frames, 1);
    }
  }

  /**
   * Makes the time `at` the newest, with gaps for those between.
   * @param {number} at
   */
  #advance(at) {
    const length = this.at.length;
    let newest = this.at.at(-1) ?? at;
    if (at - newest > length * this.#step) newest = at - length * this.#step;
    while (newest < at) {
      newest += this.#step;
      this.#frames = 0;
      this.at.push(newest);
      for (const column of this.#columns.values()) column.push(null);
    }
    this.at = this.at.slice(-length);
    for (const [name, column] of this.#columns) this.#columns.set(name, column.slice(-length));
  }
}
