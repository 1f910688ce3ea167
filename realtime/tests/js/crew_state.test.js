import assert from "node:assert/strict";
import { test } from "node:test";

import { CrewState } from "../../static/realtime/state/crew_state.js";

/**
 * @param {"tool_start" | "tool_progress" | "tool_end"} type
 * @param {string} run
 * @param {string} agent
 * @param {string} execution
 * @param {object} [more]
 * @returns {any}
 */
function tool(type, run, agent, execution, more) {
  return { type, run_id: run, agent_id: agent, execution_id: execution, tool: "pytest", ...more };
}

/**
 * @param {Record<string, string>} states
 * @param {object[]} [executions]
 * @returns {any}
 */
function snapshot(states, executions = []) {
  const agents = Object.entries(states).map(([agent_id, state]) => ({ agent_id, state }));
  return { type: "snapshot", stream: "graph:c", seq: 7, agents, executions };
}

/**
 * A state after these events of runs.
 * @param {...[string, object]} events
 */
function afterRuns(...events) {
  const state = new CrewState();
  for (const [run, event] of events) state.run(run, /** @type {any} */ (event));
  return state;
}

const boot = { type: "boot", crew: "Acme", agents: [], tasks: [] };
const done = { type: "done", status: "succeeded" };
/** @param {string} agent @param {string} [task] */
const starts = (agent, task = agent) => ({
  type: "task_start",
  task_id: task,
  agent_id: agent,
  timestamp: "2026-01-01T00:00:00.000000Z",
});
/** @param {string} agent @param {string} status @param {string} [task] */
const ends = (agent, status, task = agent) => ({
  type: "task_end",
  task_id: task,
  agent_id: agent,
  status,
});

test("a snapshot sets states and tools", () => {
  const state = new CrewState();
  const running = { ...tool("tool_start", "r1", "orion", "e1"), status: "running", progress: 0.4 };
  state.graph(snapshot({ orion: "working", vega: "error" }, [running]));
  assert.equal(state.stateOf("orion"), "working");
  assert.equal(state.stateOf("vega"), "error");
  assert.equal(state.stateOf("unknown"), "idle");
  assert.deepEqual(
    state.toolsOf("orion").map(({ progress }) => progress),
    [0.4],
  );
});

test("a tool moves from its start over its progress to its end", () => {
  const state = new CrewState();
  state.graph(tool("tool_start", "r1", "orion", "e1"));
  assert.equal(state.stateOf("orion"), "working");
  state.graph(tool("tool_progress", "r1", "orion", "e1", { message: "half", progress: 0.5 }));
  state.graph(tool("tool_progress", "r1", "orion", "e1", { message: "and on" }));
  assert.deepEqual(
    state.toolsOf("orion").map(({ message, progress }) => [message, progress]),
    [["and on", 0.5]],
  );
  state.graph(tool("tool_end", "r1", "orion", "e1", { status: "success", duration_s: 2 }));
  assert.equal(state.stateOf("orion"), "done");
  assert.deepEqual(
    state.toolsOf("orion").map(({ status, duration_s }) => [status, duration_s]),
    [["success", 2]],
  );
});

for (const status of ["error", "completed_with_errors"]) {
  test(`a tool that ends as ${status} leaves its agent in error`, () => {
    const state = new CrewState();
    state.graph(tool("tool_start", "r1", "orion", "e1"));
    state.graph(tool("tool_end", "r1", "orion", "e1", { status, duration_s: 2 }));
    assert.equal(state.stateOf("orion"), "error");
  });
}

test("an agent works between two tools of one task", () => {
  const state = afterRuns(["r1", boot], ["r1", starts("orion")]);
  state.graph(tool("tool_start", "r1", "orion", "e1"));
  state.graph(tool("tool_end", "r1", "orion", "e1", { status: "success" }));
  assert.equal(state.stateOf("orion"), "working");
  state.run("r1", /** @type {any} */ (ends("orion", "succeeded")));
  assert.equal(state.stateOf("orion"), "done");
});

test("an agent's last task decides, unless another one still runs", () => {
  const first = [
    ["r1", boot],
    ["r1", starts("orion", "a")],
    ["r1", ends("orion", "failed", "a")],
  ];
  const failed = afterRuns(.../** @type {any} */ (first));
  assert.equal(failed.stateOf("orion"), "error");
  failed.run("r1", /** @type {any} */ (starts("orion", "b")));
  assert.equal(failed.stateOf("orion"), "working");
  failed.run("r1", /** @type {any} */ (ends("orion", "succeeded", "b")));
  assert.equal(failed.stateOf("orion"), "done");
});

test("a cancelled task leaves its agent idle", () => {
  const state = afterRuns(
    ["r1", boot],
    ["r1", starts("orion")],
    ["r1", ends("orion", "cancelled")],
  );
  assert.equal(state.stateOf("orion"), "idle");
});

