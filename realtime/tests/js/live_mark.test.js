import assert from "node:assert/strict";
import { test } from "node:test";

import { adviceOn, markOf } from "../../static/realtime/pages/live_mark.js";

const here = { online: true };

test("the mark claims no more than the worst socket, and finished only when it is over", () => {
  assert.equal(markOf(["live", "live"], here), "live");
  assert.equal(markOf(["live", "catching_up"], here), "catching up");
  assert.equal(markOf(["live", "connecting"], here), "connecting");
  assert.equal(markOf(["catching_up", "retrying"], here), "reconnecting");
  assert.equal(markOf(["retrying", "failed"], here), "offline");
  assert.equal(markOf(["live", "closed"], here), "live");
  assert.equal(markOf(["disconnected", "closed"], { over: true, online: true }), "finished");
});

test("after the first connection a page connects no more, it reconnects, and catches up", () => {
  const again = { online: true, wasLive: true };
  assert.equal(markOf(["live", "connecting"], again), "reconnecting");
  assert.equal(markOf(["live", "catching_up"], again), "catching up");
  assert.equal(markOf(["live", "live"], again), "live");
});

test("an open socket wins over a browser that knows of no network", () => {
  const offline = { online: false };
  assert.equal(markOf(["live", "live"], offline), "live");
  assert.equal(markOf(["live", "catching_up"], offline), "catching up");
  assert.equal(markOf(["live", "retrying"], offline), "offline");
  assert.equal(markOf(["connecting"], offline), "offline");
});

test("a limit of the server is no lost connection, and the mark says what to do", () => {
  const limited = { online: true, limited: true };
  assert.equal(markOf(["live", "retrying"], limited), "limited");
  assert.equal(markOf(["connecting"], limited), "limited");
  assert.equal(markOf(["live", "live"], limited), "live");
  assert.equal(markOf(["retrying"], { ...limited, online: false }), "offline");
  const own = adviceOn("This user has 100 sockets open. Close some of them first.");
  assert.equal(own.words, "too many connections: close some");
  assert.match(own.title, /^This user has 100 sockets open\..*tries again within a minute\.$/);
  assert.equal(adviceOn("This server is full. Try again later.").words, "server full: waiting");
  assert.equal(adviceOn("").words, "limit reached: waiting");
});
