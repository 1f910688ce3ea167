import { byHand, forEver, threeTimes } from "./backoff.js";
import { LiveSocket } from "./socket.js";

/**
 * For TypeScript users, from the one module that they import.
 * @typedef {import("./frames.js").Frame} Frame
 * @typedef {import("./frames.js").RunMessage} RunMessage
 * @typedef {import("./frames.js").GraphMessage} GraphMessage
 * @typedef {import("./frames.js").MissionMessage} MissionMessage
 * @typedef {import("./options.js").Options} Options
 * @typedef {import("./options.js").State} State
 * @typedef {import("./options.js").StateChange} StateChange
 * @typedef {import("./token.js").Token} Token
 */

/**
 * One run, from `boot` to `done`; then the server closes and the state is `closed`.
 * Reconnects at most 3 times in a row, 2 s apart.
 * @extends {LiveSocket<RunMessage>}
 */
export class RunWebSocket extends LiveSocket {
  /**
   * @param {string} runId
   * @param {Token | null} [token]
   * @param {Options} [options]
   */
  constructor(runId, token, options) {
    if (!runId) throw new TypeError("RunWebSocket needs the id of a run.");
    const path = `/ws/runs/${encodeURIComponent(runId)}`;
    super({ label: "RunWS", kind: "run", path, resumes: true, policy: threeTimes }, token, options);
  }
}

/**
 * The status of every crew the user can see; each connection begins with the current ones.
 * Reconnects for ever, with exponential back-off and full jitter.
 * @extends {LiveSocket<MissionMessage>}
 */
export class MissionWebSocket extends LiveSocket {
  /**
   * @param {Token | null} [token]
   * @param {Options} [options]
   */
  constructor(token, options) {
    const path = "/ws/mission";
    super(
      { label: "MissionWS", kind: "mission", path, resumes: false, policy: forEver },
      token,
      options,
    );
  }
}

/**
 * What the agents of one crew do with their tools, or of every crew without a `crewId` (each
 * connection begins with snapshots then). After a loss it waits for `reconnect()`, so that the
 * component which shows it decides; with `options.autoReconnect` it comes back by itself.
 * @extends {LiveSocket<GraphMessage>}
 */
export class GraphWebSocket extends LiveSocket {
  /**
   * @param {string | null} [crewId]
   * @param {Token | null} [token]
   * @param {Options} [options]
   */
  constructor(crewId, token, options) {
    const path = crewId ? `/ws/graph?crew_id=${encodeURIComponent(crewId)}` : "/ws/graph";
    super(
      { label: "GraphWS", kind: "graph", path, resumes: Boolean(crewId), policy: byHand },
      token,
      options,
    );
  }
}
