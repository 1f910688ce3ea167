import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { GraphWebSocket, RunWebSocket } from "../../static/realtime/websocket.js";
import { FakeWebSocket, fakeOptions, hello, stopTime } from "./fake_websocket.js";

const STREAM = "run:r1";
const SILENCE_MS = 2 * 45_000 + 5_000;

beforeEach(stopTime);
afterEach(() => mock.timers.reset());

/** @param {number} seq */
function event(seq) {
  return { type: "task_start", seq, timestamp: "", crew_id: "c1", run_id: "r1" };
}

/** @param {number} head */
function ping(head) {
  return { type: "ping", timestamp: "", heads: { [STREAM]: head } };
}

/** @param {number} [head] */
function liveRun(head = 1) {
  const { options, lines } = fakeOptions();
  const run = new RunWebSocket("r1", null, options);
  /** @type {any[]} */
  const seen = [];
  run.subscribe((message) => "seq" in message && seen.push(message.seq));
  run.connect();
  FakeWebSocket.last.receive(hello(STREAM, head));
  for (let seq = 1; seq <= head; seq += 1) FakeWebSocket.last.receive(event(seq));
  assert.equal(run.state, "live");
  return { run, seen, lines };
}

test("what comes after a hole is not delivered: it is asked for again, at once", () => {
  const { run, seen, lines } = liveRun(2);
  const before = FakeWebSocket.last;
  before.receive(event(4));
  assert.equal(lines.at(-1), "[RunWS] Connecting again: events before 4 are missing");
  assert.equal(run.state, "catching_up");
  assert.equal(before.closedWith, 1000);
  assert.match(FakeWebSocket.last.url, /since=2&epoch=e1$/);
  before.receive(event(3));
  before.lose(1006);
  FakeWebSocket.last.receive(hello(STREAM, 4), event(3), event(4));
  assert.deepEqual(seen, [1, 2, 3, 4]);
  assert.equal(run.state, "live");
  assert.equal(FakeWebSocket.all.length, 2);
});

test("a first event that is not the first of its run is a hole too", () => {
  const { options } = fakeOptions();
  const run = new RunWebSocket("r1", null, options);
  run.connect();
  FakeWebSocket.last.receive(hello(STREAM, 2), event(2));
  assert.equal(FakeWebSocket.all.length, 2);
  assert.equal(FakeWebSocket.last.url, "ws://server/ws/runs/r1");
});

test("a hole that stays is asked for with delays, and not for ever", () => {
  const { run } = liveRun(1);
  FakeWebSocket.last.receive(event(3));
  for (const attempt of [1, 2, 3]) {
    assert.equal(FakeWebSocket.all.length, attempt + 1);
    FakeWebSocket.last.receive(hello(STREAM, 3), event(3));
    assert.equal(run.state, "retrying");
    mock.timers.tick(2000);
  }
  FakeWebSocket.last.receive(hello(STREAM, 3), event(3));
  assert.equal(run.state, "disconnected");
});

test("a hole long after one that stayed is asked for at once again", () => {
  const { run } = liveRun(1);
  FakeWebSocket.last.receive(event(3));
  FakeWebSocket.last.receive(hello(STREAM, 1));
  mock.timers.tick(5000);
  FakeWebSocket.last.receive(event(3));
  assert.equal(FakeWebSocket.all.length, 3);
  assert.equal(run.state, "catching_up");
});

test("each hole that is filled may be followed by another", () => {
  const { run, seen } = liveRun(1);
  for (let last = 1; last < 20; last += 1) {
    FakeWebSocket.last.receive(event(last + 2));
    FakeWebSocket.last.receive(hello(STREAM, last + 1), event(last + 1));
    assert.equal(run.state, "live");
  }
  assert.equal(seen.length, 20);
});

test("a ping is answered", () => {
  liveRun();
  FakeWebSocket.last.receive(ping(1));
  assert.deepEqual(FakeWebSocket.last.sent, [{ type: "pong" }]);
});

