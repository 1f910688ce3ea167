/** A state of a run's crew as `runs/events/state.py` on the server has computed it. */

/** @import {AgentState, Execution} from "./crew_state.js"; */
/** @import {Handoff, ModelCall, Usage} from "./model_state.js"; */
/** @import {RunAgent, RunApproval, RunBudget, RunControl, RunTask} from "./run_state.js"; */

/**
 * @typedef {object} SavedRun
 * @property {string} status
 * @property {boolean} [paused]
 * @property {boolean} [planned]
 * @property {Record<string, RunAgent>} agents
 * @property {Record<string, RunTask>} tasks
 * @property {Record<string, RunControl>} [controls]
 * @property {Record<string, RunApproval>} [approvals]
 * @property {Record<string, RunBudget>} [budgets]
 * @typedef {object} SavedState
 * @property {Record<string, Omit<Execution, "begunAt"> & {started_at: string}>} executions
 * @property {Record<string, SavedRun>} runs
 * @property {{calls: Record<string, Omit<ModelCall, "begunAt"> & {started_at: string}>,
 *   usage: Record<string, Usage>, handoffs: Handoff[]}} model
 * @property {Record<string, {agent_id: string, name: string, role: string, parent_agent_id?: string}>} agents
 * @property {Record<string, AgentState>} reported
 */

export {};
