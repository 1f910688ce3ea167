/** @import {ModelCall} from "./model_state.js"; */
/** @import {RunState} from "./run_state.js"; */
/** @import {Execution} from "./tool_calls.js"; */

/**
 * @typedef {{task_id: string, agent_id: string, name: string, status: string, timestamp: string,
 *   paused: boolean}} Task  paused: its run is
 * @typedef {{tasks: Task[], executions: Execution[], calls: ModelCall[]}} OfAgent
 */

/**
 * What each agent has done: its tasks in the order of their start, its tool calls and open model calls as given.
 * @param {Iterable<RunState>} runs
 * @param {Iterable<Execution>} executions
 * @param {Iterable<ModelCall>} calls
 */
export function byAgent(runs, executions, calls) {
  /** @type {Map<string, OfAgent>} */
  const index = new Map();
  const of = (/** @type {string} */ agent) => {
    const known = index.get(agent) ?? { tasks: [], executions: [], calls: [] };
    index.set(agent, known);
    return known;
  };
  // Runs at the same time: the last task is the one that started last, whichever the run.
  for (const task of [...runs]
    .flatMap(startedTasks)
    .sort((a, b) => Number(a.timestamp > b.timestamp) - Number(a.timestamp < b.timestamp)))
    of(task.agent_id).tasks.push(task);
  for (const execution of executions) of(execution.agent_id).executions.push(execution);
  for (const call of calls) of(call.agent_id).calls.push(call);
  return index;
}

/** @param {RunState} run @returns {Task[]} */
function startedTasks({ tasks, paused }) {
  return [...tasks.values()].flatMap(({ task_id, agent_id, name = "", status, started_at }) =>
    started_at ? [{ task_id, agent_id, name, status, timestamp: started_at, paused }] : [],
  );
}
