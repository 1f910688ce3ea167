import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { MetricsWebSocket } from "../../static/realtime/pages/monitoring_socket.js";
import { FakeWebSocket, hello, stopTime, WELCOME } from "./fake_websocket.js";
import { connected, soon } from "./live_sockets.js";

beforeEach(stopTime);
afterEach(() => mock.timers.reset());

/** A page of figures on the connection. @param {any} on @param {string} [organization] */
function pageOn(on, organization = "") {
  const socket = new MetricsWebSocket(organization, on);
  /** @type {(number | undefined)[]} */
  const seen = [];
  socket.subscribe(({ figures }) => seen.push(figures?.events));
  return { socket, seen };
}

/** @param {string} stream @param {number} events */
function figuresOf(stream, events) {
  return { type: "metrics", stream, figures: { events }, latency_ms: {} };
}

/** @param {string} stream */
function greeting(stream) {
  return { ...hello(stream, 0), epoch: null };
}

test("figures of several pages come on one connection, and end without it", () => {
  const { on } = connected();
  const [all, one] = [pageOn(on), pageOn(on, "My-Org")];
  all.socket.connect();
  one.socket.connect();
  soon();
  const wire = FakeWebSocket.last;
  wire.receive(WELCOME);
  assert.deepEqual(wire.sent, [
    { type: "subscribe", streams: [{ stream: "metrics" }, { stream: "metrics:My-Org" }] },
  ]);
  wire.receive(greeting("metrics"), greeting("metrics:My-Org"));
  wire.receive(figuresOf("metrics", 1), figuresOf("metrics:My-Org", 2));
  assert.deepEqual([all.seen, one.seen], [[1], [2]]);
  assert.deepEqual([all.socket.state, one.socket.state], ["live", "live"]);
  wire.receive({ type: "close", stream: "metrics:My-Org", code: 4403, reason: "No admin." });
  assert.deepEqual([all.socket.state, one.socket.state], ["live", "failed"]);
  assert.equal(FakeWebSocket.all.length, 1);
});

test("another page with the same figures begins them again, and both get them", () => {
  const { on } = connected();
  const [first, second] = [pageOn(on), pageOn(on)];
  first.socket.connect();
  soon();
  FakeWebSocket.last.receive(WELCOME, greeting("metrics"), figuresOf("metrics", 1));
  second.socket.connect();
  soon();
  FakeWebSocket.last.receive({ type: "unsubscribed", stream: "metrics" });
  FakeWebSocket.last.receive(greeting("metrics"), figuresOf("metrics", 2));
  assert.deepEqual([first.seen, second.seen], [[1, 2], [2]]);
  assert.deepEqual([first.socket.state, second.socket.state], ["live", "live"]);
});

test("after a loss the figures come back, without a position", () => {
  const { on } = connected();
  const page = pageOn(on);
  page.socket.connect();
  soon();
  FakeWebSocket.last.receive(WELCOME, greeting("metrics"), figuresOf("metrics", 1));
  FakeWebSocket.last.lose(1006);
  mock.timers.tick(1000);
  FakeWebSocket.last.receive(WELCOME);
  soon();
  assert.deepEqual(FakeWebSocket.last.sent, [
    { type: "subscribe", streams: [{ stream: "metrics" }] },
  ]);
});
