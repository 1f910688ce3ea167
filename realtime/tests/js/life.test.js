import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { afterEach, beforeEach, mock, test } from "node:test";

import { GraphWebSocket, MissionWebSocket, RunWebSocket } from "../../static/realtime/websocket.js";
import { FakeWebSocket, fakeOptions, hello, stopTime } from "./fake_websocket.js";

/** The page, where a browser dispatches the events of the network and of the page's visibility. */
let page = new EventTarget();
const PAGE_EVENTS = ["online", "visibilitychange"];

beforeEach(() => {
  stopTime();
  page = new EventTarget();
  define("addEventListener", page.addEventListener.bind(page));
  define("document", { visibilityState: "visible" });
});

afterEach(() => {
  mock.timers.reset();
  Reflect.deleteProperty(globalThis, "addEventListener");
  Reflect.deleteProperty(globalThis, "document");
});

/**
 * @param {string} name
 * @param {unknown} value
 */
function define(name, value) {
  Object.defineProperty(globalThis, name, { value, configurable: true });
}

function pageListeners() {
  return PAGE_EVENTS.flatMap((name) => getEventListeners(page, name)).length;
}

/** @param {RunWebSocket | MissionWebSocket | GraphWebSocket} socket */
function assertOver(socket) {
  const count = FakeWebSocket.all.length;
  for (const name of PAGE_EVENTS) page.dispatchEvent(new Event(name));
  mock.timers.tick(3_600_000);
  assert.equal(FakeWebSocket.all.length, count);
  assert.equal(pageListeners(), 0);
  assert.equal(socket.state, "closed");
}

test("disconnect() leaves nothing behind, in any state", () => {
  const { options } = fakeOptions();
  /** @type {((socket: MissionWebSocket) => void)[]} */
  const situations = [
    () => {},
    (socket) => socket.connect(),
    (socket) => {
      socket.connect();
      FakeWebSocket.last.receive(hello("mission:a", 3));
    },
    (socket) => {
      socket.connect();
      const heads = { "mission:a": 9 };
      FakeWebSocket.last.receive(hello("mission:a", 0), { type: "ping", timestamp: "", heads });
    },
    (socket) => {
      socket.connect();
      FakeWebSocket.last.lose(1006);
      assert.equal(socket.state, "retrying");
      assert.equal(pageListeners(), 2);
    },
    (socket) => {
      socket.connect();
      FakeWebSocket.last.lose(4404);
    },
  ];
  for (const arrange of situations) {
    const socket = new MissionWebSocket(null, options);
    arrange(socket);
    socket.disconnect();
    assertOver(socket);
  }
});

test("disconnect() closes the connection and reports nothing more from it", () => {
  const { options } = fakeOptions();
  const run = new RunWebSocket("r1", null, options);
  /** @type {string[]} */
  const seen = [];
  run.subscribe(({ type }) => seen.push(type));
  run.onStateChange(({ state }) => seen.push(state));
  run.connect();
  const socket = FakeWebSocket.last;
  socket.receive(hello("run:r1", 0));
  run.disconnect();
  run.disconnect();
  assert.equal(socket.closedWith, 1000);
  socket.receive({ type: "boot", seq: 1, crew_id: "c1", run_id: "r1" });
  socket.lose(1006);
  assert.deepEqual(seen, ["connecting", "live", "closed"]);
  assertOver(run);
});

test("a listener may disconnect in the middle of a frame, or of a state change", () => {
  const { options } = fakeOptions();
  const run = new RunWebSocket("r1", null, options);
  run.subscribe(() => run.disconnect());
  run.connect();
  FakeWebSocket.last.receive(hello("run:r1", 1));
  FakeWebSocket.last.receive({ type: "boot", seq: 1, crew_id: "c1", run_id: "r1" });
  assertOver(run);

  const graph = new GraphWebSocket("c1", null, options);
  graph.onStateChange(({ state }) => state === "connecting" && graph.disconnect());
  const count = FakeWebSocket.all.length;
  graph.connect();
  assert.equal(FakeWebSocket.all.length, count);
  assertOver(graph);
});

