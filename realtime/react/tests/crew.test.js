import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { LiveConnection } from "../../static/realtime/live_connection.js";
import {
  FakeWebSocket,
  fakeOptions,
  hello,
  settled,
  stopTime,
  WELCOME,
} from "../../tests/js/fake_websocket.js";
import { followCrew } from "../crew.js";

beforeEach(stopTime);
afterEach(() => mock.timers.reset());

/** Lets the connection dial, and send what it has to. */
async function soon() {
  for (let turn = 0; turn < 3; turn++) {
    mock.timers.tick(300);
    await settled();
  }
}

/** @param {...object} frames */
async function receive(...frames) {
  FakeWebSocket.last.receive(...frames);
  await soon();
}

/** Streams of runs that were asked for. */
function subscribed() {
  return FakeWebSocket.last.sent
    .filter(({ type }) => type === "subscribe")
    .flatMap(({ streams }) => streams.map((/** @type {any} */ { stream }) => stream))
    .filter((name) => name.startsWith("run:"));
}

/** A page of a crew, opened when the graph's snapshot has these lists. @param {object} lists */
async function opened(lists) {
  const { options } = fakeOptions();
  const { WebSocket } = new LiveConnection("t", options);
  const crew = followCrew("c", { url: "ws://server", log: null, WebSocket }, () => {});
  await soon();
  const agents = ["orion", "vega"].map((agent_id) => ({
    ...{ agent_id, name: agent_id, role: "", state: "idle" },
  }));
  const snapshot = { type: "snapshot", stream: "graph:c", seq: 2, agents, executions: [] };
  await receive(WELCOME, hello("graph:c", 2), { ...snapshot, ...lists });
  /** @param {string} agent */
  const stateOf = (agent) => crew.view().agents.find(({ agent_id }) => agent_id === agent)?.state;
  return { crew, stateOf };
}

/** @param {string} run @param {number} seq @param {string} type @param {object} fields */
function event(run, seq, type, fields) {
  const timestamp = `2026-01-01T00:00:0${seq}.000000Z`;
  return { type, stream: `run:${run}`, run_id: run, crew_id: "c", seq, timestamp, ...fields };
}

/** A run whose task works. @param {string} run @param {string} agent_id */
function working(run, agent_id) {
  const task = { task_id: `task-${run}`, agent_id, name: "Build" };
  return [
    hello(`run:${run}`, 2),
    event(run, 1, "boot", { crew: "Crew", agents: [], tasks: [task] }),
    event(run, 2, "task_start", task),
  ];
}

/** @param {string} run @param {string} id @param {string} [status] */
const execution = (run, id, status = "success") => ({
  ...{ run_id: run, agent_id: "orion", execution_id: id, tool: "script", params: {}, status },
  ...{ message: "", progress: 1, exit_code: 0, duration_s: 1, output_length: 0 },
});
const asked = { approval_id: "p", agent_id: "orion", tool: "script", expires_at: "later" };

test("a page that opens while a run waits for approval shows that its agent waits", async () => {
  const { crew, stateOf } = await opened({ executions: [execution("r1", "x1")] });
  assert.deepEqual(subscribed(), ["run:r1"]);
  await receive(...working("r1", "orion"), event("r1", 3, "approval_requested", asked));
  assert.equal(stateOf("orion"), "waiting");
  crew.stop();
});

test("a page follows all runs of a snapshot, those with open calls first", async () => {
  const call = { run_id: "r3", agent_id: "vega", call_id: "c", provider: "", model: "" };
  const handoff = { from_agent_id: "orion", to_agent_id: "vega", message: "" };
  const { crew } = await opened({
    executions: [execution("r1", "x1"), execution("r2", "x2", "running")],
    calls: [{ ...call, started_at: "2026-01-01T00:00:00Z", duration_s: 1 }],
    usage: [{ run_id: "r4", model_calls: 1 }],
    handoffs: [{ run_id: "r5", ...handoff }],
  });
  assert.deepEqual(subscribed(), ["run:r2", "run:r3", "run:r1", "run:r4", "run:r5"]);
  const done = event("r1", 1, "done", { status: "succeeded", duration_s: 2 });
  await receive(hello("run:r1", 1), done, { type: "close", stream: "run:r1", code: 1000 });
  assert.deepEqual(crew.view().runs, ["r2", "r3", "r4", "r5"]);
  crew.stop();
});

test("a run that is refused leaves no state: later runs are not hidden by it", async () => {
  const { crew, stateOf } = await opened({ executions: [execution("r1", "x1", "running")] });
  await receive(...working("r1", "orion"), event("r1", 3, "approval_requested", asked));
  assert.equal(stateOf("orion"), "waiting");
  await receive({ type: "close", stream: "run:r1", code: 4404, reason: "There is no such run." });
  assert.notEqual(stateOf("orion"), "waiting");
  assert.deepEqual(crew.view().runs, []);
  crew.stop();
});

test("tool calls of a run stay while another run reports its beginning first", async () => {
  const executions = [execution("r1", "x1"), execution("r2", "x2")];
  const { crew } = await opened({ executions, usage: [{ run_id: "r1", model_calls: 1 }] });
  await receive(...working("r2", "vega"));
  await receive(...working("r1", "orion"));
  assert.deepEqual(
    crew.view().executions.map(({ execution_id }) => execution_id),
    ["x1", "x2"],
  );
  assert.deepEqual([...crew.view().usage.keys()], ["r1"]);
  crew.stop();
});
