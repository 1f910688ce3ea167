/** What a crew's agents are doing, from the graph socket and from the sockets of its runs. No DOM. */

/** @import {GraphMessage, RunMessage} from "../frames.js"; */

const EXECUTIONS_KEPT = 200;

/**
 * @typedef {"idle" | "working" | "done" | "error"} AgentState
 * @typedef {object} Execution
 * @property {string} run_id
 * @property {string} agent_id
 * @property {string} execution_id
 * @property {string} tool
 * @property {string} status  running, success, error or completed_with_errors
 * @property {string} [message]
 * @property {number | null} [progress]  0 to 1, where the tool tells
 * @property {number | null} [duration_s]
 * @property {number} [begunAt]  milliseconds since 1970 by this computer's clock, while it runs
 * @typedef {{task_id: string, agent_id: string, status: string}} Task
 */

/** @type {Map<string, AgentState>} */
const STATE_OF_TASK = new Map([
  ["running", "working"],
  ["succeeded", "done"],
  ["failed", "error"],
  ["cancelled", "idle"],
]);

/**
 * An agent works while any of its tasks or tools runs, whichever the run; otherwise its last task
 * tells. Shown are the runs under way and the newest one, as in the server's snapshot.
 */
export class CrewState {
  /** @type {Map<string, Execution>} */
  #executions = new Map();
  /** Tasks by run and id, in the order of their start.
   * @type {Map<string, {over: boolean, tasks: Map<string, Task>}>} */
  #runs = new Map();
  /** As told by snapshot and tools, where no run tells.
   * @type {Map<string, AgentState>} */
  #told = new Map();

  /** What follows from the above, by agent; made again when it is asked for after a change.
   * @type {Map<string, {tasks: Task[], executions: Execution[]}> | undefined} */
  #byAgent;

  /** Least time between an event's stamp and its arrival: how far this computer's clock is ahead. */
  #clockAhead = Infinity;

  /**
   * @param {GraphMessage} message
   * @param {number} [now]  milliseconds since 1970, as in `Date.now()`
   */
  graph(message, now = Date.now()) {
    this.#byAgent = undefined;
    const stamp = "timestamp" in message ? Date.parse(message.timestamp) : NaN;
    if (stamp) this.#clockAhead = Math.min(this.#clockAhead, now - stamp);
    switch (message.type) {
      case "snapshot":
        this.#snapshot(message, now);
        break;
      case "tool_start":
        this.#begin({ ...message, status: "running", begunAt: stamp ? stamp + this.#clockAhead : now });
        break;
      case "tool_progress": {
        const execution = this.#executions.get(message.execution_id);
        // Without an own progress in this event the last one stands.
        if (execution) Object.assign(execution, { message: message.message, progress: message.progress ?? execution.progress });
        break;
      }
      case "tool_end": {
        const { execution_id, agent_id, status, duration_s } = message;
        const execution = this.#executions.get(execution_id);
        if (execution) Object.assign(execution, { status, duration_s, message: message.message ?? execution.message });
        this.#told.set(agent_id, status === "success" ? "done" : "error");
        break;
      }
    }
  }

  /**
   * @param {string} runId
   * @param {RunMessage} message
   */
  run(runId, message) {
    this.#byAgent = undefined;
    switch (message.type) {
      case "boot":
      case "reset":
        this.#enter(runId);
        break;
      case "task_start":
        this.#runs.get(runId)?.tasks.set(message.task_id, { ...message, status: "running" });
        break;
      case "task_end": {
        const task = this.#runs.get(runId)?.tasks.get(message.task_id);
        if (task) task.status = message.status;
        break;
      }
      case "done": {
        const run = this.#runs.get(runId);
        if (run) run.over = true;
        break;
      }
    }
  }

