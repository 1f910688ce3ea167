import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { WorkerConnection } from "../../static/realtime/worker_connection.js";
import { WorkerTab } from "../../static/realtime/worker_tab.js";
import { stopTime } from "./fake_websocket.js";

/** @import {LiveConnection} from "../../static/realtime/live_connection.js"; */
/** @import {Loss} from "../../static/realtime/connection.js"; */

// What a browser has, without locks.
const PAGE = { navigator: {}, addEventListener: () => {}, SharedWorker: undefined };
const NODE = Object.keys(PAGE).map((name) => ({
  name,
  own: Object.getOwnPropertyDescriptor(globalThis, name),
}));

beforeEach(() => {
  stopTime();
  for (const [name, value] of Object.entries(PAGE))
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
});
afterEach(() => {
  mock.timers.reset();
  for (const { name, own } of NODE) {
    Reflect.deleteProperty(globalThis, name);
    if (own) Object.defineProperty(globalThis, name, own);
  }
});

/** A page whose worker has not started yet. `sent`: what waits for the worker. */
function page() {
  /** @type {any[]} */
  const sent = [];
  const port = {
    /** @type {((event: object) => void) | undefined} */
    onmessage: undefined,
    isClosed: false,
    postMessage(/** @type {object} */ message) {
      if (!port.isClosed) sent.push(structuredClone(message));
    },
    close() {
      port.isClosed = true;
    },
  };
  class SharedWorker {
    port = port;
  }
  Object.assign(globalThis, { SharedWorker });
  /** @type {boolean[]} */
  const ends = [];
  const connection = new WorkerConnection("tag", (isUsable) => void ends.push(isUsable));
  /** @type {Loss[]} */
  const losses = [];
  connection.follow("run:r1", { receive() {}, end: (loss) => void losses.push(loss) });
  return { port, sent, ends, losses };
}

test("a page that gives up on a slow worker leaves no stream to it", () => {
  const { sent, ends, losses } = page();
  mock.timers.tick(10_000);
  assert.deepEqual(ends, [false]);
  assert.deepEqual(losses, [{ code: 1006, reason: "the worker has ended" }]);
  let followed = 0;
  const shared = {
    follow() {
      followed += 1;
      return () => {
        followed -= 1;
      };
    },
  };
  const live = /** @type {LiveConnection} */ (/** @type {unknown} */ (shared));
  const tab = new WorkerTab(live, () => {});
  for (const message of sent) if (message.type !== "alive") tab.receive(message);
  assert.ok(sent.some(({ type }) => type === "open"));
  assert.equal(followed, 0);
});

test("the end of a stream reaches the page as the worker's connection has it", () => {
  const { port, losses } = page();
  port.onmessage?.({ data: { type: "end", id: 1, reason: "SecurityError", impossible: true } });
  assert.deepEqual(losses, [{ code: undefined, reason: "SecurityError", impossible: true }]);
});
