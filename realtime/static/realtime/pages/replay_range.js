/** What the server has said of a run's past: from when to when it is known, and its marks. */

import { Recording } from "./recording.js";

/** @import {About} from "./recording.js"; */

export class KnownPast {
  /** @type {About | undefined} */
  about;
  recording;
  #runId;
  #changed;
  /** The request, while it is under way. @type {Promise<void> | undefined} */
  #loading;
  /** How far the server's clock is ahead of ours. */
  #ahead = 0;

  /**
   * @param {string} runId  "": no run
   * @param {() => void} changed  called when more is known
   */
  constructor(runId, changed) {
    this.#runId = runId;
    this.#changed = changed;
    this.recording = new Recording(runId);
  }

  load() {
    this.#loading ??= this.#read().finally(() => (this.#loading = undefined));
    return this.#loading;
  }

  /** Asks again, as the run has ended. */
  async reload() {
    await this.#loading; // It may have been asked for before the end.
    this.about = undefined;
    return this.load();
  }

  /** Milliseconds since 1970, as `last`. */
  get first() {
    return Date.parse(this.about?.first ?? "");
  }

  /** The end of the run, or the present. */
  get last() {
    return this.about?.is_over ? Date.parse(this.about.last) : Date.now() + this.#ahead;
  }

  async #read() {
    if (!this.#runId) return;
    do {
      const about = await this.recording.about();
      if (!about) break;
      this.#ahead = Date.parse(about.now) - Date.now();
      this.about = about.first ? about : undefined;
      this.#changed();
    } while (this.about && !this.about.is_complete);
  }
}
