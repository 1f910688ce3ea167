import assert from "node:assert/strict";
import { test } from "node:test";

import { GraphWebSocket, MissionWebSocket, RunWebSocket } from "../../static/realtime/websocket.js";
import { FakeWebSocket, fakeOptions, hello } from "./fake_websocket.js";

/** @param {import("../../static/realtime/options.js").Options["log"]} log */
function connectAll(log) {
  const options = { ...fakeOptions().options, log };
  const sockets = [
    { stream: "run:r1", socket: new RunWebSocket("r1", null, options) },
    { stream: "mission:a", socket: new MissionWebSocket(null, options) },
    { stream: "graph:c1", socket: new GraphWebSocket("c1", null, options) },
  ];
  for (const { stream, socket } of sockets) {
    socket.onStateChange(({ state }) => {
      if (state === "live") throw new Error("broken listener");
    });
    socket.connect();
    FakeWebSocket.last.receive(hello(stream, 0));
    socket.disconnect();
  }
}

test("each class logs to the console that it has connected", (t) => {
  const info = t.mock.method(console, "info", () => {});
  const error = t.mock.method(console, "error", () => {});
  connectAll(undefined);
  const lines = info.mock.calls.map((call) => call.arguments);
  for (const label of ["RunWS", "MissionWS", "GraphWS"]) {
    assert.ok(
      lines.some((line) => line.length === 1 && line[0] === `[${label}] Connected`),
      label,
    );
  }
  assert.equal(error.mock.callCount(), 3);
  assert.equal(error.mock.calls[0].arguments[0], "[RunWS] A listener failed");
  assert.match(String(error.mock.calls[0].arguments[1]), /broken listener/);
});

test("options.log takes the console's place, null and false silence it", (t) => {
  const info = t.mock.method(console, "info", () => {});
  const error = t.mock.method(console, "error", () => {});
  const log = t.mock.fn();
  connectAll(log);
  assert.equal(log.mock.calls[0].arguments[0], "[RunWS] Connected");
  connectAll(null);
  connectAll(false);
  assert.equal(info.mock.callCount() + error.mock.callCount(), 0);
});