test("connect() after disconnect() serves the same subscribers, from where they were", () => {
  const { options } = fakeOptions();
  const run = new RunWebSocket("r1", null, options);
  /** @type {unknown[]} */
  const seen = [];
  run.subscribe((message) => "seq" in message && seen.push(message.seq));
  run.connect();
  FakeWebSocket.last.receive(hello("run:r1", 0));
  FakeWebSocket.last.receive({ type: "boot", seq: 1, crew_id: "c1", run_id: "r1" });
  run.disconnect();
  run.connect();
  assert.match(FakeWebSocket.last.url, /since=1/);
  FakeWebSocket.last.receive(hello("run:r1", 2));
  FakeWebSocket.last.receive({ type: "task_start", seq: 2, crew_id: "c1", run_id: "r1" });
  assert.deepEqual(seen, [1, 2]);
  run.disconnect();
});

test("an aborted signal ends the socket for good", () => {
  const { options } = fakeOptions();
  const component = new AbortController();
  const graph = new GraphWebSocket("c1", null, { ...options, signal: component.signal });
  /** @type {string[]} */
  const states = [];
  graph.onStateChange(({ state }) => states.push(state));
  graph.connect();
  FakeWebSocket.last.receive(hello("graph:c1", 0));
  component.abort();
  assert.deepEqual(states, ["connecting", "live", "closed"]);
  assertOver(graph);
  graph.connect();
  graph.reconnect();
  assertOver(graph);
});

test("a socket that has ended is not kept by its signal", () => {
  const { options } = fakeOptions();
  const { signal } = new AbortController();
  const graph = new GraphWebSocket("c1", null, { ...options, signal });
  graph.connect();
  assert.equal(getEventListeners(signal, "abort").length, 1);
  graph.disconnect();
  assert.equal(getEventListeners(signal, "abort").length, 0);
});

test("a signal aborted before lets nothing connect", () => {
  const { options } = fakeOptions();
  const run = new RunWebSocket("r1", null, { ...options, signal: AbortSignal.abort() });
  run.connect();
  assert.equal(FakeWebSocket.all.length, 0);
});

test("the network's or the reader's return ends the wait", () => {
  for (const name of PAGE_EVENTS) {
    const { options } = fakeOptions();
    const run = new RunWebSocket("r1", null, options);
    run.connect();
    FakeWebSocket.last.lose(1006);
    page.dispatchEvent(new Event(name));
    assert.equal(FakeWebSocket.all.length, 2);
    mock.timers.tick(2000);
    assert.equal(FakeWebSocket.all.length, 2);
    run.disconnect();
  }
});

test("a socket that was disconnected and connected again listens to the page again", () => {
  const { options } = fakeOptions();
  const run = new RunWebSocket("r1", null, options);
  run.connect();
  run.disconnect();
  run.connect();
  FakeWebSocket.last.lose(1006);
  page.dispatchEvent(new Event("online"));
  assert.equal(FakeWebSocket.all.length, 3);
  run.disconnect();
});

test("the reader's leaving ends no wait", () => {
  const { options } = fakeOptions();
  const run = new RunWebSocket("r1", null, options);
  run.connect();
  FakeWebSocket.last.lose(1006);
  define("document", { visibilityState: "hidden" });
  page.dispatchEvent(new Event("visibilitychange"));
  assert.equal(FakeWebSocket.all.length, 1);
  run.disconnect();
});

test("a return disturbs neither an open connection nor an overloaded server", () => {
  const { options } = fakeOptions();
  const mission = new MissionWebSocket(null, options);
  mission.connect();
  FakeWebSocket.last.receive(hello("mission:a", 0));
  page.dispatchEvent(new Event("online"));
  FakeWebSocket.last.lose(4429);
  page.dispatchEvent(new Event("online"));
  assert.equal(FakeWebSocket.all.length, 1);
  assert.equal(mission.state, "retrying");
  mission.disconnect();
});
