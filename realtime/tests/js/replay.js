/**
 * Reads stories from standard input and compares two crew pages after each step: one that has been
 * open from the beginning, and one opened just now. Prints the differences, one JSON value a line.
 *
 * A story is `{agents, steps}`, a step `{snapshot, events, active}`: the graph's snapshot after it,
 * what was appended in it, and the events so far of each run under way.
 */

import { text } from "node:stream/consumers";

import { CrewState } from "../../static/realtime/state/crew_state.js";

/** @import {GraphMessage, RunMessage} from "../../static/realtime/frames.js"; */
/** @typedef {{snapshot: GraphMessage, events: any[], active: Record<string, RunMessage[]>}} Step */

/**
 * @param {CrewState} state
 * @param {any} event  of the graph or of a run
 */
function apply(state, event) {
  if (/^(tool_|llm_|handoff)/.test(event.type)) state.graph(event);
  else state.run(event.run_id, event);
}

/** @param {Step} step */
function opened({ snapshot, active }) {
  const state = new CrewState();
  state.graph(snapshot);
  for (const events of Object.values(active)) for (const event of events) apply(state, event);
  return state;
}

/**
 * @param {CrewState} state
 * @param {string[]} agents
 */
function shown(state, agents) {
  const { usage, handoffs } = state.model;
  return {
    agents: agents.map((agent) => shownOf(state, agent)),
    usage: [...usage].sort(),
    handoffs,
  };
}

/**
 * @param {CrewState} state
 * @param {string} agent
 */
function shownOf(state, agent) {
  return {
    agent,
    parent: state.identityOf(agent).parent ?? null,
    calls: state
      .callsOf(agent)
      .map(({ call_id, provider, model, first_token_s }) => [
        call_id,
        provider,
        model,
        first_token_s ?? null,
      ]),
    state: state.stateOf(agent),
    tools: state.toolsOf(agent).map((tool) => ({
      execution_id: tool.execution_id,
      status: tool.status,
      message: tool.message ?? "",
      progress: tool.progress ?? null,
      duration_s: tool.status === "running" ? null : tool.duration_s,
      stopped: state.isStopped(tool),
    })),
  };
}

/** @type {{agents: string[], steps: Step[]}[]} */
const stories = JSON.parse(await text(process.stdin));
for (const [story, { agents, steps }] of stories.entries()) {
  const state = new CrewState();
  for (const [number, step] of steps.entries()) {
    if (number === 0) state.graph(step.snapshot);
    for (const event of step.events) apply(state, event);
    const [old, fresh] = [state, opened(step)].map((one) => JSON.stringify(shown(one, agents)));
    if (old !== fresh) console.log(JSON.stringify({ story, step: number, old, fresh }));
  }
}
