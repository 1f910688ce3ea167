import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { GraphWebSocket } from "../../static/realtime/websocket.js";
import { FakeWebSocket, fakeOptions, hello, stopTime } from "./fake_websocket.js";

beforeEach(stopTime);
afterEach(() => mock.timers.reset());

/**
 * @param {string} crewId
 * @param {number} seq
 */
function snapshot(crewId, seq) {
  return { type: "snapshot", stream: `graph:${crewId}`, seq, agents: [], executions: [] };
}

/**
 * @param {string} crewId
 * @param {number} seq
 */
function tool(crewId, seq) {
  return { type: "tool_start", seq, timestamp: "", crew_id: crewId, run_id: "r1" };
}

/**
 * @param {string | null} crewId
 * @param {import("../../static/realtime/options.js").Options} [more]
 */
function connectedGraph(crewId, more) {
  const { options, lines } = fakeOptions();
  const graph = new GraphWebSocket(crewId, null, { ...options, ...more });
  /** @type {string[]} */
  const seen = [];
  graph.subscribe((message) => {
    seen.push("seq" in message ? `${message.type}:${message.seq}` : message.type);
  });
  graph.connect();
  return { graph, seen, lines };
}

test("the snapshot sets the place; what it holds already is dropped", () => {
  const { graph, seen, lines } = connectedGraph("c1");
  FakeWebSocket.last.receive(hello("graph:c1", 5));
  assert.equal(graph.state, "catching_up");
  FakeWebSocket.last.receive(snapshot("c1", 5));
  assert.equal(graph.state, "live");
  FakeWebSocket.last.receive(tool("c1", 4), tool("c1", 5), tool("c1", 6));
  assert.deepEqual(seen, ["snapshot:5", "tool_start:6"]);
  assert.deepEqual(lines, ["[GraphWS] Connected"]);
});

test("a crew without any event is live", () => {
  const { graph, seen } = connectedGraph("c1");
  FakeWebSocket.last.receive(hello("graph:c1", 0), snapshot("c1", 0), tool("c1", 1));
  assert.equal(graph.state, "live");
  assert.deepEqual(seen, ["snapshot:0", "tool_start:1"]);
});

test("after a loss it waits for reconnect(), which resumes without a snapshot", () => {
  const { graph, seen } = connectedGraph("c1");
  FakeWebSocket.last.receive(hello("graph:c1", 5), snapshot("c1", 5), tool("c1", 6));
  FakeWebSocket.last.lose(1006);
  assert.equal(graph.state, "disconnected");
  mock.timers.tick(3_600_000);
  assert.equal(FakeWebSocket.all.length, 1);
  graph.reconnect();
  assert.equal(FakeWebSocket.last.url, "ws://server/ws/graph?crew_id=c1&since=6&epoch=e1");
  FakeWebSocket.last.receive(hello("graph:c1", 7), tool("c1", 7));
  assert.deepEqual(seen, ["snapshot:5", "tool_start:6", "tool_start:7"]);
  assert.equal(graph.state, "live");
});

test("reconnect() on an open connection replaces it", () => {
  const { graph, seen } = connectedGraph("c1");
  const before = FakeWebSocket.last;
  before.receive(hello("graph:c1", 5), snapshot("c1", 5));
  graph.reconnect();
  assert.equal(before.closedWith, 1000);
  before.receive(tool("c1", 6));
  FakeWebSocket.last.receive(hello("graph:c1", 6), tool("c1", 6));
  assert.deepEqual(seen, ["snapshot:5", "tool_start:6"]);
  assert.equal(FakeWebSocket.all.length, 2);
});

test("a reset asks for the snapshot that follows it", () => {
  const { graph, seen } = connectedGraph("c1");
  FakeWebSocket.last.receive(hello("graph:c1", 5), snapshot("c1", 5));
  graph.reconnect();
  const reset = { type: "reset", stream: "graph:c1", reason: "pruned", epoch: "e1", head: 90 };
  FakeWebSocket.last.receive(hello("graph:c1", 90), reset);
  assert.equal(graph.state, "catching_up");
  FakeWebSocket.last.receive(snapshot("c1", 90), tool("c1", 91));
  assert.deepEqual(seen, ["snapshot:5", "reset", "snapshot:90", "tool_start:91"]);
  assert.equal(graph.state, "live");
});

test("with autoReconnect a graph comes back by itself, and resumes", (t) => {
  t.mock.method(Math, "random", () => 0.5);
  const { graph } = connectedGraph("c1", { autoReconnect: true });
  FakeWebSocket.last.receive(hello("graph:c1", 5), snapshot("c1", 5));
  for (const delay of [250, 500, 1000]) {
    FakeWebSocket.last.lose(1006);
    assert.equal(graph.state, "retrying");
    mock.timers.tick(delay);
  }
  assert.equal(FakeWebSocket.all.length, 4);
  assert.match(FakeWebSocket.last.url, /since=5/);
});

test("the graph of all crews keeps a place in each, and starts anew with snapshots", () => {
  const { graph, seen } = connectedGraph(null);
  const socket = FakeWebSocket.last;
  socket.receive(hello("graph:a", 2), snapshot("a", 2), hello("graph:b", 8));
  assert.equal(graph.state, "catching_up");
  socket.receive(snapshot("b", 8), tool("b", 9), tool("a", 3), tool("a", 3));
  assert.equal(graph.state, "live");
  socket.lose(1006);
  graph.reconnect();
  assert.equal(FakeWebSocket.last.url, "ws://server/ws/graph");
  FakeWebSocket.last.receive(hello("graph:a", 3), snapshot("a", 3), tool("a", 4));
  assert.deepEqual(seen, [
    "snapshot:2",
    "snapshot:8",
    "tool_start:9",
    "tool_start:3",
    "snapshot:3",
    "tool_start:4",
  ]);
});
