import { RunState } from "../static/realtime/state/run_state.js";
import { RunWebSocket } from "../static/realtime/websocket.js";
import { IDLE, Watched } from "./watched_socket.js";

/** @import {RunEvent} from "../static/realtime/frames.js"; */
/** @import {RunAgent, RunApproval, RunBudget, RunControl, RunTask} from "../static/realtime/state/run_state.js"; */
/** @import {Connection, On} from "./watched_socket.js"; */

const EVENTS_KEPT = 500;

/**
 * @typedef {object} RunData
 * @property {string} crew_id  "" until the first event
 * @property {string} crew  its name
 * @property {string | null} status  queued, running, succeeded, failed or cancelled; null: not known yet
 * @property {string} reason  of a failure, for programs
 * @property {number | null} duration_s  null until it has ended
 * @property {boolean} paused
 * @property {RunAgent[]} agents
 * @property {RunTask[]} tasks  in the order of the plan
 * @property {string[]} errors
 * @property {RunControl[]} controls
 * @property {RunApproval[]} approvals  tool calls that wait
 * @property {RunBudget[]} budgets
 * @property {RunEvent[]} events  the newest 500, oldest first
 */

/** @typedef {Connection & RunData} RunView */

/** @type {RunView} */
export const NO_RUN = Object.freeze({ ...IDLE, ...dataOf(new RunState(), []) });

/**
 * Follows a run.
 * @param {string} id
 * @param {On} on
 * @param {() => void} changed
 */
export function followRun(id, on, changed) {
  const state = new RunState();
  /** @type {RunEvent[]} */
  let events = [];
  const socket = new RunWebSocket(id, null, { ...on, autoReconnect: true });
  const watched = new Watched(socket, changed, (message) => {
    state.apply(message);
    if (message.type === "reset") events = [];
    else if (events.push(message) > EVENTS_KEPT) events.shift();
  });
  return {
    /** @returns {RunView} */
    view: () => ({ ...watched.connection, ...dataOf(state, events) }),
    stop: () => watched.stop(),
  };
}

/**
 * @param {RunState} state
 * @param {RunEvent[]} events
 * @returns {RunData}
 */
function dataOf(state, events) {
  const { run_id, crew_id, crew, status, reason, duration_s, paused } = state;
  return {
    ...{ crew_id, crew, reason, duration_s, paused },
    status: run_id ? status : null,
    agents: [...state.agents.values()],
    tasks: [...state.tasks.values()],
    errors: [...state.errors],
    controls: [...state.controls.values()],
    approvals: [...state.approvals.values()],
    budgets: [...state.budgets.values()],
    events: [...events],
  };
}