test("two runs at once: an agent works as long as one of them has it work", () => {
  const state = afterRuns(
    ["r1", boot],
    ["r1", starts("orion")],
    ["r2", boot],
    ["r2", starts("orion")],
    ["r2", ends("orion", "failed")],
  );
  assert.equal(state.stateOf("orion"), "working");
  state.run("r1", /** @type {any} */ (ends("orion", "succeeded")));
  assert.equal(state.stateOf("orion"), "error");
});

test("two runs at once: each run's tool is kept apart", () => {
  const state = new CrewState();
  state.graph(tool("tool_start", "r1", "orion", "e1"));
  state.graph(tool("tool_start", "r2", "orion", "e2"));
  state.graph(tool("tool_progress", "r2", "orion", "e2", { message: "two", progress: 0.2 }));
  assert.deepEqual(
    state.toolsOf("orion").map(({ execution_id, progress }) => [execution_id, progress]),
    [
      ["e1", undefined],
      ["e2", 0.2],
    ],
  );
  state.graph(tool("tool_end", "r1", "orion", "e1", { status: "success" }));
  assert.deepEqual(
    state.toolsOf("orion").map(({ execution_id }) => execution_id),
    ["e2"],
  );
  assert.equal(state.stateOf("orion"), "working");
});

test("a new run clears what an ended one has left", () => {
  const state = afterRuns(
    ["r1", boot],
    ["r1", starts("orion")],
    ["r1", ends("orion", "failed")],
    ["r1", done],
  );
  state.graph(tool("tool_start", "r1", "orion", "e1"));
  state.graph(tool("tool_end", "r1", "orion", "e1", { status: "error" }));
  assert.equal(state.stateOf("orion"), "error");
  state.run("r2", /** @type {any} */ (boot));
  assert.equal(state.stateOf("orion"), "idle");
  assert.deepEqual(state.toolsOf("orion"), []);
  assert.equal(state.knows("r1"), false);
  assert.equal(state.knows("r2"), true);
});

test("a run that is followed no more before its end leaves no agent at work", () => {
  const state = afterRuns(["1", boot], ["1", starts("orion")], ["2", boot], ["2", starts("vega")]);
  state.leave("1");
  assert.deepEqual([state.stateOf("orion"), state.stateOf("vega")], ["idle", "working"]);
  state.run("2", /** @type {any} */ (ends("vega", "succeeded")));
  state.run("2", /** @type {any} */ (done));
  state.leave("2"); // it has ended: what it has left is still shown
  assert.equal(state.stateOf("vega"), "done");
});

test("a new run leaves one that is under way alone", () => {
  const state = afterRuns(["r1", boot], ["r1", starts("orion")]);
  state.graph(tool("tool_start", "r1", "orion", "e1"));
  state.run("r2", /** @type {any} */ (boot));
  assert.equal(state.stateOf("orion"), "working");
  assert.equal(state.toolsOf("orion").length, 1);
});

test("a tool that reports without a known start runs; an unknown run's tasks are ignored", () => {
  const state = new CrewState();
  state.run("r9", /** @type {any} */ (ends("orion", "failed")));
  assert.equal(state.stateOf("orion"), "idle");
  state.graph(tool("tool_progress", "r9", "orion", "e9", { message: "half" }));
  assert.equal(state.stateOf("orion"), "working");
  assert.deepEqual(
    state.toolsOf("orion").map(({ message }) => message),
    ["half"],
  );
});

test("an agent's running task is returned before its last one", () => {
  const state = afterRuns(["r1", boot]);
  assert.equal(new CrewState().taskOf("orion"), undefined);
  assert.equal(state.taskOf("orion"), null);
  for (const event of [
    starts("orion", "a"),
    ends("orion", "succeeded", "a"),
    starts("orion", "b"),
  ]) {
    state.run("r1", /** @type {any} */ (event));
  }
  assert.equal(state.taskOf("orion")?.task_id, "b");
  state.run("r2", /** @type {any} */ (boot));
  state.run("r2", /** @type {any} */ (starts("orion", "a")));
  state.run("r2", /** @type {any} */ (ends("orion", "succeeded", "a")));
  assert.equal(state.taskOf("orion")?.task_id, "b");
});

test("an edge shows the tasks that begin by it, not the agent's others", () => {
  const state = afterRuns(
    ["r1", boot],
    ["r1", starts("orion", "a")],
    ["r1", ends("orion", "succeeded", "a")],
  );
  assert.equal(state.stateIn("orion", ["a"]), "done");
  assert.equal(state.stateIn("orion", ["b"]), "idle");
  state.run("r1", /** @type {any} */ (starts("orion", "b")));
  assert.equal(state.stateIn("orion", ["a"]), "done");
  assert.equal(state.stateIn("orion", ["b"]), "working");
});

test("if no run has reported anything, an edge shows its agent's state", () => {
  const state = new CrewState();
  state.graph(snapshot({ orion: "error" }));
  assert.equal(state.stateIn("orion", ["a"]), "error");
});

