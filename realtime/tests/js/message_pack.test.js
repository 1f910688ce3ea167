import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import * as msgpack from "@msgpack/msgpack";

import { RunWebSocket } from "../../static/realtime/websocket.js";
import { FakeWebSocket, fakeOptions, hello, stopTime } from "./fake_websocket.js";

const STREAM = "run:r1";
const PACKED = "crewops.msgpack";

beforeEach(stopTime);
afterEach(() => mock.timers.reset());

/** @param {string | null} token @param {string} [selected]  by the server */
function connectedRun(token, selected) {
  const { options, lines } = fakeOptions();
  const run = new RunWebSocket("r1", token, { ...options, msgpack });
  /** @type {any[]} */
  const seen = [];
  run.subscribe((message) => seen.push(message));
  run.connect();
  const socket = FakeWebSocket.last;
  socket.protocol = selected;
  return { run, seen, lines, socket };
}

/** @param {object} frame  as the server packs it */
function binary(frame) {
  return { data: msgpack.encode(frame).slice().buffer };
}

const EVENT = { type: "tool_progress", seq: 1, crew_id: "c1", run_id: "r1", message: "" };

test("the subprotocol is offered after the token", () => {
  assert.deepEqual(connectedRun("j.w.t").socket.protocols, ["token", "j.w.t", PACKED]);
  assert.deepEqual(connectedRun(null).socket.protocols, [PACKED]);
  assert.equal(FakeWebSocket.last.binaryType, "arraybuffer");
});

test("frames are unpacked, and output is text as in JSON", () => {
  const { run, seen, socket } = connectedRun("j.w.t", PACKED);
  socket.readyState = 1;
  socket.onmessage?.(binary(hello(STREAM, 1)));
  const output = "\ufeffé🦀\u001b[31m\r\n";
  socket.onmessage?.(binary({ ...EVENT, output: new TextEncoder().encode(output) }));
  assert.deepEqual(seen, [{ ...EVENT, output }]);
  assert.equal(run.state, "live");
});

test("the client's frames are packed", () => {
  const { socket } = connectedRun("j.w.t", PACKED);
  /** @type {any[]} */
  const sent = [];
  socket.send = (data) => sent.push(msgpack.decode(/** @type {any} */ (data)));
  socket.readyState = 1;
  socket.onmessage?.(binary(hello(STREAM, 0)));
  socket.onmessage?.(binary({ type: "ping", timestamp: "", heads: {} }));
  assert.deepEqual(sent, [{ type: "pong" }]);
});

test("a server that selects the token alone gets JSON", () => {
  const { seen, socket } = connectedRun("j.w.t", "token");
  socket.receive(hello(STREAM, 1), { ...EVENT, output: "x" });
  socket.receive({ type: "ping", timestamp: "", heads: {} });
  assert.deepEqual(seen, [{ ...EVENT, output: "x" }]);
  assert.deepEqual(socket.sent, [{ type: "pong" }]);
});

test("what is no MessagePack is logged and ignored", () => {
  const { seen, lines, socket } = connectedRun("j.w.t", PACKED);
  socket.readyState = 1;
  socket.onmessage?.({ data: new Uint8Array([0xc1]).buffer });
  socket.onmessage?.(binary([1]));
  assert.deepEqual(seen, []);
  assert.equal(lines.length, 2);
});
