import assert from "node:assert/strict";
import { test } from "node:test";

import { markOf } from "../../static/realtime/pages/live_mark.js";

const here = { online: true };

test("the mark claims no more than the worst socket, and finished only when it is over", () => {
  assert.equal(markOf(["live", "live"], here), "live");
  assert.equal(markOf(["live", "catching_up"], here), "catching up");
  assert.equal(markOf(["live", "connecting"], here), "connecting");
  assert.equal(markOf(["catching_up", "retrying"], here), "reconnecting");
  assert.equal(markOf(["retrying", "failed"], here), "offline");
  assert.equal(markOf(["live", "closed"], here), "live");
  assert.equal(markOf(["live", "live"], { online: false }), "offline");
  assert.equal(markOf(["disconnected", "closed"], { over: true, online: true }), "finished");
});

test("after the first connection a page connects no more, it reconnects, and catches up", () => {
  const again = { online: true, wasLive: true };
  assert.equal(markOf(["live", "connecting"], again), "reconnecting");
  assert.equal(markOf(["live", "catching_up"], again), "catching up");
  assert.equal(markOf(["live", "live"], again), "live");
});