test("a tool's time is counted from its start, however this computer's clock is set", () => {
  const state = new CrewState();
  const stamp = (/** @type {number} */ s) => ({ timestamp: new Date(s * 1000).toISOString() });
  const ahead = 3_600_000;
  // An event of long ago that is caught up with, then one that has just happened.
  state.graph(tool("tool_start", "r1", "orion", "e1", stamp(1_000)), 1_060_000 + ahead);
  state.graph(tool("tool_start", "r1", "vega", "e2", stamp(1_060)), 1_060_050 + ahead);
  state.graph(tool("tool_start", "r1", "lyra", "e3", stamp(1_010)), 1_060_060 + ahead);
  assert.equal(state.toolsOf("vega")[0].begunAt, 1_060_050 + ahead);
  assert.equal(state.toolsOf("lyra")[0].begunAt, 1_010_050 + ahead);
  assert.equal(state.isBusy, true);
});

test("a tool in the snapshot has run for as long as the server says", () => {
  const state = new CrewState();
  const running = { ...tool("tool_start", "r1", "orion", "e1"), status: "running", duration_s: 4 };
  state.graph(snapshot({ orion: "working" }, [running]), 10_000);
  assert.equal(state.toolsOf("orion")[0].begunAt, 6_000);
});

/** @param {string} id @param {string} action @param {string} [by] */
const asks = (id, action, by = "ada") => ({
  type: "control_requested",
  control_id: id,
  action,
  by,
});
/** @param {string} id @param {string} [status] */
const applies = (id, status = "applied") => ({ type: "control_applied", control_id: id, status });
const wants = { type: "approval_requested", approval_id: "a", agent_id: "orion" };
const decides = { type: "approval_decided", approval_id: "a" };

test("a pause holds a run up from when it is in effect to the resume", () => {
  /** @param {...object} events */
  const reason = (...events) => {
    const all = /** @type {[string, object][]} */ ([boot, ...events].map((event) => ["r", event]));
    return afterRuns(...all).waitReasonOf("r");
  };
  const paused = [asks("1", "pause"), applies("1")];
  assert.equal(reason(), "");
  assert.equal(reason(asks("1", "pause")), "");
  assert.equal(reason(asks("1", "pause"), applies("1", "refused")), "");
  assert.equal(reason(...paused), "paused");
  assert.equal(reason(...paused, asks("2", "resume")), "paused");
  assert.equal(reason(...paused, asks("2", "resume"), applies("2")), "");
  assert.equal(reason(asks("1", "pause", "the budget"), applies("1")), "paused by budget");
  assert.equal(reason(...paused, asks("2", "message"), applies("2")), "paused");
  assert.equal(reason(...paused, done), "");
  assert.equal(reason(...paused, { type: "reset" }), "");
  assert.equal(reason(wants), "waiting");
  assert.equal(reason(wants, ...paused), "paused");
  assert.equal(reason(wants, decides), "");
});

test("a call that waits for approval is that of its agent, until it is decided", () => {
  const state = afterRuns(["r", boot], ["s", boot], ["s", { ...wants, tool: "script" }]);
  const call = state.waitingOf("orion");
  assert.deepEqual([call?.approval_id, call?.tool], ["a", "script"]);
  assert.equal(state.waitingOf("vega"), undefined);
  state.run("s", /** @type {any} */ (decides));
  assert.equal(state.waitingOf("orion"), undefined);
});

test("edges and agents of a paused run are paused, where nothing of another run or tool goes on", () => {
  const planned = { ...boot, tasks: [{ task_id: "a", agent_id: "orion" }] };
  const pause = [asks("1", "pause"), applies("1")];
  const state = afterRuns(["r", planned], ["r", starts("orion", "a")]);
  state.graph(tool("tool_start", "r", "orion", "e1"));
  for (const event of pause) state.run("r", /** @type {any} */ (event));
  assert.equal(state.stateOf("orion"), "paused");
  assert.equal(state.stateIn("orion", ["a"]), "paused");
  assert.deepEqual(
    state.toolsOf("orion").map((one) => state.isStopped(one)),
    [true],
  );
  state.run("s", /** @type {any} */ (boot));
  state.run("s", /** @type {any} */ (starts("orion", "b")));
  assert.equal(state.stateOf("orion"), "working");
  assert.equal(state.stateIn("orion", ["a"]), "paused");
  for (const event of pause) state.run("s", /** @type {any} */ (event));
  assert.equal(state.stateOf("orion"), "paused");
  state.graph(tool("tool_start", "s", "orion", "e2")); // of a program: it goes on
  assert.equal(state.stateOf("orion"), "working");
});

test("what holds one run up holds no other", () => {
  const events = [asks("1", "pause"), applies("1")].map((event) => ["r", event]);
  const state = afterRuns(["r", boot], ["s", boot], .../** @type {any} */ (events));
  assert.deepEqual(
    [state.waitReasonOf("r"), state.waitReasonOf("s"), state.waitReasonOf("t")],
    ["paused", "", ""],
  );
});
