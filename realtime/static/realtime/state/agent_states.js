/** The state of an agent, from its tasks; like `runs/events/agent_states.py` on the server. */

/**
 * @typedef {"idle" | "waiting" | "thinking" | "working" | "paused" | "done" | "error"} AgentState
 * @typedef {{status: string, paused: boolean}} Work  a task or tool; paused: by a pause of its run
 */

/** @type {Map<string, AgentState>} */
const STATE_OF_TASK = new Map([
  ["succeeded", "done"],
  ["failed", "error"],
  ["cancelled", "idle"],
]);

/** @param {{status: string}} work */
export function isRunning({ status }) {
  return status === "running";
}

/**
 * What is running takes precedence over what has ended. Otherwise the last task counts.
 * @param {Work[]} work  the agent's tasks in the order of their start, and its running tools
 * @returns {AgentState}
 */
export function agentState(work) {
  const running = work.filter(isRunning);
  if (running.length) return running.every(({ paused }) => paused) ? "paused" : "working";
  return STATE_OF_TASK.get(work.at(-1)?.status ?? "") ?? "idle";
}
