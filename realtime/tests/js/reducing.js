/**
 * What the browser's reducers show after each frame of a sequence, in the form of
 * `runs/tests/events/stories.py`. As a program it reads sequences from standard input, as JSON, each
 * with a state that the server has saved after some of its frames. It prints, for each sequence, what
 * is shown after each frame, the states of its runs, and what is shown from the saved state on.
 */

import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

import { CrewState } from "../../static/realtime/state/crew_state.js";
import { RunState } from "../../static/realtime/state/run_state.js";

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
        tool.message ?? null,
        tool.status !== "running" && tool.duration_s,
        state.isStopped(tool),
      ]),
    state.callsOf(agent).map(({ call_id, first_token_s }) => [call_id, first_token_s ?? null]),
    [state.identityOf(agent).name, state.identityOf(agent).parent ?? null],
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

/** The run whose stream has the frame; undefined: the graph's has it. @param {any} frame */
export function runOf(frame) {
  if (frame.stream) return frame.stream.match(/^run:(.*)/)?.[1];
  return /^(tool_|llm_|handoff)/.test(frame.type) ? undefined : frame.run_id;
}

/**
 * @param {CrewState} state
 * @param {any} frame
 */
export function apply(state, frame) {
  const runId = runOf(frame);
  if (runId !== undefined) state.run(runId, frame);
  else state.graph(frame);
  return shown(state);
}

/** @param {any[]} frames */
export function afterEach(frames) {
  const state = new CrewState();
  return frames.map((frame) => apply(state, frame));
}

/** What is shown after each frame from a saved state on. @param {any[]} frames @param {any} saved */
export function afterRestored(frames, [count, saved]) {
  const state = new CrewState();
  state.restore(saved);
  return [shown(state), ...frames.slice(count).map((frame) => apply(state, frame))];
}

/** The state of each run after each frame of its stream, as the server saves it. @param {any[]} frames */
export function runStates(frames) {
  /** @type {Map<string, RunState>} */
  const states = new Map();
  /** @type {Map<string, any[]>} */
  const seen = new Map();
  for (const frame of frames) {
    const runId = runOf(frame);
    if (runId === undefined) continue;
    const state = states.get(runId) ?? new RunState();
    states.set(runId, state);
    state.apply(frame);
    seen.set(runId, [...(seen.get(runId) ?? []), JSON.parse(JSON.stringify(state, asObjects))]);
  }
  return Object.fromEntries(seen);
}

/** @param {string} _key @param {unknown} value */
export function asObjects(_key, value) {
  return value instanceof Map ? Object.fromEntries(value) : value;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const sequences = JSON.parse(await text(process.stdin));
  const results = sequences.map((/** @type {[any[], any]} */ [frames, saved]) => [
    afterEach(frames),
    runStates(frames),
    afterRestored(frames, saved),
  ]);
  console.log(JSON.stringify(results));
}
