import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { FakeWebSocket, hello, stopTime, WELCOME } from "./fake_websocket.js";
import { connected, soon } from "./live_sockets.js";

beforeEach(stopTime);
afterEach(() => mock.timers.reset());

const FRAMES_A_SECOND = 10; // the server's limit
const FRAMES_AT_ONCE = 20;

/** A connection with one stream, and the frames that it has sent. */
function open() {
  const on = connected();
  on.run("r0").socket.connect();
  soon();
  const wire = FakeWebSocket.last;
  wire.receive(WELCOME, hello("run:r0", 0));
  mock.timers.tick(1_000);
  wire.sent.length = 0;
  return { ...on, wire };
}

/** @param {any[]} sent  the streams that these frames begin, a list for each frame */
function begun(sent) {
  const frames = sent.filter(({ type }) => type === "subscribe");
  return frames.map(({ streams }) => streams.map((/** @type {any} */ { stream }) => stream));
}

test("streams that begin one after another share a frame", () => {
  const { run, wire } = open();
  run("r1").socket.connect();
  mock.timers.tick(1);
  run("r2").socket.connect();
  mock.timers.tick(10);
  assert.deepEqual(begun(wire.sent), [["run:r1", "run:r2"]]);
});

test("a stream that begins soon after another does not wait", () => {
  const { run, wire } = open();
  for (const id of ["r1", "r2", "r3"]) {
    run(id).socket.connect();
    mock.timers.tick(10);
    assert.deepEqual(begun(wire.sent).at(-1), [`run:${id}`]);
  }
});

test("many that come and go stay within the server's limit, and the last one begins", () => {
  const { run, wire } = open();
  let allowed = FRAMES_AT_ONCE;
  let seen = 0;
  for (let n = 0; n < 500; n++) {
    const { socket } = run(`r${n + 1}`);
    socket.connect();
    mock.timers.tick(20);
    if (n < 499) socket.disconnect();
    allowed = Math.min(allowed + FRAMES_A_SECOND * 0.02, FRAMES_AT_ONCE);
    allowed -= wire.sent.length - seen;
    seen = wire.sent.length;
    assert.ok(allowed >= 0, `too many frames after ${n * 20} ms`);
  }
  mock.timers.tick(1_000);
  assert.ok(begun(wire.sent).at(-1)?.includes("run:r500"));
});
