import { CrewState } from "../static/realtime/state/crew_state.js";
import { GraphWebSocket, RunWebSocket } from "../static/realtime/websocket.js";
import { IDLE, Watched } from "./watched_socket.js";

/** @import {GraphMessage} from "../static/realtime/frames.js"; */
/** @import {AgentState, Execution, Task} from "../static/realtime/state/crew_state.js"; */
/** @import {Handoff, ModelCall, Usage} from "../static/realtime/state/model_state.js"; */
/** @import {Connection, On} from "./watched_socket.js"; */

const RUNS_FOLLOWED = 20; // at the same time

/**
 * @typedef {object} AgentView
 * @property {string} agent_id
 * @property {string} name
 * @property {string} role
 * @property {string | undefined} parent  the agent that has called this one
 * @property {AgentState} state  idle, waiting (for approval), thinking, working, paused, done or error
 * @property {Task | null} task  in hand, else the last one
 * @property {Execution[]} tools  that are running, else the last one that has ended
 * @property {ModelCall[]} calls  open model calls, oldest first
 */

/**
 * @typedef {object} CrewData
 * @property {AgentView[]} agents
 * @property {Execution[]} executions  tool calls of the runs under way and of the newest run, oldest
 *   first, at most 200
 * @property {ReadonlyMap<string, Usage>} usage  of models, by run
 * @property {Handoff[]} handoffs  oldest first
 * @property {string[]} runs  ids of the runs under way in which an agent has used a tool or a model
 */

/** @typedef {Connection & CrewData} CrewView */

/** @type {CrewView} */
export const NO_CREW = Object.freeze({
  ...IDLE,
  agents: [],
  executions: [],
  usage: new Map(),
  handoffs: [],
  runs: [],
});

/**
 * Follows a crew's graph, and the runs that it names. The runs report the agents' tasks.
 * @param {string} id
 * @param {On} on
 * @param {() => void} changed
 */
export function followCrew(id, on, changed) {
  const state = new CrewState();
  /** By run. @type {Map<string, Watched<any>>} */
  const runs = new Map();
  /** Runs whose streams have closed: they have ended, or were refused. @type {Set<string>} */
  const ended = new Set();

  /** @param {string} runId */
  function follow(runId) {
    if (runs.has(runId) || ended.has(runId) || runs.size >= RUNS_FOLLOWED) return;
    if (state.knows(runId)) return;
    state.awaited.add(runId);
    const socket = new RunWebSocket(runId, null, { ...on, autoReconnect: true });
    const end = () => {
      runs.get(runId)?.stop();
      runs.delete(runId);
      ended.add(runId);
      state.leave(runId); // A run that is refused never reports its end.
      changed();
    };
    socket.onStateChange(({ state }) => {
      if (state === "closed" || state === "failed") queueMicrotask(end);
    });
    runs.set(runId, new Watched(socket, changed, (message) => state.run(runId, message)));
  }

  const graph = new GraphWebSocket(id, null, { ...on, autoReconnect: true });
  const watched = new Watched(graph, changed, (message) => {
    state.graph(message);
    for (const runId of runsToFollow(message)) follow(runId);
  });
  return {
    /** @returns {CrewView} */
    view: () => ({ ...watched.connection, ...dataOf(state), runs: [...runs.keys()] }),
    stop() {
      watched.stop();
      for (const run of runs.values()) run.stop();
      runs.clear();
    },
  };
}

/**
 * The runs that may be under way according to a message of the graph. An agent may be between two
 * calls, waiting or paused, so a snapshot's runs without open calls count, too. The stream of one
 * that has ended closes by itself.
 * @param {GraphMessage} message
 * @returns {string[]}  those with open calls first
 */
function runsToFollow(message) {
  switch (message.type) {
    case "snapshot": {
      const { executions, calls = [], usage = [], handoffs = [] } = message;
      const running = executions.filter(({ status }) => status === "running");
      return [...running, ...calls, ...executions, ...usage, ...handoffs].map(
        ({ run_id }) => run_id,
      );
    }
    case "tool_start":
    case "llm_start":
    case "handoff":
      return [message.run_id];
    default:
      return [];
  }
}

/** @param {CrewState} state @returns {Omit<CrewData, "runs">} */
function dataOf(state) {
  const agents = state.agents.map((agent_id) => ({
    agent_id,
    ...state.identityOf(agent_id),
    state: state.stateOf(agent_id),
    task: state.taskOf(agent_id) ?? null,
    tools: state.toolsOf(agent_id).map((execution) => ({ ...execution })),
    calls: state.callsOf(agent_id).map((call) => ({ ...call })),
  }));
  return {
    agents,
    executions: state.tools.all.map((execution) => ({ ...execution })),
    usage: new Map(state.model.usage),
    handoffs: [...state.model.handoffs],
  };
}
