import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import * as msgpack from "@msgpack/msgpack";

import { LiveConnection } from "../../static/realtime/live_connection.js";
import { streamOf } from "../../static/realtime/stream_socket.js";
import { GraphWebSocket, MissionWebSocket, RunWebSocket } from "../../static/realtime/websocket.js";
import { FakeWebSocket, fakeOptions, hello, settled, stopTime, WELCOME } from "./fake_websocket.js";
import { jwt } from "./jwt.js";
import { connected, event, soon } from "./live_sockets.js";

beforeEach(stopTime);
afterEach(() => mock.timers.reset());

test("sockets share one connection and get their own streams", () => {
  const { on, run } = connected();
  const first = run("r1");
  const mission = new MissionWebSocket(null, on);
  /** @type {string[]} */
  const statuses = [];
  mission.subscribe((message) => {
    if (message.type === "signal") statuses.push(message.payload.status);
  });
  first.socket.connect();
  mission.connect();
  soon();
  assert.equal(FakeWebSocket.all.length, 1);
  const wire = FakeWebSocket.last;
  assert.equal(wire.url, "ws://server/ws/live");
  wire.receive(WELCOME);
  assert.deepEqual(wire.sent, [
    { type: "subscribe", streams: [{ stream: "run:r1" }, { stream: "mission" }] },
  ]);
  wire.receive(hello("run:r1", 1), hello("mission:c", 5), event("r1", 1));
  const signal = { type: "signal", stream: "mission:c", crew_id: "c", seq: 5 };
  wire.receive({ ...signal, payload: { status: "busy", crewId: "c" } });
  assert.deepEqual(first.seen, [1]);
  assert.deepEqual(statuses, ["busy"]);
  assert.equal(first.socket.state, "live");
  assert.equal(mission.state, "live");
});

test("sockets without an address have the server of their connection", () => {
  const { options } = fakeOptions();
  const live = new LiveConnection("j.w.t", { ...options, url: "https://server/prefix" });
  // There is no page whose origin they could have.
  new RunWebSocket("r1", null, { WebSocket: live.WebSocket, log: null }).connect();
  soon();
  assert.equal(FakeWebSocket.last.url, "wss://server/prefix/ws/live");
  FakeWebSocket.last.receive(WELCOME);
  assert.deepEqual(FakeWebSocket.last.sent, [
    { type: "subscribe", streams: [{ stream: "run:r1" }] },
  ]);
});

test("after a loss each stream resumes where it was", () => {
  const { run } = connected();
  const [one, other] = [run("r1"), run("r2")];
  one.socket.connect();
  other.socket.connect();
  soon();
  FakeWebSocket.last.receive(WELCOME, hello("run:r1", 2), hello("run:r2", 1, "e2"));
  FakeWebSocket.last.receive(event("r1", 1), event("r1", 2), event("r2", 1));
  FakeWebSocket.last.lose(1006);
  assert.equal(one.socket.state, "retrying");
  mock.timers.tick(1000);
  assert.equal(FakeWebSocket.all.length, 2);
  FakeWebSocket.last.receive(WELCOME);
  soon();
  const wanted = FakeWebSocket.last.sent.flatMap((frame) => frame.streams);
  assert.deepEqual(
    Object.fromEntries(wanted.map(({ stream, ...position }) => [stream, position])),
    { "run:r1": { since: 2, epoch: "e1" }, "run:r2": { since: 1, epoch: "e2" } },
  );
});

test("a stream that ends or is refused ends no other", () => {
  const { run } = connected();
  const [complete, refused, live] = [run("r1"), run("r2"), run("r3")];
  for (const { socket } of [complete, refused, live]) socket.connect();
  soon();
  FakeWebSocket.last.receive(WELCOME, hello("run:r1", 0), hello("run:r3", 0));
  FakeWebSocket.last.receive(
    { type: "close", stream: "run:r1", code: 1000, reason: "The run is complete." },
    { type: "close", stream: "run:r2", code: 4404, reason: "Not found." },
    event("r3", 1),
  );
  assert.equal(complete.socket.state, "closed");
  assert.equal(refused.socket.state, "failed");
  assert.deepEqual(live.seen, [1]);
});

test("another follower gets the whole stream, and the first nothing again", async () => {
  const { run } = connected();
  const [first, second] = [run("r1"), run("r1")];
  first.socket.connect();
  soon();
  const wire = FakeWebSocket.last;
  wire.receive(WELCOME, hello("run:r1", 2), event("r1", 1), event("r1", 2));
  second.socket.connect();
  soon();
  assert.deepEqual(wire.sent.slice(1), [
    { type: "unsubscribe", streams: ["run:r1"] },
    { type: "subscribe", streams: [{ stream: "run:r1" }] },
  ]);
  wire.receive(event("r1", 3)); // on its way meanwhile
  wire.receive({ type: "unsubscribed", stream: "run:r1" }, hello("run:r1", 3));
  wire.receive(...[1, 2, 3, 4].map((seq) => event("r1", seq)));
  assert.deepEqual(first.seen, [1, 2, 3, 4]);
  assert.deepEqual(second.seen, [1, 2, 3, 4]);
  assert.equal(second.socket.state, "live");
});

test("who comes back where the stream is costs no frame", async () => {
  const { run } = connected();
  const [first, second] = [run("r1"), run("r1")];
  first.socket.connect();
  second.socket.connect();
  soon();
  const wire = FakeWebSocket.last;
  wire.receive(WELCOME, hello("run:r1", 1), event("r1", 1));
  const { length } = wire.sent;
  second.socket.reconnect();
  await settled();
  soon();
  assert.equal(wire.sent.length, length);
  assert.equal(second.socket.state, "live");
  wire.receive(event("r1", 2));
  assert.deepEqual(second.seen, [1, 2]);
});

