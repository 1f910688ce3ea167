/**
 * What the browser's reducer shows after each frame of a sequence, in the form of
 * `runs/tests/events/stories.py`. As a program it reads sequences from standard input, as JSON, and
 * prints what is shown after each of their frames.
 */

import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

import { CrewState } from "../../static/realtime/state/crew_state.js";

const AGENTS = ["orion", "vega"];

/** @param {CrewState} state */
export function shown(state) {
  const agents = AGENTS.map((agent) => [
    state.stateOf(agent),
    state.taskOf(agent)?.task_id ?? null,
    state
      .toolsOf(agent)
      .map((tool) => [
        tool.execution_id,
        tool.status,
        tool.progress ?? null,
        state.isStopped(tool),
      ]),
    state.callsOf(agent).map(({ call_id, first_token_s }) => [call_id, first_token_s ?? null]),
    [state.names.of(agent).name, state.names.of(agent).parent ?? null],
  ]);
  const usage = [...state.model.usage].map(([runId, totals]) => [
    runId,
    totals.model_calls,
    totals.input_tokens,
    totals.output_tokens,
    totals.cost_usd,
    totals.calls_without_usage,
    totals.calls_without_cost,
  ]);
  const handoffs = state.model.handoffs.map((handoff) => [
    handoff.run_id,
    handoff.from_agent_id,
    handoff.to_agent_id,
    handoff.message,
  ]);
  usage.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
  return [...agents, usage, handoffs, state.names.ids];
}

/**
 * @param {CrewState} state
 * @param {any} frame
 */
export function apply(state, frame) {
  const isRun =
    frame.stream?.startsWith("run:") || !/^(tool_|llm_|handoff|snapshot)/.test(frame.type);
  if (isRun) state.run(frame.run_id ?? frame.stream.slice("run:".length), frame);
  else state.graph(frame);
  return shown(state);
}

/** @param {any[]} frames */
export function afterEach(frames) {
  const state = new CrewState();
  return frames.map((frame) => apply(state, frame));
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  console.log(JSON.stringify(JSON.parse(await text(process.stdin)).map(afterEach)));
