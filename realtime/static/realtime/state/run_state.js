/** The state of one run, according to the events of its stream. No DOM. */

/** @import {RunEvent, RunMessage} from "../frames.js"; */
/** @import {SavedRun} from "./saved_state.js"; */

/**
 * @typedef {object} RunAgent
 * @property {string} agent_id
 * @property {string} [name]
 * @property {string} [role]
 * @property {string} [parent_agent_id]  the agent that has called this one
 * @property {string} status  "" before a first task
 * @typedef {object} RunTask
 * @property {string} task_id
 * @property {string} agent_id
 * @property {string} [name]
 * @property {string} status  pending, running, succeeded, failed or cancelled
 * @property {string} [started_at]
 * @property {number} [duration_s]
 * @typedef {object} RunControl  a request to pause, resume or cancel the run, or a message to it
 * @property {string} control_id
 * @property {string} [action]
 * @property {string} [by]
 * @property {string} [text]
 * @property {string} status
 * @property {string} [detail]
 * @property {string} [requested_at]
 * @typedef {object} RunApproval  a tool call that waits
 * @property {string} approval_id
 * @property {string} agent_id
 * @property {string} tool
 * @property {string} expires_at
 * @typedef {object} RunBudget
 * @property {string} alert_id
 * @property {string} level  warning or exceeded
 * @property {string} period
 * @property {string} measure
 * @property {number} limit
 * @property {number} used
 * @property {string} [since]
 * @property {string} [action]
 *
 * What holds a run up: a pause, or tool calls that wait for approval.
 * @typedef {"" | "paused" | "paused by budget" | "waiting"} WaitReason
 */

const THE_BUDGET = "the budget"; // as the server names it in `by`
const IDENTITY = ["name", "role", "parent_agent_id"];
const CONTROL = ["action", "by", "text"];
const APPROVAL = ["approval_id", "agent_id", "tool", "expires_at"]; // the parameters may be large
const BUDGET = ["alert_id", "period", "measure", "limit", "used", "since", "action"];

/**
 * Like `runs/events/run_state.py` on the server, with the same names; both are tested with the same
 * sequences. A task, agent, control, approval or budget that changes is a new object.
 */
export class RunState {
  run_id = "";
  crew_id = "";
  crew = "";
  /**
   * queued until the first task starts, running, then the status of `done`; a run that a program
   * reports is running from its `boot` on
   */
  status = "queued";
  reason = "";
  /** @type {number | null} */
  duration_s = null;
  /** By id. @type {Map<string, RunAgent>} */
  agents = new Map();
  /** By id. @type {Map<string, RunTask>} */
  tasks = new Map();
  /** @type {string[]} */
  errors = [];
  /** By id. @type {Map<string, RunControl>} */
  controls = new Map();
  paused = false;
  /** Whether its `boot` has listed tasks: then a worker carries it out. */
  planned = false;
  /** By id. @type {Map<string, RunApproval>} */
  approvals = new Map();
  /** By id. @type {Map<string, RunBudget>} */
  budgets = new Map();

  /** A state that the server has computed. @param {SavedRun} saved */
  static restored(saved) {
    const { agents, tasks, controls, approvals, budgets } = saved;
    const byId = Object.entries({ agents, tasks, controls, approvals, budgets }).map(
      ([name, items]) => [name, new Map(Object.entries(items ?? {}))],
    );
    return Object.assign(new RunState(), saved, Object.fromEntries(byId));
  }

  get isOver() {
    return this.status !== "queued" && this.status !== "running";
  }

  /** Whether its running tools are stopped now. Those of a reporting program go on. */
  get stopsTools() {
    return this.paused && this.planned;
  }

  /** @returns {WaitReason} */
  get waitReason() {
    if (this.isOver) return "";
    if (this.paused) return this.#pausedBy === THE_BUDGET ? "paused by budget" : "paused";
    return this.approvals.size ? "waiting" : "";
  }

  /** The agent's tool call that has waited longest for approval. @param {string} agent */
  waitingOf(agent) {
    return [...this.approvals.values()].find(({ agent_id }) => agent_id === agent);
  }

