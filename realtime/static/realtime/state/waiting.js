/** The agents that wait for approval, by run. No DOM. */

/** @import {RunMessage} from "../frames.js"; */
/** @import {SavedState} from "./saved_state.js"; */

export class Waiting {
  /** The agents of the calls that wait, by run and id. @type {Map<string, Map<string, string>>} */
  #runs = new Map();

  /**
   * @param {string} runId
   * @param {RunMessage} message
   */
  apply(runId, message) {
    if (message.type === "boot" || message.type === "reset") this.#runs.set(runId, new Map());
    if (message.type === "approval_requested")
      this.#runs.get(runId)?.set(message.approval_id, message.agent_id);
    if (message.type === "approval_decided") this.#runs.get(runId)?.delete(message.approval_id);
  }

  /** @param {SavedState} saved */
  restore({ runs }) {
    this.#runs = new Map();
    for (const [id, { approvals = {} }] of Object.entries(runs)) {
      const agents = Object.entries(approvals).map(
        ([approval, { agent_id }]) => /** @type {[string, string]} */ ([approval, agent_id]),
      );
      this.#runs.set(id, new Map(agents));
    }
  }

  /** Forgets all other runs. @param {Iterable<string>} runs */
  keep(runs) {
    const kept = new Set(runs);
    for (const id of this.#runs.keys()) if (!kept.has(id)) this.#runs.delete(id);
  }

  /** @param {string} agent */
  has(agent) {
    return [...this.#runs.values()].some((agents) => [...agents.values()].includes(agent));
  }
}
