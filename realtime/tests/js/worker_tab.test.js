import assert from "node:assert/strict";
import { test } from "node:test";

import { WorkerTab } from "../../static/realtime/worker_tab.js";

/** @import {LiveConnection} from "../../static/realtime/live_connection.js"; */
/** @import {Member} from "../../static/realtime/members.js"; */

const MEGABYTE = "x".repeat(1024 * 1024);

/** A tab, its members on the connection by name, and what the page was sent. */
function opened() {
  /** @type {Map<string, Member>} */
  const members = new Map();
  const connection = {
    /** @param {string} name @param {Member} member */
    follow(name, member) {
      members.set(name, member);
      return () => void members.delete(name);
    },
  };
  /** @type {any[]} */
  const sent = [];
  const tab = new WorkerTab(
    /** @type {LiveConnection} */ (/** @type {unknown} */ (connection)),
    (message) => sent.push(message),
  );
  return { tab, members, sent };
}

test("each stream of a page gets its own frames, and leaves alone", () => {
  const { tab, members, sent } = opened();
  tab.receive({ type: "open", id: 1, name: "run:r1", since: 4, epoch: "e" });
  tab.receive({ type: "open", id: 2, name: "mission" });
  assert.equal(members.get("run:r1")?.since, 4);
  assert.equal(members.get("run:r1")?.epoch, "e");
  members.get("mission")?.receive("{}");
  assert.deepEqual(sent, [{ type: "frame", id: 2, text: "{}" }]);
  tab.receive({ type: "close", id: 1 });
  assert.deepEqual([...members.keys()], ["mission"]);
  tab.receive({ type: "bye" });
  assert.equal(members.size, 0);
});

test("the end of a stream reaches the page, and the stream may be opened again", () => {
  const { tab, members, sent } = opened();
  tab.receive({ type: "open", id: 1, name: "run:r1" });
  members.get("run:r1")?.end({ code: 4404, reason: "Not found." });
  assert.deepEqual(sent, [{ type: "end", id: 1, code: 4404, reason: "Not found." }]);
  tab.receive({ type: "open", id: 2, name: "run:r1" });
  assert.equal(members.size, 1);
});

test("a page that reads nothing loses its streams after 32 million characters", () => {
  const { tab, members, sent } = opened();
  tab.receive({ type: "open", id: 1, name: "graph:c" });
  tab.receive({ type: "open", id: 2, name: "mission" });
  for (let n = 0; n < 32; n++) members.get("graph:c")?.receive(MEGABYTE);
  assert.equal(members.size, 2);
  members.get("graph:c")?.receive("x");
  assert.equal(members.size, 0);
  const ends = sent.filter(({ type }) => type === "end");
  assert.deepEqual(
    ends.map(({ id, code }) => [id, code]),
    [
      [1, 4408],
      [2, 4408],
    ],
  );
  tab.receive({ type: "open", id: 3, name: "mission" });
  assert.equal(sent.at(-1).code, 4408);
  tab.receive({ type: "read", chars: 32 * 1024 * 1024 });
  tab.receive({ type: "open", id: 4, name: "mission" });
  assert.equal(members.size, 1);
});