  /**
   * @param {string} agent
   * @returns {AgentState}
   */
  stateOf(agent) {
    if (this.#of(agent).some(({ status }) => status === "running")) return "working";
    const task = this.taskOf(agent);
    if (task) return STATE_OF_TASK.get(task.status) ?? "idle";
    return this.#runs.size ? "idle" : (this.#told.get(agent) ?? "idle");
  }

  /**
   * How far the agent is with these of its tasks, as far as runs have told.
   * @param {string} agent
   * @param {string[]} ids
   * @returns {AgentState}
   */
  stateIn(agent, ids) {
    if (!this.#runs.size) return this.stateOf(agent);
    const own = this.#tasksOf(agent).filter(({ task_id }) => ids.includes(task_id));
    const task = own.find(({ status }) => status === "running") ?? own.at(-1);
    return task ? (STATE_OF_TASK.get(task.status) ?? "idle") : "idle";
  }

  /**
   * What the agent has in hand, else what it had last.
   * @param {string} agent
   * @returns {Task | null | undefined} null: nothing yet; undefined: no run has told
   */
  taskOf(agent) {
    if (!this.#runs.size) return undefined;
    const own = this.#tasksOf(agent);
    return own.filter(({ status }) => status === "running").at(-1) ?? own.at(-1) ?? null;
  }

  /**
   * The agent's tools under way, else the last one that ended.
   * @param {string} agent
   */
  toolsOf(agent) {
    const own = this.#of(agent);
    const running = own.filter(({ status }) => status === "running");
    return running.length ? running : own.slice(-1);
  }

  /** Whether any tool runs, so that its time has to be shown anew. */
  get isBusy() {
    return [...this.#executions.values()].some(({ status }) => status === "running");
  }

  /**
   * @param {string} runId
   * @returns {boolean}
   */
  knows(runId) {
    return this.#runs.has(runId);
  }

  /**
   * @param {Extract<GraphMessage, {type: "snapshot"}>} message
   * @param {number} now
   */
  #snapshot({ agents, executions }, now) {
    this.#told = new Map(agents.map(({ agent_id, state }) => [agent_id, /** @type {AgentState} */ (state)]));
    this.#executions = new Map(
      executions.map((execution) => {
        const begunAt = now - Number(execution.duration_s) * 1000;
        return [execution.execution_id, /** @type {any} */ ({ ...execution, begunAt })];
      }),
    );
    for (const [id, { over }] of this.#runs) if (over) this.#runs.delete(id);
  }

  /** @param {Execution} execution */
  #begin(execution) {
    const known = [...this.#executions.values()].some(({ run_id }) => run_id === execution.run_id);
    if (!known) this.#forgetEnded(execution.run_id);
    this.#executions.set(execution.execution_id, execution);
    const [oldest] = this.#executions.keys();
    if (this.#executions.size > EXECUTIONS_KEPT) this.#executions.delete(oldest);
  }

  /** @param {string} runId */
  #enter(runId) {
    this.#forgetEnded(runId);
    this.#runs.set(runId, { over: false, tasks: new Map() });
  }

  /**
   * A run begins: what earlier ones have left is shown no more.
   * @param {string} runId
   */
  #forgetEnded(runId) {
    for (const [id, { over }] of this.#runs) if (over) this.#runs.delete(id);
    const active = new Set([...this.#runs.keys(), runId]);
    for (const { run_id, status } of this.#executions.values()) if (status === "running") active.add(run_id);
    for (const [id, { run_id }] of this.#executions) if (!active.has(run_id)) this.#executions.delete(id);
    this.#told.clear();
  }

  /** @param {string} agent */
  #tasksOf(agent) {
    return this.#index.get(agent)?.tasks ?? [];
  }

  /** @param {string} agent */
  #of(agent) {
    return this.#index.get(agent)?.executions ?? [];
  }

  get #index() {
    if (this.#byAgent) return this.#byAgent;
    /** @type {Map<string, {tasks: Task[], executions: Execution[]}>} */
    const index = new Map();
    const of = (/** @type {string} */ agent) => {
      const known = index.get(agent) ?? { tasks: [], executions: [] };
      index.set(agent, known);
      return known;
    };
    for (const { tasks } of this.#runs.values()) {
      for (const task of tasks.values()) of(task.agent_id).tasks.push(task);
    }
    for (const execution of this.#executions.values()) of(execution.agent_id).executions.push(execution);
    this.#byAgent = index;
    return index;
  }
}
