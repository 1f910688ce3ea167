/** @import {GraphEvent, GraphMessage} from "../frames.js"; */

const KEPT = 200;

/**
 * @typedef {object} Execution
 * @property {string} run_id
 * @property {string} agent_id
 * @property {string} execution_id
 * @property {string} tool
 * @property {string} status  running, success, error or completed_with_errors
 * @property {string} [message]
 * @property {number | null} [progress]  0 to 1, if the tool reports it
 * @property {number | null} [duration_s]
 * @property {number} [begunAt]  milliseconds since 1970 by this computer's clock, while it runs
 * @typedef {Extract<GraphEvent, {execution_id: string}>} ToolEvent
 */

/** The tool calls of a crew's graph, the newest 200. */
export class ToolCalls {
  /** @type {Map<string, Execution>} */
  #executions = new Map();

  /** @returns {Execution[]} */
  get all() {
    return [...this.#executions.values()];
  }

  get running() {
    return this.all.filter(({ status }) => status === "running");
  }

  /**
   * @param {GraphMessage} message
   * @param {number} begunAt  when it happened, by this computer's clock
   * @param {number} now
   */
  apply(message, begunAt, now) {
    switch (message.type) {
      case "snapshot":
        this.#snapshot(message.executions, now);
        break;
      case "tool_start":
        this.#add(message, begunAt);
        break;
      case "tool_progress":
      case "tool_end":
        this.#report(message, now);
        break;
    }
  }

  /**
   * @param {Extract<GraphMessage, {type: "snapshot"}>["executions"]} executions
   * @param {number} now
   */
  #snapshot(executions, now) {
    this.#executions = new Map(
      executions.map((execution) => {
        const begunAt = now - Number(execution.duration_s) * 1000;
        return [execution.execution_id, /** @type {any} */ ({ ...execution, begunAt })];
      }),
    );
  }

  /** @param {import("./saved_state.js").SavedState["executions"]} executions  by id, oldest first */
  restore(executions) {
    this.#executions = new Map(
      Object.entries(executions).map(([id, { started_at, ...execution }]) => [
        id,
        { ...execution, begunAt: Date.parse(started_at) },
      ]),
    );
  }

  /**
   * @param {ToolEvent} event
   * @param {number} begunAt
   * @returns {Execution}
   */
  #add({ run_id, agent_id, execution_id, tool }, begunAt) {
    /** @type {Execution} */
    const execution = { run_id, agent_id, execution_id, tool, status: "running", begunAt };
    this.#executions.set(execution_id, execution);
    const [oldest] = this.#executions.keys();
    if (this.#executions.size > KEPT) this.#executions.delete(oldest);
    return execution;
  }

  /**
   * @param {Exclude<ToolEvent, {type: "tool_start"}>} event
   * @param {number} now
   */
  #report(event, now) {
    // Followed from the middle, a tool may report that is not known to have started.
    const execution = this.#executions.get(event.execution_id) ?? this.#add(event, now);
    // Fields that the event does not have keep their values.
    execution.message = event.message ?? execution.message;
    if (event.type === "tool_progress") execution.progress = event.progress ?? execution.progress;
    else Object.assign(execution, { status: event.status, duration_s: event.duration_s });
  }

  /**
   * Forgets the calls of other runs.
   * @param {Set<string>} runIds
   */
  keep(runIds) {
    for (const [id, { run_id }] of this.#executions)
      if (!runIds.has(run_id)) this.#executions.delete(id);
  }
}
