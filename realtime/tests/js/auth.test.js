import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { GraphWebSocket, RunWebSocket } from "../../static/realtime/websocket.js";
import { FakeWebSocket, fakeOptions, hello, settled, stopTime } from "./fake_websocket.js";

beforeEach(stopTime);
afterEach(() => mock.timers.reset());

/** @param {import("../../static/realtime/token.js").Token | null} [token] */
function run(token) {
  const { options, lines } = fakeOptions();
  /** @type {object[]} */
  const refusals = [];
  const socket = new RunWebSocket("r1", token, {
    ...options,
    onAuthFailed: (refusal) => void refusals.push(refusal),
  });
  socket.connect();
  return { socket, refusals, lines };
}

test("a token travels as a subprotocol, never in the address", () => {
  run("j.w.t");
  assert.deepEqual(FakeWebSocket.last.protocols, ["token", "j.w.t"]);
  assert.equal(FakeWebSocket.last.url, "ws://server/ws/runs/r1");
});

test("without a token no subprotocol is offered", async () => {
  for (const none of [undefined, null, "", () => null, async () => undefined]) {
    run(none);
    await settled();
    assert.equal(FakeWebSocket.last.protocols, undefined);
  }
});

test("a function is asked for a token at every connection", async () => {
  let asked = 0;
  const { socket } = run(() => `token${(asked += 1)}`);
  await settled();
  assert.deepEqual(FakeWebSocket.last.protocols, ["token", "token1"]);
  FakeWebSocket.last.lose(1006);
  mock.timers.tick(2000);
  await settled();
  assert.deepEqual(FakeWebSocket.last.protocols, ["token", "token2"]);
  socket.disconnect();
});

test("no token to be had is a loss, not a refusal", async () => {
  const failing = [
    async () => Promise.reject(new Error("offline")),
    () => {
      throw new Error("offline");
    },
  ];
  for (const ask of failing) {
    const { socket, refusals } = run(ask);
    await settled();
    assert.equal(socket.state, "retrying");
    assert.equal(FakeWebSocket.all.length, 0);
    assert.deepEqual(refusals, []);
    socket.disconnect();
  }
});

test("a token that never comes is given up as a silent server is", () => {
  const { socket } = run(() => new Promise(() => {}));
  mock.timers.tick(20_000);
  assert.equal(socket.state, "retrying");
  socket.disconnect();
});

test("a token that comes after disconnect() connects nothing", async () => {
  const { socket } = run(async () => "late");
  socket.disconnect();
  await settled();
  assert.equal(FakeWebSocket.all.length, 0);
});

test("a refused token is replaced once, and the fresh one works", async () => {
  /** @type {boolean[]} */
  const asked = [];
  const { socket, refusals } = run(({ renew }) => {
    asked.push(renew);
    return renew ? "fresh" : "stale";
  });
  await settled();
  FakeWebSocket.last.lose(4401, "expired");
  await settled();
  assert.deepEqual(FakeWebSocket.last.protocols, ["token", "fresh"]);
  FakeWebSocket.last.receive(hello("run:r1", 0));
  assert.equal(socket.state, "live");
  assert.deepEqual(asked, [false, true]);
  assert.deepEqual(refusals, []);
  socket.disconnect();
});

test("a second refusal is final and asks for a login", async () => {
  const { socket, refusals } = run(async () => "stale");
  await settled();
  FakeWebSocket.last.lose(4401, "expired");
  await settled();
  FakeWebSocket.last.lose(4401, "still");
  await settled();
  mock.timers.tick(3_600_000);
  assert.equal(socket.state, "failed");
  assert.equal(FakeWebSocket.all.length, 2);
  assert.deepEqual(refusals, [{ code: 4401, reason: "still" }]);
});

test("a token that is not valid yet is offered again, as the server's clock is behind", async () => {
  const reason = "The token is not valid yet: set both clocks right.";
  for (const token of ["early", async () => "early"]) {
    const { socket, refusals } = run(token);
    for (const _attempt of [1, 2, 3]) {
      await settled();
      FakeWebSocket.last.lose(4401, reason);
      assert.equal(socket.state, "retrying");
      mock.timers.tick(2000);
    }
    await settled();
    FakeWebSocket.last.receive(hello("run:r1", 0));
    assert.equal(socket.state, "live");
    assert.equal(FakeWebSocket.all.length, 4);
    assert.deepEqual(refusals, []);
    socket.disconnect();
  }
});

test("a fixed token that is refused is final", () => {
  const { socket, refusals } = run("stale");
  FakeWebSocket.last.lose(4401, "expired");
  assert.equal(socket.state, "failed");
  assert.equal(refusals.length, 1);
});

test("connect() after a login asks for a token again", async () => {
  let current = "stale";
  /** @type {boolean[]} */
  const asked = [];
  const { socket } = run(async ({ renew }) => {
    asked.push(renew);
    return current;
  });
  for (const _refusal of [1, 2]) {
    await settled();
    FakeWebSocket.last.lose(4401);
  }
  assert.equal(socket.state, "failed");
  current = "fresh";
  socket.connect();
  await settled();
  assert.deepEqual(FakeWebSocket.last.protocols, ["token", "fresh"]);
  assert.deepEqual(asked, [false, true, false]);
  socket.disconnect();
});

test("a token that expires on an open socket may be refused once again", async () => {
  const { socket } = run(async () => "opaque");
  for (const _period of [1, 2, 3]) {
    await settled();
    FakeWebSocket.last.receive(hello("run:r1", 0));
    mock.timers.tick(5000);
    FakeWebSocket.last.lose(4401, "expired");
    assert.equal(socket.state, "connecting");
  }
  socket.disconnect();
});

test("greeted and refused in turn is no loop", async () => {
  const { socket } = run(async () => "opaque");
  for (const _turn of [1, 2]) {
    await settled();
    FakeWebSocket.last.receive(hello("run:r1", 0));
    FakeWebSocket.last.lose(4401);
  }
  assert.equal(socket.state, "failed");
});

test("a token that cannot be a subprotocol fails at once and says so", () => {
  const { options } = fakeOptions();
  class Strict extends FakeWebSocket {
    /**
     * @param {string} url
     * @param {string[]} [protocols]
     */
    constructor(url, protocols) {
      if (protocols?.some((protocol) => /\s/.test(protocol))) {
        throw new SyntaxError("invalid subprotocol");
      }
      super(url, protocols);
    }
  }
  const graph = new GraphWebSocket("c1", "two words", { ...options, WebSocket: Strict });
  /** @type {(string | undefined)[]} */
  const reasons = [];
  graph.onStateChange(({ reason }) => reasons.push(reason));
  graph.connect();
  assert.equal(graph.state, "failed");
  assert.equal(reasons.at(-1), "SyntaxError: invalid subprotocol");
});

test("no line of the log holds a token", async () => {
  const { socket, lines } = run(async () => "canary");
  await settled();
  FakeWebSocket.last.receive(hello("run:r1", 0));
  FakeWebSocket.last.lose(1006);
  socket.disconnect();
  assert.ok(lines.length >= 3);
  assert.doesNotMatch(lines.join("\n"), /canary/);
});
