import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { baseUrl } from "../../static/realtime/endpoint.js";
import { GraphWebSocket, MissionWebSocket, RunWebSocket } from "../../static/realtime/websocket.js";
import { FakeWebSocket, fakeOptions } from "./fake_websocket.js";

/** @param {object | undefined} location */
function setLocation(location) {
  Object.defineProperty(globalThis, "location", { value: location, configurable: true });
}

afterEach(() => {
  Reflect.deleteProperty(globalThis, "location");
});

test("the given address wins over the page's", () => {
  setLocation({ origin: "https://page" });
  assert.equal(baseUrl("wss://server"), "wss://server");
});

test("http addresses become sockets of the same security", () => {
  assert.equal(baseUrl("http://server:8000"), "ws://server:8000");
  assert.equal(baseUrl("https://server"), "wss://server");
  assert.equal(baseUrl(new URL("https://server")), "wss://server");
});

test("a path is a prefix, query and trailing slash are not part of it", () => {
  assert.equal(baseUrl("wss://server/crewops/"), "wss://server/crewops");
  assert.equal(baseUrl("wss://server/?x=1#y"), "wss://server");
});

test("the page's own origin serves when none is given", () => {
  setLocation({ origin: "https://page:8443" });
  assert.equal(baseUrl(), "wss://page:8443");
  setLocation({ origin: "http://page" });
  assert.equal(baseUrl(""), "ws://page");
});

test("without any address the error says what to pass", () => {
  assert.throws(() => baseUrl(), /options\.url.*VITE_WS_URL/);
  setLocation({ origin: "null" });
  assert.throws(() => baseUrl(), /options\.url/);
});

test("another scheme and no URL at all are refused", () => {
  assert.throws(() => baseUrl("ftp://server"), /"ftp:\/\/server".*ws:\/\//);
  assert.throws(() => baseUrl("server"), /Not a server address: "server"/);
});

test("each class knows its endpoint, and encodes what it is given", () => {
  const { options } = fakeOptions();
  new RunWebSocket("7f3e/../x", null, options).connect();
  assert.equal(FakeWebSocket.last.url, "ws://server/ws/runs/7f3e%2F..%2Fx");
  new MissionWebSocket(null, options).connect();
  assert.equal(FakeWebSocket.last.url, "ws://server/ws/mission");
  new GraphWebSocket("c&1", null, options).connect();
  assert.equal(FakeWebSocket.last.url, "ws://server/ws/graph?crew_id=c%261");
  new GraphWebSocket(null, null, { ...options, url: "https://server/prefix" }).connect();
  assert.equal(FakeWebSocket.last.url, "wss://server/prefix/ws/graph");
  for (const { onclose } of FakeWebSocket.all) onclose?.({ code: 1000, reason: "" });
});

test("a run's socket without a run is refused", () => {
  assert.throws(() => new RunWebSocket("", null, fakeOptions().options), /id of a run/);
});

test("without any WebSocket the error says what to pass", () => {
  const { options } = fakeOptions();
  const given = Object.getOwnPropertyDescriptor(globalThis, "WebSocket");
  Reflect.deleteProperty(globalThis, "WebSocket");
  try {
    assert.throws(
      () => new RunWebSocket("r1", null, { ...options, WebSocket: undefined }),
      /options\.WebSocket/,
    );
  } finally {
    if (given) Object.defineProperty(globalThis, "WebSocket", given);
  }
});
