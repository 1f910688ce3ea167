import assert from "node:assert/strict";
import { test } from "node:test";

import { CrewState } from "../../static/realtime/state/crew_state.js";

const BOOT = { type: "boot", crew: "Acme", agents: [], tasks: [] };
const DONE = { type: "done", status: "succeeded" };

/** @param {string} parent @returns {object} */
const calledBy = (parent) => ({
  type: "agent_start",
  agent_id: "orion",
  parent_agent_id: parent,
});

/**
 * A state after these events of runs.
 * @param {...[string, object]} events
 */
function afterRuns(...events) {
  const state = new CrewState();
  for (const [run, event] of events) state.run(run, /** @type {any} */ (event));
  return state;
}

/** @param {string} [parent] @returns {any} */
function snapshot(parent) {
  const orion = { agent_id: "orion", name: "Orion", role: "", state: "idle" };
  const agents = [{ ...orion, parent_agent_id: parent }];
  return { type: "snapshot", stream: "graph:c", seq: 7, agents, executions: [] };
}

/** @param {CrewState} state */
const parentOf = (state) => state.identityOf("orion").parent;

test("an agent's parent is that of the newest run that names one", () => {
  const state = afterRuns(["r", BOOT], ["r", calledBy("vega")], ["s", BOOT]);
  assert.equal(parentOf(state), "vega");
  state.run("s", /** @type {any} */ (calledBy("lyra")));
  assert.equal(parentOf(state), "lyra");
});

test("a run whose events come again does not become the newest", () => {
  const state = afterRuns(
    ["r", BOOT],
    ["r", calledBy("vega")],
    ["s", BOOT],
    ["s", calledBy("lyra")],
    ["r", { type: "reset" }],
    ["r", BOOT],
    ["r", calledBy("vega")],
  );
  assert.equal(parentOf(state), "lyra");
});

test("a snapshot replaces the parents that ended runs have named", () => {
  const state = afterRuns(["r", BOOT], ["r", calledBy("vega")], ["r", DONE]);
  assert.equal(parentOf(state), "vega");
  state.graph(snapshot("lyra"));
  assert.equal(parentOf(state), "lyra");
  state.graph(snapshot());
  assert.equal(parentOf(state), undefined);
});

test("a run that is followed no more before its end leaves no parent", () => {
  const state = afterRuns(["r", BOOT], ["r", calledBy("vega")]);
  state.leave("r");
  assert.equal(parentOf(state), undefined);
});
