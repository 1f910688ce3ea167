/** @import {GraphMessage, RunMessage} from "../frames.js"; */

/** @typedef {{name: string, role: string, parent?: string}} Identity  parent: the agent that has called it */

/** Names and roles of a crew's agents. */
export class AgentNames {
  /** With the parents from the snapshot. @type {Map<string, Identity>} */
  #agents = new Map();

  /** The agents that snapshots, runs and events of the graph have named. @returns {string[]} */
  get ids() {
    return [...this.#agents.keys()];
  }

  /**
   * @param {string} agent
   * @returns {Identity}
   */
  of(agent) {
    return this.#agents.get(agent) ?? { name: agent, role: "" };
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

  /** @param {Extract<RunMessage, {type: "agent_start"}>} message */
  started({ agent_id, name, role }) {
    const known = this.of(agent_id);
    const given = { name: name ?? known.name, role: role ?? known.role };
    this.#agents.set(agent_id, { ...known, ...given });
  }

  /** A run begins: the calls between agents that the snapshot has named are of earlier ones. */
  forgetParents() {
    for (const agent of this.#agents.values()) delete agent.parent;
  }
}
