/** The state of a crew's agents, from the graph socket and the sockets of its runs. No DOM. */

import { AgentNames } from "./agent_names.js";
import { agentState, isRunning } from "./agent_states.js";
import { byAgent } from "./by_agent.js";
import { ModelState } from "./model_state.js";
import { RunState } from "./run_state.js";
import { ServerClock } from "./server_clock.js";
import { ToolCalls } from "./tool_calls.js";

/** @import {GraphMessage, RunMessage} from "../frames.js"; */
/** @import {Work} from "./agent_states.js"; */
/** @import {OfAgent} from "./by_agent.js"; */
/** @import {WaitReason} from "./run_state.js"; */

/**
 * @typedef {import("./agent_states.js").AgentState} AgentState
 * @typedef {import("./tool_calls.js").Execution} Execution
 * @typedef {import("./by_agent.js").Task} Task
 */

/**
 * An agent waits while a call of it waits for approval, is thinking while a model call of it is
 * open, and works while any of its tasks or tools runs, whichever the run. It is paused if pauses
 * hold all of these; otherwise its last task decides. The state shows the runs under way and the
 * newest one, as the server's snapshot does.
 */
export class CrewState {
  /** By id, each from its `boot` on. @type {Map<string, RunState>} */
  #runs = new Map();
  /** From snapshot and tools, used while no run is known. @type {Map<string, AgentState>} */
  #reported = new Map();
  names = new AgentNames();
  tools = new ToolCalls();
  /** Model calls, their totals, and handoffs. */
  model = new ModelState();

  /** What follows from the above, by agent; made again when it is asked for after a change.
   * @type {Map<string, OfAgent> | undefined} */
  #byAgent;

  #clock = new ServerClock();

  /** Runs whose events are to come: what is shown of them stays. @type {Set<string>} */
  awaited = new Set();

