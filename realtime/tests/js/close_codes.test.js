import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { GraphWebSocket, MissionWebSocket, RunWebSocket } from "../../static/realtime/websocket.js";
import { FakeWebSocket, fakeOptions, hello, stopTime } from "./fake_websocket.js";

beforeEach(stopTime);
afterEach(() => mock.timers.reset());

/** @typedef {import("../../static/realtime/options.js").Options} Options */

/** @typedef {(options: Options) => RunWebSocket | MissionWebSocket | GraphWebSocket} Make */

/** @type {Make[]} each class, with a session cookie */
const SOCKETS = [
  (options) => new RunWebSocket("r1", null, options),
  (options) => new MissionWebSocket(null, options),
  (options) => new GraphWebSocket("c1", null, options),
];

/**
 * @param {Make} make
 * @param {number} code
 */
function closed(make, code) {
  const { options } = fakeOptions();
  /** @type {object[]} */
  const refusals = [];
  const socket = make({ ...options, onAuthFailed: (refusal) => void refusals.push(refusal) });
  /** @type {import("../../static/realtime/options.js").StateChange[]} */
  const changes = [];
  socket.onStateChange((change) => changes.push(change));
  socket.connect();
  FakeWebSocket.last.receive(hello("some:stream", 0));
  FakeWebSocket.last.lose(code, "why");
  return { socket, change: changes[changes.length - 1], refusals };
}

/** @param {number} [count] */
function assertNoMore(count = 1) {
  mock.timers.tick(3_600_000);
  assert.equal(FakeWebSocket.all.length, count);
}

test("1000 ends every socket", () => {
  for (const make of SOCKETS) {
    const { change } = closed(make, 1000);
    assert.deepEqual(change, { state: "closed", previous: "live", code: 1000, reason: "why" });
    assertNoMore();
  }
});

for (const code of [4400, 4403, 4404]) {
  test(`${code} is final, with its code and reason`, () => {
    for (const make of SOCKETS) {
      const { change, refusals } = closed(make, code);
      assert.deepEqual(change, { state: "failed", previous: "live", code, reason: "why" });
      assert.deepEqual(refusals, []);
      assertNoMore();
    }
  });
}

test("4401 without a way to a fresh token is final, and asks for a login", () => {
  for (const make of SOCKETS) {
    const { change, refusals } = closed(make, 4401);
    assert.equal(change.state, "failed");
    assert.equal(change.code, 4401);
    assert.deepEqual(refusals, [{ code: 4401, reason: "why" }]);
    assertNoMore();
  }
});

for (const code of [1001, 1005, 1006, 1011, 1012, 4408, 4500]) {
  test(`${code} is a loss that a run and the mission recover from`, () => {
    for (const make of SOCKETS.slice(0, 2)) {
      const { socket, change } = closed(make, code);
      assert.equal(change.state, "retrying");
      assert.equal(change.code, code);
      mock.timers.tick(10_000);
      assert.equal(FakeWebSocket.all.length, 2);
      assert.equal(socket.state, "connecting");
      socket.disconnect();
    }
  });

  test(`after ${code} a graph waits for reconnect()`, () => {
    const { socket, change } = closed(SOCKETS[2], code);
    assert.deepEqual(change, { state: "disconnected", previous: "live", code, reason: "why" });
    assertNoMore();
    socket.reconnect();
    assert.equal(FakeWebSocket.all.length, 2);
    socket.disconnect();
  });
}

test("after 1012 a run's clients are spread over eight seconds", (t) => {
  t.mock.method(Math, "random", () => 0.25);
  assert.equal(closed(SOCKETS[0], 1012).change.retryInMs, 4000);
  assert.equal(closed(SOCKETS[0], 1006).change.retryInMs, 2000);
});

test("after 4429 half a minute passes at least, a minute at most", (t) => {
  for (const [random, delay] of [
    [0, 30_000],
    [1, 60_000],
  ]) {
    t.mock.method(Math, "random", () => random);
    for (const make of SOCKETS.slice(0, 2)) {
      const { socket, change } = closed(make, 4429);
      assert.equal(change.retryInMs, delay);
      mock.timers.tick(delay - 1);
      assert.equal(FakeWebSocket.all.length, 1);
      mock.timers.tick(1);
      assert.equal(FakeWebSocket.all.length, 2);
      socket.disconnect();
    }
    t.mock.restoreAll();
  }
});

test("a socket refused as one too many was never accepted, though a frame says why", () => {
  const { options } = fakeOptions();
  const run = new RunWebSocket("r1", null, options);
  /** @type {string[]} */
  const states = [];
  run.onStateChange(({ state }) => void states.push(state));
  run.connect();
  const code = "too_many_connections";
  for (let attempt = 0; attempt < 4; attempt++) {
    FakeWebSocket.last.receive({ type: "error_message", code, detail: "This server is full." });
    FakeWebSocket.last.lose(4429, "This server is full.");
    mock.timers.tick(60_000);
  }
  assert.equal(states.includes("live"), false);
  assert.equal(run.state, "disconnected", "after three more attempts");
  assertNoMore(4);
});
