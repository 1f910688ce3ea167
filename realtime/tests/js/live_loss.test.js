import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { LiveConnection } from "../../static/realtime/live_connection.js";
import { GraphWebSocket, RunWebSocket } from "../../static/realtime/websocket.js";
import { FakeWebSocket, fakeOptions, hello, settled, stopTime, WELCOME } from "./fake_websocket.js";
import { connected, soon } from "./live_sockets.js";

/** @import {StateChange} from "../../static/realtime/options.js"; */

beforeEach(stopTime);
afterEach(() => mock.timers.reset());

/** The graph of a crew, which waits for `reconnect()` after a loss. @param {any} token */
async function graph(token) {
  const { options } = fakeOptions();
  const live = new LiveConnection(token, options);
  /** @type {object[]} */
  const refusals = [];
  /** @type {string[]} */
  const states = [];
  const socket = new GraphWebSocket("c", null, {
    ...{ url: "ws://server", log: null, WebSocket: live.WebSocket },
    onAuthFailed: (refusal) => void refusals.push(refusal),
  });
  socket.onStateChange(({ state }) => void states.push(state));
  socket.connect();
  await dialled();
  return { socket, refusals, states };
}

/** Without a pause, but for the time of a token. */
async function dialled() {
  for (let turn = 0; turn < 3; turn++) {
    mock.timers.tick(0);
    await settled();
  }
}

/** A token function, and what it was asked. */
function tokens() {
  /** @type {boolean[]} */
  const asked = [];
  const token = async (/** @type {{renew: boolean}} */ { renew }) => {
    asked.push(renew);
    return renew ? "fresh" : "stale";
  };
  return { asked, token };
}

test("after a 4401 that a new token cures, sockets of any policy connect again", async () => {
  const { asked, token } = tokens();
  const { socket, states, refusals } = await graph(token);
  FakeWebSocket.last.lose(4401, "The token has expired.");
  await dialled();
  FakeWebSocket.last.receive(WELCOME, hello("graph:c", 0));
  assert.deepEqual(FakeWebSocket.last.protocols, ["token", "fresh"]);
  assert.deepEqual(states, ["connecting", "live"]);
  assert.deepEqual(asked, [false, true]);
  mock.timers.tick(6_000);
  FakeWebSocket.last.lose(4401, "The token has expired.");
  await dialled();
  FakeWebSocket.last.receive(WELCOME, hello("graph:c", 0));
  assert.equal(socket.state, "live", "a later token may be renewed, too");
  assert.deepEqual(refusals, []);
});

test("a new token that is refused as well ends the sockets, which ask for a login", async () => {
  const { asked, token } = tokens();
  const { socket, refusals } = await graph(token);
  FakeWebSocket.last.lose(4401, "The token has expired.");
  await dialled();
  FakeWebSocket.last.receive(WELCOME, hello("graph:c", 0));
  FakeWebSocket.last.lose(4401, "The user was deactivated.");
  await dialled();
  assert.equal(socket.state, "failed");
  assert.deepEqual(refusals, [{ code: 4401, reason: "The user was deactivated." }]);
  assert.deepEqual(asked, [false, true]);
  socket.connect();
  await dialled();
  assert.deepEqual(asked, [false, true, false], "a login may have helped");
});

test("a token function that refuses ends the sockets, which ask for a login", async () => {
  const refused = Object.assign(new Error("The password was changed."), { refused: true });
  const { socket, refusals } = await graph(() => Promise.reject(refused));
  await dialled();
  assert.equal(socket.state, "failed");
  assert.deepEqual(refusals, [{ code: 4401, reason: "The password was changed." }]);
});

test("a token that is not valid yet is not renewed", async () => {
  const { asked, token } = tokens();
  const { socket, refusals } = await graph(token);
  FakeWebSocket.last.lose(4401, "The token is not valid yet: compare the clocks.");
  await dialled();
  assert.equal(socket.state, "disconnected", "as after any loss");
  assert.deepEqual([asked, refusals], [[false], []]);
});

test("a connection that cannot be made ends its sockets with the reason", () => {
  const { options } = fakeOptions();
  let made = 0;
  class Insecure {
    constructor() {
      made += 1;
      throw new DOMException("An insecure WebSocket may not be used here.", "SecurityError");
    }
  }
  const live = new LiveConnection("t", { ...options, WebSocket: /** @type {any} */ (Insecure) });
  const on = { url: "ws://server", log: null, WebSocket: live.WebSocket, autoReconnect: true };
  const socket = new RunWebSocket("r1", null, on);
  /** @type {StateChange[]} */
  const changes = [];
  socket.onStateChange((change) => void changes.push(change));
  socket.connect();
  for (let second = 0; second < 60; second++) mock.timers.tick(1_000);
  assert.equal(made, 1);
  const { state, code, reason } = changes[changes.length - 1];
  assert.deepEqual([state, code], ["failed", undefined]);
  assert.match(reason ?? "", /SecurityError: An insecure WebSocket/);
});

test("after a restart of the server many sockets connect as late as one", (t) => {
  const { run } = connected("t");
  const sockets = Array.from({ length: 20 }, (_, number) => run(`r${number}`).socket);
  for (const socket of sockets) socket.connect();
  soon();
  FakeWebSocket.last.receive(WELCOME);
  // The connection's own time is half of eight seconds. The sockets come back earlier.
  const random = t.mock.method(Math, "random", () => 0);
  random.mock.mockImplementationOnce(() => 0.5);
  FakeWebSocket.last.lose(1012, "The server restarts.");
  mock.timers.tick(3_999);
  assert.equal(FakeWebSocket.all.length, 1);
  mock.timers.tick(1);
  assert.equal(FakeWebSocket.all.length, 2);
  FakeWebSocket.last.receive(WELCOME);
  assert.equal(FakeWebSocket.last.sent[0].streams.length, 20);
});
