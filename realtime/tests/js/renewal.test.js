import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { RunWebSocket } from "../../static/realtime/websocket.js";
import { FakeWebSocket, fakeOptions, hello, settled, stopTime } from "./fake_websocket.js";
import { jwt } from "./jwt.js";

beforeEach(stopTime);
afterEach(() => mock.timers.reset());

/**
 * A token that expires so many seconds from now.
 * @param {number} seconds
 */
function token(seconds) {
  return jwt({ exp: Date.now() / 1000 + seconds });
}

/** @param {import("../../static/realtime/token.js").Token} token */
function run(token) {
  const { options, lines } = fakeOptions();
  const socket = new RunWebSocket("r1", token, options);
  socket.connect();
  return { socket, lines };
}

test("a fresh token is sent before the old one expires, again and again", async () => {
  /** @type {string[]} */
  const tokens = [];
  /** @type {boolean[]} */
  const asked = [];
  const { socket } = run(({ renew }) => {
    asked.push(renew);
    tokens.push(token(300));
    return tokens[tokens.length - 1];
  });
  await settled();
  FakeWebSocket.last.receive(hello("run:r1", 0));
  for (const renewal of [1, 2, 3]) {
    for (const ms of [80_000, 80_000, 79_999]) {
      mock.timers.tick(ms);
      FakeWebSocket.last.receive({ type: "pong" });
    }
    assert.equal(tokens.length, renewal);
    mock.timers.tick(1);
    await settled();
    const sent = FakeWebSocket.last.sent.at(-1);
    assert.deepEqual(sent, { type: "auth", token: tokens[renewal] });
    FakeWebSocket.last.receive({ type: "auth_ok", expires_at: "" });
  }
  assert.equal(socket.state, "live");
  assert.equal(FakeWebSocket.all.length, 1);
  assert.deepEqual(asked, [false, true, true, true]);
  socket.disconnect();
  mock.timers.tick(3_600_000);
  assert.equal(asked.length, 4);
});

test("a renewal that brings no token sends nothing", async () => {
  let next = /** @type {string | null} */ (token(60));
  const { socket } = run(async () => next);
  await settled();
  FakeWebSocket.last.receive(hello("run:r1", 0));
  next = null;
  mock.timers.tick(48_000);
  await settled();
  assert.deepEqual(FakeWebSocket.last.sent, []);
  socket.disconnect();
});

test("a renewal that comes after disconnect() sends nothing", async () => {
  const { socket } = run(async () => token(60));
  await settled();
  FakeWebSocket.last.receive(hello("run:r1", 0));
  mock.timers.tick(48_000);
  socket.disconnect();
  await settled();
  assert.deepEqual(FakeWebSocket.last.sent, []);
});

test("a token given by hand takes the place of the renewal that was planned", async () => {
  let asked = 0;
  const { socket } = run(async () => {
    asked += 1;
    return token(60);
  });
  await settled();
  FakeWebSocket.last.receive(hello("run:r1", 0));
  socket.authenticate(token(3600));
  FakeWebSocket.last.receive({ type: "auth_ok", expires_at: "" });
  mock.timers.tick(60_000);
  assert.equal(asked, 1);
  socket.disconnect();
});

test("no fresh token in time is logged; the socket lives on until it is refused", async () => {
  let asked = 0;
  const { socket, lines } = run(async () => {
    asked += 1;
    if (asked === 2) throw new Error("offline");
    return token(60);
  });
  await settled();
  FakeWebSocket.last.receive(hello("run:r1", 0));
  mock.timers.tick(48_000);
  await settled();
  assert.equal(lines.at(-1), "[RunWS] No fresh token");
  assert.equal(socket.state, "live");
  FakeWebSocket.last.lose(4401, "expired");
  await settled();
  FakeWebSocket.last.receive(hello("run:r1", 0));
  assert.equal(socket.state, "live");
  socket.disconnect();
});

test("a fixed token is not renewed by itself", async () => {
  const { socket } = run(token(60));
  FakeWebSocket.last.receive(hello("run:r1", 0));
  mock.timers.tick(59_000);
  await settled();
  assert.deepEqual(FakeWebSocket.last.sent, []);
  socket.disconnect();
});

test("authenticate() replaces a fixed token, now and for the next connection", () => {
  const { socket } = run("old");
  FakeWebSocket.last.receive(hello("run:r1", 0));
  socket.authenticate("new");
  assert.deepEqual(FakeWebSocket.last.sent, [{ type: "auth", token: "new" }]);
  FakeWebSocket.last.lose(1006);
  mock.timers.tick(2000);
  assert.deepEqual(FakeWebSocket.last.protocols, ["token", "new"]);
  socket.disconnect();
});

test("a token that the server accepts is renewed, though it has expired by our clock", async () => {
  let issued = 0;
  const { socket } = run(async () => {
    issued += 1;
    const now = Date.now() / 1000 - 1200;
    return jwt({ iat: now, exp: now + 100 });
  });
  await settled();
  FakeWebSocket.last.receive(hello("run:r1", 0));
  for (const renewal of [1, 2]) {
    mock.timers.tick(79_999);
    assert.equal(issued, renewal);
    mock.timers.tick(1);
    await settled();
    assert.equal(FakeWebSocket.last.sent.at(-1).type, "auth");
    FakeWebSocket.last.receive({ type: "auth_ok", expires_at: "" });
  }
  socket.disconnect();
});

test("a token whose lifetime nobody knows is not renewed by itself", async () => {
  let asked = 0;
  const { socket } = run(async () => {
    asked += 1;
    return "opaque";
  });
  await settled();
  FakeWebSocket.last.receive(hello("run:r1", 0));
  mock.timers.tick(40_000);
  await settled();
  assert.equal(asked, 1);
  socket.disconnect();
});