  /** @param {RunMessage} message */
  apply(message) {
    if (message.type === "reset") {
      const { run_id, crew_id } = this;
      Object.assign(this, new RunState(), { run_id, crew_id });
      return;
    }
    this.run_id = message.run_id;
    this.crew_id = message.crew_id;
    this.#apply(message);
  }

  /** @param {RunEvent} event */
  #apply(event) {
    switch (event.type) {
      case "boot":
        this.crew = event.crew;
        this.planned = event.tasks.length > 0;
        this.status = this.planned ? "queued" : "running";
        this.agents = byId(event.agents, "agent_id", { status: "" });
        this.tasks = byId(event.tasks, "task_id", { status: "pending" });
        break;
      case "agent_start":
        this.#agent(event, { ...some(event, IDENTITY), status: "running" });
        break;
      case "agent_end":
        this.#agent(event, { status: event.status });
        break;
      case "task_start":
        this.status = "running";
        this.#task(event, { name: event.name, started_at: event.timestamp, status: "running" });
        break;
      case "task_end":
        this.#task(event, { status: event.status, duration_s: event.duration_s });
        break;
      case "error":
        this.errors.push(event.message);
        break;
      case "approval_requested":
        this.approvals.set(event.approval_id, /** @type {any} */ (some(event, APPROVAL)));
        break;
      case "approval_decided":
        this.approvals.delete(event.approval_id);
        break;
      case "control_requested":
        this.#control(event, { ...some(event, CONTROL), requested_at: event.timestamp });
        break;
      case "control_acknowledged":
        this.#control(event, { status: "acknowledged" });
        break;
      case "control_applied": {
        const { status, detail } = event;
        const { action } = this.#control(event, { status, detail });
        if (status === "applied" && (action === "pause" || action === "resume"))
          this.paused = action === "pause";
        break;
      }
      case "budget_warning":
      case "budget_exceeded": {
        const level = event.type === "budget_warning" ? "warning" : "exceeded";
        this.budgets.set(event.alert_id, /** @type {any} */ ({ ...some(event, BUDGET), level }));
        break;
      }
      case "done":
        this.status = event.status;
        this.duration_s = event.duration_s;
        this.reason = event.reason ?? "";
        this.paused = false;
        break;
    }
  }

  /** Who has asked for the pause that is in effect. */
  get #pausedBy() {
    const pauses = [...this.controls.values()].filter(
      ({ action, status }) => action === "pause" && status === "applied",
    );
    return pauses.at(-1)?.by;
  }

  // The agent, task or control may be unknown: the first events of the stream may have been pruned.

  /** @param {{agent_id: string}} event @param {Partial<RunAgent>} changes */
  #agent({ agent_id }, changes) {
    const known = this.agents.get(agent_id) ?? { agent_id, status: "" };
    this.agents.set(agent_id, { ...known, ...changes });
  }

  /** @param {{task_id: string, agent_id: string}} event @param {Partial<RunTask>} changes */
  #task({ task_id, agent_id }, changes) {
    const known = this.tasks.get(task_id) ?? { task_id, agent_id, status: "pending" };
    this.tasks.set(task_id, { ...known, ...changes });
  }

  /** @param {{control_id: string}} event @param {Partial<RunControl>} changes */
  #control({ control_id }, changes) {
    const known = this.controls.get(control_id) ?? { control_id, status: "requested" };
    const control = { ...known, ...changes };
    this.controls.set(control_id, control);
    return control;
  }
}

/**
 * @param {object[]} items
 * @param {string} key
 * @param {object} rest  of each item
 * @returns {any}
 */
function byId(items, key, rest) {
  return new Map(items.map((item) => [/** @type {any} */ (item)[key], { ...item, ...rest }]));
}

/** @param {object} event @param {string[]} names  of the fields that are kept */
function some(event, names) {
  return Object.fromEntries(Object.entries(event).filter(([name]) => names.includes(name)));
}
