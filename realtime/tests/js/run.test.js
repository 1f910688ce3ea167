import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { RunWebSocket } from "../../static/realtime/websocket.js";
import { FakeWebSocket, fakeOptions, hello, stopTime } from "./fake_websocket.js";

const STREAM = "run:r1";

beforeEach(stopTime);
afterEach(() => mock.timers.reset());

/** @param {number} seq */
function event(seq, type = "task_start") {
  return { type, seq, timestamp: "2027-01-15T08:00:00Z", crew_id: "c1", run_id: "r1" };
}

/** @param {import("../../static/realtime/options.js").Options} [more] */
function connectedRun(more) {
  const { options, lines } = fakeOptions();
  const run = new RunWebSocket("r1", null, { ...options, ...more });
  /** @type {any[]} */
  const seen = [];
  /** @type {import("../../static/realtime/options.js").StateChange[]} */
  const changes = [];
  run.subscribe((message) => seen.push("seq" in message ? message.seq : message.type));
  run.onStateChange((change) => changes.push(change));
  run.connect();
  return { run, seen, changes, lines, states: () => changes.map(({ state }) => state) };
}

test("a run is replayed, becomes live and ends closed", () => {
  const { run, seen, lines, states } = connectedRun();
  assert.equal(run.state, "connecting");
  FakeWebSocket.last.receive(hello(STREAM, 2), event(1, "boot"));
  assert.equal(run.state, "catching_up");
  FakeWebSocket.last.receive(event(2));
  assert.equal(run.state, "live");
  FakeWebSocket.last.receive(event(3, "done"));
  FakeWebSocket.last.lose(1000, "complete");
  assert.deepEqual(seen, [1, 2, 3]);
  assert.deepEqual(states(), ["connecting", "catching_up", "live", "closed"]);
  assert.deepEqual(lines, ["[RunWS] Connected", "[RunWS] Closed (1000 complete)"]);
  mock.timers.tick(3_600_000);
  assert.equal(FakeWebSocket.all.length, 1);
});

test("a run that has not begun is live at once", () => {
  const { run } = connectedRun();
  FakeWebSocket.last.receive(hello(STREAM, 0));
  assert.equal(run.state, "live");
});

test("nothing connects before connect(), and only once after", () => {
  const { options } = fakeOptions();
  const run = new RunWebSocket("r1", null, options);
  assert.equal(run.state, "idle");
  assert.equal(FakeWebSocket.all.length, 0);
  run.connect();
  run.connect();
  FakeWebSocket.last.receive(hello(STREAM, 0));
  run.connect();
  assert.equal(FakeWebSocket.all.length, 1);
});

test("reconnecting resumes after the last event, in its epoch, and drops duplicates", () => {
  const { run, seen } = connectedRun();
  FakeWebSocket.last.receive(hello(STREAM, 2, "e&7"), event(1, "boot"), event(2));
  FakeWebSocket.last.lose(1006);
  assert.equal(run.state, "retrying");
  mock.timers.tick(2000);
  assert.equal(FakeWebSocket.last.url, "ws://server/ws/runs/r1?since=2&epoch=e%267");
  FakeWebSocket.last.receive(hello(STREAM, 3, "e&7"), event(1), event(2), event(3), event(3));
  assert.deepEqual(seen, [1, 2, 3]);
  assert.equal(run.state, "live");
});

test("before any event, reconnecting is a fresh start", () => {
  connectedRun();
  FakeWebSocket.last.receive(hello(STREAM, 5));
  FakeWebSocket.last.lose(1006);
  mock.timers.tick(2000);
  assert.equal(FakeWebSocket.last.url, "ws://server/ws/runs/r1");
});

test("three attempts in a row, two seconds apart, then it waits for connect()", () => {
  const { run, changes, lines } = connectedRun();
  for (const attempt of [1, 2, 3]) {
    FakeWebSocket.last.lose(1006);
    assert.equal(changes.at(-1)?.retryInMs, 2000);
    mock.timers.tick(1999);
    assert.equal(FakeWebSocket.all.length, attempt);
    mock.timers.tick(1);
    assert.equal(FakeWebSocket.all.length, attempt + 1);
  }
  FakeWebSocket.last.lose(1006);
  assert.equal(run.state, "disconnected");
  assert.equal(changes.at(-1)?.code, 1006);
  assert.deepEqual(lines.slice(-2), [
    "[RunWS] Retrying (1006), next attempt in 2.0 s",
    "[RunWS] Disconnected (1006)",
  ]);
  mock.timers.tick(3_600_000);
  assert.equal(FakeWebSocket.all.length, 4);
  run.connect();
  assert.equal(FakeWebSocket.all.length, 5);
  FakeWebSocket.last.lose(1006);
  assert.equal(run.state, "retrying");
});

test("a failure that no close event follows is a loss as well", () => {
  const { options } = fakeOptions();
  const run = new RunWebSocket("r1", null, options);
  run.connect();
  FakeWebSocket.last.fail();
  assert.equal(run.state, "connecting");
  mock.timers.tick(100);
  assert.equal(run.state, "retrying");
  FakeWebSocket.last.fail(); // late, and ignored
  mock.timers.tick(2000);
  assert.equal(FakeWebSocket.all.length, 2);
  FakeWebSocket.last.fail();
  FakeWebSocket.last.lose(4404, "Not found.");
  assert.equal(run.state, "failed");
  mock.timers.tick(60_000);
  assert.equal(FakeWebSocket.all.length, 2);
});