test("a ping with a head beyond our events leads to a new connection", () => {
  const { run } = liveRun(1);
  FakeWebSocket.last.receive(ping(3));
  assert.equal(run.state, "catching_up");
  mock.timers.tick(9999);
  assert.equal(FakeWebSocket.all.length, 1);
  mock.timers.tick(1);
  assert.equal(FakeWebSocket.all.length, 2);
  assert.match(FakeWebSocket.last.url, /since=1/);
  assert.equal(run.state, "catching_up");
  FakeWebSocket.last.receive(hello(STREAM, 3), event(2), event(3));
  assert.equal(run.state, "live");
});

test("events that arrive soon after such a ping are waited for", () => {
  const { run } = liveRun(1);
  FakeWebSocket.last.receive(ping(4));
  mock.timers.tick(9000);
  FakeWebSocket.last.receive(event(2), event(3));
  mock.timers.tick(9000);
  assert.equal(run.state, "catching_up");
  FakeWebSocket.last.receive(event(4));
  assert.equal(run.state, "live");
  mock.timers.tick(30_000);
  assert.equal(FakeWebSocket.all.length, 1);
});

test("once they stop arriving, the rest is asked for", () => {
  liveRun(1);
  FakeWebSocket.last.receive(ping(4));
  mock.timers.tick(9000);
  FakeWebSocket.last.receive(event(2));
  mock.timers.tick(1000);
  mock.timers.tick(9999);
  assert.equal(FakeWebSocket.all.length, 1);
  mock.timers.tick(1);
  assert.equal(FakeWebSocket.all.length, 2);
  assert.match(FakeWebSocket.last.url, /since=2/);
});

test("a connection lost while waiting for missing events does not end the watch", () => {
  const { run } = liveRun(1);
  FakeWebSocket.last.receive(ping(3));
  FakeWebSocket.last.lose(1006);
  mock.timers.tick(2000);
  FakeWebSocket.last.receive(hello(STREAM, 1), ping(3));
  mock.timers.tick(9999);
  assert.equal(FakeWebSocket.all.length, 2);
  mock.timers.tick(1);
  assert.equal(FakeWebSocket.all.length, 3);
  run.disconnect();
});

test("a ping's other streams, and heads that we have, change nothing", () => {
  const { run } = liveRun(2);
  FakeWebSocket.last.receive({ type: "ping", timestamp: "", heads: { [STREAM]: 2, "run:r2": 9 } });
  mock.timers.tick(30_000);
  assert.equal(run.state, "live");
  assert.equal(FakeWebSocket.all.length, 1);
});

test("a server silent for two heartbeats is dead", () => {
  const { run } = liveRun();
  mock.timers.tick(SILENCE_MS - 1);
  assert.equal(run.state, "live");
  mock.timers.tick(1);
  assert.equal(run.state, "retrying");
  assert.equal(FakeWebSocket.last.closedWith, 1000);
  mock.timers.tick(2000);
  assert.match(FakeWebSocket.last.url, /since=1/);
});

test("every frame proves the server alive", () => {
  const { run } = liveRun();
  for (let beat = 0; beat < 10; beat += 1) {
    mock.timers.tick(SILENCE_MS - 1);
    FakeWebSocket.last.receive({ type: "pong" });
  }
  assert.equal(run.state, "live");
});

test("a server that never greets is given up after 20 s", () => {
  const { options } = fakeOptions();
  const run = new RunWebSocket("r1", null, options);
  run.connect();
  mock.timers.tick(19_999);
  assert.equal(run.state, "connecting");
  mock.timers.tick(1);
  assert.equal(run.state, "retrying");
});

test("a graph's second vain try to fill a hole leaves it to reconnect()", () => {
  const { options } = fakeOptions();
  const graph = new GraphWebSocket("c1", null, options);
  /** @param {number} seq */
  const tool = (seq) => ({ type: "tool_start", seq, crew_id: "c1", run_id: "r1" });
  const snapshot = { type: "snapshot", stream: "graph:c1", seq: 5, agents: [], executions: [] };
  graph.connect();
  FakeWebSocket.last.receive(hello("graph:c1", 5), snapshot, tool(7));
  assert.equal(graph.state, "catching_up");
  assert.match(FakeWebSocket.last.url, /crew_id=c1&since=5&epoch=e1$/);
  FakeWebSocket.last.receive(hello("graph:c1", 7), tool(7));
  assert.equal(graph.state, "disconnected");
});