test("the graph's snapshot goes to who has just come, and to others only if they lack it", () => {
  const { on } = connected();
  const graphs = [1, 2].map(() => new GraphWebSocket("c", null, on));
  const seen = graphs.map((graph) => {
    /** @type {string[]} */
    const types = [];
    graph.subscribe(({ type }) => types.push(type));
    return types;
  });
  graphs[0].connect();
  soon();
  const wire = FakeWebSocket.last;
  const snapshot = { type: "snapshot", stream: "graph:c", seq: 4, agents: [], executions: [] };
  wire.receive(WELCOME, hello("graph:c", 4), snapshot);
  graphs[1].connect();
  soon();
  wire.receive({ type: "unsubscribed", stream: "graph:c" }, hello("graph:c", 4), snapshot);
  assert.deepEqual(seen, [["snapshot"], ["snapshot"]]);
  graphs[1].reconnect();
  soon();
  const newer = { ...snapshot, seq: 6 }; // events 5 and 6 came while nothing was subscribed
  wire.receive({ type: "unsubscribed", stream: "graph:c" }, hello("graph:c", 6), newer);
  assert.deepEqual(seen, [
    ["snapshot", "snapshot"],
    ["snapshot", "snapshot"],
  ]);
});

test("a stream that nobody follows is unsubscribed, and then the connection closes", () => {
  const { run } = connected();
  const { socket } = run("r1");
  socket.connect();
  soon();
  const wire = FakeWebSocket.last;
  wire.receive(WELCOME, hello("run:r1", 0));
  socket.disconnect();
  soon();
  assert.deepEqual(wire.sent.at(-1), { type: "unsubscribe", streams: ["run:r1"] });
  wire.receive({ type: "unsubscribed", stream: "run:r1" });
  assert.equal(wire.closedWith, undefined);
  mock.timers.tick(6000);
  assert.equal(wire.closedWith, 1000);
  socket.connect();
  soon();
  assert.notEqual(FakeWebSocket.last, wire);
});

test("a heartbeat reaches each socket with its own heads", () => {
  const { run } = connected();
  const [one, other] = [run("r1"), run("r2")];
  one.socket.connect();
  other.socket.connect();
  soon();
  const wire = FakeWebSocket.last;
  wire.receive(WELCOME, hello("run:r1", 0), hello("run:r2", 0));
  wire.receive({ type: "ping", timestamp: "", heads: { "run:r1": 1, "run:r2": 0 } });
  assert.deepEqual(wire.sent.at(-1), { type: "pong" });
  assert.equal(one.socket.state, "catching_up");
  assert.equal(other.socket.state, "live");
});

test("a refused token is replaced once", async () => {
  /** @type {boolean[]} */
  const asked = [];
  const { run } = connected((/** @type {{renew: boolean}} */ { renew }) => {
    asked.push(renew);
    return jwt({ exp: Date.now() / 1000 + 900 });
  });
  const { socket } = run("r1");
  socket.connect();
  for (let attempt = 0; attempt < 2; attempt++) {
    for (let pause = 0; pause < 3; pause++) mock.timers.tick(3000);
    await settled();
    FakeWebSocket.last.lose(4401, "The token is not valid.");
  }
  assert.deepEqual(asked, [false, true]);
  assert.equal(socket.state, "failed");
});

test("the end of a session fails every socket", () => {
  const { run } = connected();
  const sockets = ["r1", "r2"].map((id) => run(id).socket);
  for (const socket of sockets) socket.connect();
  soon();
  FakeWebSocket.last.receive(WELCOME, hello("run:r1", 0));
  FakeWebSocket.last.lose(4401, "Sign in.");
  assert.deepEqual(
    sockets.map(({ state }) => state),
    ["failed", "failed"],
  );
  mock.timers.tick(60_000);
  assert.equal(FakeWebSocket.all.length, 1);
});

test("addresses of sockets are names of streams", () => {
  assert.equal(streamOf("ws://s/ws/runs/R1?since=1"), "run:r1");
  assert.equal(streamOf("ws://s/prefix/ws/graph?crew_id=C"), "graph:c");
  assert.equal(streamOf("ws://s/ws/graph/c/"), "graph:c");
  assert.equal(streamOf("ws://s/ws/graph"), "graph");
  assert.equal(streamOf("ws://s/ws/mission"), "mission");
  assert.equal(streamOf("ws://s/ws/metrics"), "metrics");
  assert.equal(streamOf("ws://s/ws/metrics?organization=My-Org"), "metrics:My-Org");
  assert.throws(() => streamOf("ws://s/ws/live"), TypeError);
});

test("with MessagePack, sockets on the connection get the same frames", () => {
  const { options } = fakeOptions();
  const live = new LiveConnection("j.w.t", { ...options, msgpack });
  const run = new RunWebSocket("r1", null, { ...options, WebSocket: live.WebSocket });
  /** @type {any[]} */
  const seen = [];
  run.subscribe((message) => seen.push(message));
  run.connect();
  soon();
  const wire = FakeWebSocket.last;
  assert.deepEqual(wire.protocols, ["token", "j.w.t", "crewops.msgpack"]);
  wire.protocol = "crewops.msgpack";
  wire.readyState = 1;
  /** @type {any[]} */
  const sent = [];
  wire.send = (data) => void sent.push(msgpack.decode(/** @type {any} */ (data)));
  const frames = [WELCOME, hello("run:r1", 1), event("r1", 1)];
  for (const frame of frames) wire.onmessage?.({ data: msgpack.encode(frame).slice().buffer });
  assert.deepEqual(sent, [{ type: "subscribe", streams: [{ stream: "run:r1" }] }]);
  assert.deepEqual(seen, [event("r1", 1)]);
});
