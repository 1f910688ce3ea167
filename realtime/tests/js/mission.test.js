import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { MissionWebSocket } from "../../static/realtime/websocket.js";
import { FakeWebSocket, fakeOptions, hello, stopTime } from "./fake_websocket.js";

beforeEach(stopTime);
afterEach(() => mock.timers.reset());

/**
 * @param {string} crewId
 * @param {number} seq
 * @param {string} [status]
 */
function signal(crewId, seq, status = "busy") {
  return { type: "signal", seq, timestamp: "", crew_id: crewId, payload: { status, crewId } };
}

function connectedMission() {
  const { options, lines } = fakeOptions();
  const mission = new MissionWebSocket(null, options);
  /** @type {string[]} */
  const seen = [];
  mission.subscribe((message) => {
    seen.push(message.type === "signal" ? `${message.crew_id}:${message.seq}` : message.type);
  });
  mission.connect();
  return { mission, seen, lines };
}

test("the first signal of each crew sets its place, whatever its number", () => {
  const { mission, seen, lines } = connectedMission();
  const socket = FakeWebSocket.last;
  socket.receive(hello("mission:a", 7), hello("mission:b", 40), signal("a", 7));
  assert.equal(mission.state, "catching_up");
  socket.receive(signal("b", 40));
  assert.equal(mission.state, "live");
  socket.receive(signal("b", 41), signal("a", 8), signal("a", 8), signal("b", 40));
  assert.deepEqual(seen, ["a:7", "b:40", "b:41", "a:8"]);
  assert.deepEqual(lines, ["[MissionWS] Connected"]);
});

test("a user without any crew is live", () => {
  const { mission, lines } = connectedMission();
  FakeWebSocket.last.receive({ type: "ping", timestamp: "", heads: {} });
  assert.equal(mission.state, "live");
  assert.deepEqual(lines, ["[MissionWS] Connected"]);
  mock.timers.tick(45_000);
  FakeWebSocket.last.receive({ type: "ping", timestamp: "", heads: {} });
  mock.timers.tick(94_999);
  assert.equal(mission.state, "live");
  mock.timers.tick(1);
  assert.equal(mission.state, "retrying");
});

test("a crew is followed even where its greeting is missing", () => {
  const { seen } = connectedMission();
  FakeWebSocket.last.receive(signal("a", 4), signal("a", 4), signal("a", 5));
  assert.deepEqual(seen, ["a:4", "a:5"]);
});

test("a crew that appears is caught up with", () => {
  const { mission, seen } = connectedMission();
  FakeWebSocket.last.receive(hello("mission:a", 1), signal("a", 1));
  assert.equal(mission.state, "live");
  FakeWebSocket.last.receive(hello("mission:b", 3));
  assert.equal(mission.state, "catching_up");
  FakeWebSocket.last.receive(signal("b", 3));
  assert.equal(mission.state, "live");
  assert.deepEqual(seen, ["a:1", "b:3"]);
});

test("a crew that goes is reported, and not waited for", () => {
  const { mission, seen } = connectedMission();
  FakeWebSocket.last.receive(hello("mission:a", 1), signal("a", 1), hello("mission:b", 3));
  assert.equal(mission.state, "catching_up");
  FakeWebSocket.last.receive({ type: "gone", stream: "mission:b" });
  assert.equal(mission.state, "live");
  assert.deepEqual(seen, ["a:1", "gone"]);
});

test("a hole in one crew's signals brings a fresh connection, with the current signals", () => {
  const { mission, seen } = connectedMission();
  FakeWebSocket.last.receive(hello("mission:a", 1), signal("a", 1), signal("a", 3));
  assert.equal(FakeWebSocket.all.length, 2);
  assert.equal(FakeWebSocket.last.url, "ws://server/ws/mission");
  FakeWebSocket.last.receive(hello("mission:a", 3), signal("a", 3));
  assert.deepEqual(seen, ["a:1", "a:3"]);
  assert.equal(mission.state, "live");
});

test("a hole that every fresh connection shows is not asked for in a tight loop", (t) => {
  t.mock.method(Math, "random", () => 0.5);
  const { mission } = connectedMission();
  for (let connection = 1; connection <= 2; connection += 1) {
    FakeWebSocket.last.receive(hello("mission:a", 1), signal("a", 1), signal("a", 3));
  }
  assert.equal(FakeWebSocket.all.length, 2);
  assert.equal(mission.state, "retrying");
});

test("it reconnects for ever, waiting longer each time, and starts anew", (t) => {
  t.mock.method(Math, "random", () => 0.5);
  const { mission } = connectedMission();
  /** @type {(number | undefined)[]} */
  const delays = [];
  mission.onStateChange(({ retryInMs }) => retryInMs !== undefined && delays.push(retryInMs));
  FakeWebSocket.last.receive(hello("mission:a", 9), signal("a", 9));
  for (let loss = 0; loss < 30; loss += 1) {
    FakeWebSocket.last.lose(1006);
    mock.timers.tick(delays.at(-1) ?? 0);
    assert.equal(FakeWebSocket.all.length, loss + 2);
  }
  assert.deepEqual(delays.slice(0, 8), [250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
  FakeWebSocket.last.receive(hello("mission:a", 9), signal("a", 9));
  assert.equal(mission.state, "live");
});

test("only a connection that stood five seconds ends the row of failures", (t) => {
  t.mock.method(Math, "random", () => 0.5);
  const { mission } = connectedMission();
  /** @param {number} stood */
  const lostAfter = (stood) => {
    let delay;
    const stop = mission.onStateChange(({ retryInMs }) => {
      delay = retryInMs;
    });
    FakeWebSocket.last.receive(hello("mission:a", 0));
    mock.timers.tick(stood);
    FakeWebSocket.last.lose(4500);
    stop();
    mock.timers.tick(delay ?? 0);
    return delay;
  };
  assert.deepEqual([0, 4999, 4999, 5000, 0].map(lostAfter), [250, 500, 1000, 250, 500]);
});