  /**
   * @param {GraphMessage} message
   * @param {number} [now]  milliseconds since 1970, as in `Date.now()`
   */
  graph(message, now = Date.now()) {
    this.#byAgent = undefined;
    const begunAt = this.#clock.timeOf(message, now);
    this.names.note(message);
    if (message.type === "tool_start" || message.type === "llm_start" || message.type === "handoff")
      if (!this.#hasEvents(message.run_id)) this.#forgetEnded(message.run_id);
    this.model.apply(message, begunAt, now);
    this.tools.apply(message, begunAt, now);
    if (message.type === "snapshot") this.#snapshot(message);
    if (message.type === "tool_end")
      this.#reported.set(message.agent_id, message.status === "success" ? "done" : "error");
  }

  /**
   * Continues from a state that the server has computed.
   * @param {import("./saved_state.js").SavedState} saved
   */
  restore(saved) {
    this.#byAgent = undefined;
    this.names.snapshot(Object.values(saved.agents));
    this.model.restore(saved.model);
    this.tools.restore(saved.executions);
    this.#reported = new Map(Object.entries(saved.reported));
    const runs = Object.entries(saved.runs);
    this.#runs = new Map(runs.map(([id, run]) => [id, RunState.restored(run)]));
  }

  /**
   * @param {string} runId
   * @param {RunMessage} message
   */
  run(runId, message) {
    this.#byAgent = undefined;
    if (message.type === "boot" || message.type === "reset") this.#enter(runId);
    if (message.type === "agent_start") this.names.started(message);
    this.#runs.get(runId)?.apply(message);
  }

  /**
   * No more of the run follows. Its state stays only if it has ended: else it would never end.
   * @param {string} runId
   */
  leave(runId) {
    this.awaited.delete(runId);
    if (this.#runs.get(runId)?.isOver) return;
    this.#byAgent = undefined;
    this.#runs.delete(runId);
  }

  /** Why the run waits. @param {string} runId @returns {WaitReason} */
  waitReasonOf(runId) {
    return this.#runs.get(runId)?.waitReason ?? "";
  }

  /**
   * @param {string} agent
   * @returns {AgentState}
   */
  stateOf(agent) {
    if (this.waitingOf(agent)) return "waiting";
    if (this.callsOf(agent).length) return "thinking";
    const work = [...this.#of(agent).tasks, ...this.#runningTools(agent)];
    if (work.length || this.#runs.size) return agentState(work);
    return this.#reported.get(agent) ?? "idle";
  }

  /**
   * How far the agent is with these of its tasks, as far as runs have reported it.
   * @param {string} agent
   * @param {string[]} ids
   * @returns {AgentState}
   */
  stateIn(agent, ids) {
    if (!this.#runs.size) return this.stateOf(agent);
    const own = this.#of(agent).tasks.filter(({ task_id }) => ids.includes(task_id));
    if (!own.some(isRunning)) return agentState(own);
    if (this.waitingOf(agent)) return "waiting";
    if (this.callsOf(agent).length) return "thinking";
    return agentState([...own, ...this.#runningTools(agent)]);
  }

  /**
   * What the agent has in hand, else what it had last.
   * @param {string} agent
   * @returns {Task | null | undefined} null: nothing yet; undefined: no run has reported
   */
  taskOf(agent) {
    if (!this.#runs.size) return undefined;
    const own = this.#of(agent).tasks;
    return own.filter(isRunning).at(-1) ?? own.at(-1) ?? null;
  }

  /**
   * The agent's tools under way, else the last one that ended.
   * @param {string} agent
   */
  toolsOf(agent) {
    const own = this.#of(agent).executions;
    const running = own.filter(isRunning);
    return running.length ? running : own.slice(-1);
  }

  /**
   * Whether the tool is running and a pause of its run has stopped it.
   * @param {Execution} execution
   */
  isStopped(execution) {
    return isRunning(execution) && Boolean(this.#runs.get(execution.run_id)?.stopsTools);
  }

  /** Every agent that the events have named. @returns {string[]} */
  get agents() {
    return [...new Set([...this.names.ids, ...this.#reported.keys(), ...this.#index.keys()])];
  }

  /** Its name, role and parent: who has called it in the newest run that says so. @param {string} agent */
  identityOf(agent) {
    const known = this.names.of(agent);
    const parents = [...this.#runs.values()].map((run) => run.agents.get(agent)?.parent_agent_id);
    return { ...known, parent: parents.filter(Boolean).at(-1) ?? known.parent };
  }

  /**
   * The agent's open model calls, oldest first.
   * @param {string} agent
   */
  callsOf(agent) {
    return this.#of(agent).calls;
  }

  /** Whether a tool or model call is running, so that its duration has to be updated. */
  get isBusy() {
    return this.model.calls.size + this.tools.running.length > 0;
  }

  /** @param {string} runId @returns {boolean} */
  knows(runId) {
    return this.#runs.has(runId);
  }

  /** @param {Extract<GraphMessage, {type: "snapshot"}>} message */
  #snapshot({ agents }) {
    this.#reported = new Map(
      agents.map(({ agent_id, state }) => [agent_id, /** @type {AgentState} */ (state)]),
    );
    this.names.snapshot(agents);
    this.#forgetRuns();
  }

  #forgetRuns() {
    for (const [id, { isOver }] of this.#runs) if (isOver) this.#runs.delete(id);
  }

  /** @param {string} runId */
  #hasEvents(runId) {
    return this.model.knows(runId) || this.tools.all.some(({ run_id }) => run_id === runId);
  }

  /** @param {string} runId */
  #enter(runId) {
    this.#forgetEnded(runId);
    this.#runs.set(runId, new RunState());
  }

  /**
   * A run begins: what earlier ones have left is shown no more.
   * @param {string} runId
   */
  #forgetEnded(runId) {
    this.#forgetRuns();
    const open = [...this.tools.running, ...this.model.calls.values()];
    const active = new Set([runId, ...this.#runs.keys(), ...this.awaited]);
    for (const { run_id } of open) active.add(run_id);
    this.tools.keep(active);
    this.model.keep(active);
    this.#reported.clear();
    this.names.forgetParents();
  }

  /** The agent's tool call that has waited longest for approval. @param {string} agent */
  waitingOf(agent) {
    return [...this.#runs.values()].flatMap((run) => run.waitingOf(agent) ?? [])[0];
  }

  /** @param {string} agent @returns {Work[]} */
  #runningTools(agent) {
    const running = this.#of(agent).executions.filter(isRunning);
    return running.map((tool) => ({ status: tool.status, paused: this.isStopped(tool) }));
  }

  /** @param {string} agent @returns {OfAgent} */
  #of(agent) {
    return this.#index.get(agent) ?? { tasks: [], executions: [], calls: [] };
  }

  get #index() {
    this.#byAgent ??= byAgent(this.#runs.values(), this.tools.all, this.model.calls.values());
    return this.#byAgent;
  }
}
