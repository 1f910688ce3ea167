/** A state of a run's crew as `runs/events/state.py` on the server has computed it. */

/** @import {AgentState, Execution, Task} from "./crew_state.js"; */
/** @import {Handoff, ModelCall, Usage} from "./model_state.js"; */

/**
 * @typedef {object} SavedTask
 * @property {string} task_id
 * @property {string} agent_id
 * @property {string} status
 * @property {string} [name]
 * @property {string} [started_at]
 * @typedef {object} SavedRun
 * @property {string} status
 * @property {Record<string, {agent_id: string, parent_agent_id?: string}>} agents
 * @property {Record<string, SavedTask>} tasks
 * @property {Record<string, {agent_id: string}>} [approvals]
 * @typedef {object} SavedState
 * @property {Record<string, Omit<Execution, "begunAt"> & {started_at: string}>} executions
 * @property {Record<string, SavedRun>} runs
 * @property {{calls: Record<string, Omit<ModelCall, "begunAt"> & {started_at: string}>,
 *   usage: Record<string, Usage>, handoffs: Handoff[]}} model
 * @property {Record<string, {agent_id: string, name: string, role: string, parent_agent_id?: string}>} agents
 * @property {Record<string, AgentState>} reported
 */

/**
 * The tasks of each run that have started, in the order of their start.
 * @param {SavedState} saved
 * @returns {Map<string, {over: boolean, tasks: Map<string, Task>}>}
 */
export function runsOf({ runs }) {
  return new Map(
    Object.entries(runs).map(([id, { status, tasks }]) => {
      const over = status !== "queued" && status !== "running";
      const started = Object.values(tasks).flatMap(({ started_at, name = "", ...task }) =>
        started_at ? [{ ...task, name, timestamp: started_at }] : [],
      );
      started.sort((a, b) => Number(a.timestamp > b.timestamp) - Number(a.timestamp < b.timestamp));
      return [id, { over, tasks: new Map(started.map((task) => [task.task_id, task])) }];
    }),
  );
}
