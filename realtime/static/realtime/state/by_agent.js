/** @import {Execution, Task} from "./crew_state.js"; */
/** @import {ModelCall} from "./model_state.js"; */

/** @typedef {{tasks: Task[], executions: Execution[], calls: ModelCall[]}} OfAgent */

/**
 * What each agent has done: its tasks in the order of their start, its tool calls and open model calls as given.
 * @param {Task[]} tasks  they are sorted in place
 * @param {Execution[]} executions
 * @param {ModelCall[]} calls
 */
export function byAgent(tasks, executions, calls) {
  /** @type {Map<string, OfAgent>} */
  const index = new Map();
  const of = (/** @type {string} */ agent) => {
    const known = index.get(agent) ?? { tasks: [], executions: [], calls: [] };
    index.set(agent, known);
    return known;
  };
  // Runs at the same time: the last task is the one that started last, whichever the run.
  for (const task of tasks.sort(
    (a, b) => Number(a.timestamp > b.timestamp) - Number(a.timestamp < b.timestamp),
  ))
    of(task.agent_id).tasks.push(task);
  for (const execution of executions) of(execution.agent_id).executions.push(execution);
  for (const call of calls) of(call.agent_id).calls.push(call);
  return index;
}
