/** A run's past, from the server: from when to when it is known, and the state at any moment. */

import { CrewState } from "../state/crew_state.js";
import { fetchJson } from "./fetch_json.js";

/** @import {GraphMessage, RunMessage} from "../frames.js"; */
/** @import {SavedState} from "../state/saved_state.js"; */

/**
 * @typedef {[string, "error" | "handoff" | "approval" | "control", string]} Mark  time, kind, label
 * @typedef {object} About
 * @property {string | null} first  null: nothing has happened yet
 * @property {string} last
 * @property {string} now  by the server's clock
 * @property {boolean} is_over
 * @property {boolean} is_pruned
 * @property {boolean} is_complete
 * @property {number} share
 * @property {Mark[]} marks
 * @typedef {{at: string, stream: "run" | "graph", event: any}} Following
 * @typedef {{at: string, state: SavedState, events: Following[], until: string}} Segment
 */

/**
 * A time as events have it, so that texts compare as times do.
 * @param {number} milliseconds  since 1970
 */
export function isoUtc(milliseconds) {
  return new Date(milliseconds).toISOString().replace("Z", "000Z");
}

export class Recording {
  #runId;
  /** The last answer: the state at its begin, and what followed. @type {Segment | undefined} */
  #segment;

  /** @param {string} runId */
  constructor(runId) {
    this.#runId = runId;
  }

  /** @returns {Promise<About | undefined>} nothing if the server cannot be asked now */
  async about() {
    return this.#get("recording/");
  }

  /**
   * The crew's state, of this run alone. A moment soon after the last one needs no request.
   * @param {string} at
   * @returns {Promise<CrewState | null | undefined>} null if nothing is known of the run's past;
   *   undefined if the server cannot be asked now
   */
  async stateAt(at) {
    const known = this.#segment;
    if (!known || at < known.at || at > known.until) {
      const fresh = await this.#get(`moment/?at=${encodeURIComponent(at)}`);
      if (!fresh) return undefined;
      if (!fresh.at) return null;
      this.#segment = fresh;
    }
    return stateIn(/** @type {Segment} */ (this.#segment), at);
  }

  /** @param {string} path */
  #get(path) {
    return fetchJson(`/runs/${this.#runId}/${path}`);
  }
}

/**
 * @param {Segment} segment
 * @param {string} at
 */
export function stateIn(segment, at) {
  const state = new CrewState();
  state.restore(segment.state);
  for (const { at: when, stream, event } of segment.events) {
    if (when > at) break;
    if (stream === "run") state.run(event.run_id, /** @type {RunMessage} */ (event));
    else state.graph(/** @type {GraphMessage} */ (event), Date.parse(event.timestamp));
  }
  return state;
}
