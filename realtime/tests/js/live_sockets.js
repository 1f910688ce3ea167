import { mock } from "node:test";

import { LiveConnection } from "../../static/realtime/live_connection.js";
import { RunWebSocket } from "../../static/realtime/websocket.js";
import { fakeOptions } from "./fake_websocket.js";

/** A connection to the test, and a maker of sockets on it. @param {any} [token] */
export function connected(token) {
  const { options } = fakeOptions();
  const live = new LiveConnection(token, options);
  /** @type {any} */
  const on = { url: "ws://server", log: null, WebSocket: live.WebSocket, autoReconnect: true };
  /** @param {string} id */
  const run = (id) => {
    const socket = new RunWebSocket(id, null, on);
    /** @type {number[]} */
    const seen = [];
    socket.subscribe((message) => {
      if (message.type === "reset") seen.length = 0;
      else if ("seq" in message) seen.push(message.seq);
    });
    return { socket, seen };
  };
  return { live, on, run };
}

/** Lets the connection dial, and send what it has to. */
export function soon() {
  mock.timers.tick(300);
}

/** @param {string} id @param {number} seq */
export function event(id, seq) {
  return { type: "task_start", stream: `run:${id}`, run_id: id, crew_id: "c", seq };
}
