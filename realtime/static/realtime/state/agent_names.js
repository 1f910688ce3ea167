/** @import {GraphMessage, RunMessage} from "../frames.js"; */

/** @typedef {{name: string, role: string, parent?: string}} Identity  parent: who has called it */

/** Names and roles of a crew's agents, and which agent has called which in the runs shown. */
export class AgentNames {
  /** With the parents from the snapshot. @type {Map<string, Identity>} */
  #agents = new Map();
  /** Parents by run and agent. @type {Map<string, Map<string, string>>} */
  #parents = new Map();

  /** The agents that snapshots, runs and events of the graph have named. @returns {string[]} */
  get ids() {
    return [...this.#agents.keys()];
  }

  /**
   * @param {string} agent
   * @returns {Identity}
   */
  of(agent) {
    const known = this.#agents.get(agent) ?? { name: agent, role: "" };
    const parents = [...this.#parents.values()].map((ofRun) => ofRun.get(agent));
    return { ...known, parent: parents.filter(Boolean).at(-1) ?? known.parent };
  }

  /** @param {Pick<Extract<GraphMessage, {type: "snapshot"}>["agents"][number], "agent_id" | "name" | "role" | "parent_agent_id">[]} agents */
  snapshot(agents) {
    this.#agents = new Map(
      agents.map(({ agent_id, name, role, parent_agent_id: parent }) => [
        agent_id,
        { name, role, parent },
      ]),
    );
  }

  /**
   * An event may be the first that names an agent: a socket that resumes gets no snapshot.
   * @param {GraphMessage} message
   */
  note(message) {
    if ("agent_id" in message) this.#name(message.agent_id);
    if (message.type !== "handoff") return;
    this.#name(message.from_agent_id);
    this.#name(message.to_agent_id);
  }

  /** @param {string} agent */
  #name(agent) {
    if (!this.#agents.has(agent)) this.#agents.set(agent, { name: agent, role: "" });
  }

  /** @param {import("./saved_state.js").SavedState} saved */
  restore({ agents, runs }) {
    this.snapshot(Object.values(agents));
    this.#parents = new Map(
      Object.entries(runs).map(([id, run]) => [
        id,
        new Map(
          Object.values(run.agents).flatMap(({ agent_id, parent_agent_id: parent }) =>
            parent ? [[agent_id, parent]] : [],
          ),
        ),
      ]),
    );
  }

  /**
   * @param {string} runId
   * @param {Extract<RunMessage, {type: "agent_start"}>} message
   */
  started(runId, { agent_id, name, role, parent_agent_id }) {
    const known = this.#agents.get(agent_id) ?? { name: agent_id, role: "" };
    const given = { name: name ?? known.name, role: role ?? known.role };
    this.#agents.set(agent_id, { ...known, ...given });
    const parents = this.#parents.get(runId);
    if (parent_agent_id && parents) parents.set(agent_id, parent_agent_id);
  }

  /**
   * A run begins, or its events come again from the start.
   * @param {string} runId
   */
  enter(runId) {
    this.#parents.delete(runId);
    this.#parents.set(runId, new Map());
  }

  /**
   * Deletes the calls between agents of other runs.
   * @param {(runId: string) => boolean} isShown
   */
  keep(isShown) {
    for (const id of this.#parents.keys()) if (!isShown(id)) this.#parents.delete(id);
    for (const agent of this.#agents.values()) delete agent.parent;
  }
}