test("a greeting ends the row of failures, an open connection without one does not", () => {
  const { run } = connectedRun();
  for (let loss = 0; loss < 10; loss += 1) {
    FakeWebSocket.last.receive(hello(STREAM, 0));
    FakeWebSocket.last.lose(1006);
    mock.timers.tick(2000);
  }
  assert.equal(FakeWebSocket.all.length, 11);
  for (let loss = 0; loss < 3; loss += 1) {
    FakeWebSocket.last.receive();
    FakeWebSocket.last.lose(1006);
    mock.timers.tick(2000);
  }
  FakeWebSocket.last.lose(1006);
  assert.equal(run.state, "disconnected");
});

test("autoReconnect goes on for ever", (t) => {
  t.mock.method(Math, "random", () => 0.999);
  const { run } = connectedRun({ autoReconnect: true });
  for (let loss = 0; loss < 20; loss += 1) {
    FakeWebSocket.last.lose(1006);
    assert.equal(run.state, "retrying");
    mock.timers.tick(20_000);
  }
  assert.equal(FakeWebSocket.all.length, 21);
});

test("connect() while waiting for the next attempt tries at once", () => {
  const { run } = connectedRun();
  FakeWebSocket.last.lose(1006);
  run.connect();
  assert.equal(FakeWebSocket.all.length, 2);
  mock.timers.tick(2000);
  assert.equal(FakeWebSocket.all.length, 2);
});

test("a reset clears the place: listeners get it, then everything from 1", () => {
  const { run, seen } = connectedRun();
  FakeWebSocket.last.receive(hello(STREAM, 2), event(1), event(2));
  FakeWebSocket.last.lose(1012);
  mock.timers.tick(10_000);
  const reset = { type: "reset", stream: STREAM, reason: "epoch_changed", epoch: "e2", head: 1 };
  FakeWebSocket.last.receive(hello(STREAM, 1, "e2"));
  assert.equal(run.state, "catching_up");
  FakeWebSocket.last.receive(reset);
  assert.equal(run.state, "catching_up");
  FakeWebSocket.last.receive(event(1));
  assert.deepEqual(seen, [1, 2, "reset", 1]);
  FakeWebSocket.last.lose(1006);
  mock.timers.tick(2000);
  assert.match(FakeWebSocket.last.url, /since=1&epoch=e2$/);
});

test("a connection lost before its reset keeps the old epoch, so the server resets again", () => {
  connectedRun();
  FakeWebSocket.last.receive(hello(STREAM, 2), event(1), event(2));
  FakeWebSocket.last.lose(1006);
  mock.timers.tick(2000);
  FakeWebSocket.last.receive(hello(STREAM, 9, "e2"));
  FakeWebSocket.last.lose(1006);
  mock.timers.tick(2000);
  assert.match(FakeWebSocket.last.url, /since=2&epoch=e1$/);
});

test("after a pruned reset the stream may begin anywhere", () => {
  const { run, seen } = connectedRun();
  const reset = { type: "reset", stream: STREAM, reason: "pruned", epoch: "e1", head: 8 };
  FakeWebSocket.last.receive(hello(STREAM, 8), reset, event(7), event(8));
  assert.deepEqual(seen, ["reset", 7, 8]);
  assert.equal(run.state, "live");
});

test("a listener that throws stops neither the others nor the socket, and is reported", () => {
  const { options, lines } = fakeOptions();
  const run = new RunWebSocket("r1", null, options);
  /** @type {any[]} */
  const seen = [];
  run.subscribe(() => {
    throw new Error("broken");
  });
  run.onStateChange(() => {
    throw new Error("broken too");
  });
  run.subscribe((message) => seen.push(message.type));
  run.onStateChange(({ state }) => seen.push(state));
  run.connect();
  FakeWebSocket.last.receive(hello(STREAM, 1), event(1, "boot"));
  assert.deepEqual(seen, ["connecting", "catching_up", "boot", "live"]);
  assert.equal(lines.filter((line) => line === "[RunWS] A listener failed").length, 4);
});

test("a listener that has unsubscribed gets nothing more", () => {
  const { options } = fakeOptions();
  const run = new RunWebSocket("r1", null, options);
  /** @type {any[]} */
  const seen = [];
  const unsubscribe = run.subscribe((message) => seen.push(message));
  const stopWatching = run.onStateChange((change) => seen.push(change));
  unsubscribe();
  stopWatching();
  run.connect();
  FakeWebSocket.last.receive(hello(STREAM, 1), event(1, "boot"));
  assert.deepEqual(seen, []);
});

test("what is not a frame, or of a later protocol, is passed over", () => {
  const { run, seen, lines } = connectedRun();
  FakeWebSocket.last.receive(hello(STREAM, 0));
  for (const data of ["{", "null", "7", new ArrayBuffer(2)]) {
    FakeWebSocket.last.onmessage?.({ data });
  }
  FakeWebSocket.last.receive({ type: "weather" }, event(1, "a_later_event"));
  assert.deepEqual(seen, [1]);
  assert.equal(run.state, "live");
  assert.equal(lines.filter((line) => line === "[RunWS] Not a frame").length, 4);
});

test("what the server objects to is logged", () => {
  const { lines } = connectedRun();
  const objection = { type: "error_message", code: 4400, detail: "unknown type" };
  FakeWebSocket.last.receive(hello(STREAM, 0), objection);
  assert.equal(lines.at(-1), "[RunWS] The server objects: unknown type (4400)");
});
