import assert from "node:assert/strict";
import { test } from "node:test";

import { codePoints, skip } from "../../static/realtime/pages/code_points.js";
import { OutputFeed } from "../../static/realtime/pages/output_feed.js";

test("lengths and places count code points, as the server does", () => {
  assert.equal(codePoints("a🚀ñ"), 3);
  assert.equal(codePoints(""), 0);
  assert.equal(skip("a🚀ñb", 2), "ñb");
  assert.equal(skip("ab", 5), "");
});

/**
 * A feed whose server has `whole`, and what it shows.
 * @param {string} whole
 * @param {{most?: number}} [options]
 */
function feedOf(whole, { most = Infinity } = {}) {
  const state = { text: "", asked: /** @type {number[]} */ ([]), restarts: 0, whole, down: false };
  const screen = {
    append: (/** @type {string} */ text) => void (state.text += text),
    restart: () => {
      state.restarts += 1;
      state.text = "";
    },
  };
  const feed = new OutputFeed(screen, async (from) => {
    state.asked.push(from);
    await undefined;
    if (state.down) return undefined;
    const points = [...state.whole];
    const begin = Math.max(from, points.length - most);
    return { begin, end: points.length, text: points.slice(begin).join("") };
  });
  return { feed, state };
}

const settled = () => new Promise((resolve) => setTimeout(resolve));

test("what was printed before the socket opened is fetched, and joined exactly", async () => {
  const { feed, state } = feedOf("añ🚀b");
  feed.receive(4, "ç🚀");
  assert.equal(state.text, "");
  await settled();
  assert.equal(state.text, "añ🚀bç🚀");
  assert.deepEqual(state.asked, [0]);
});

test("chunks in a row are shown at once and nothing is fetched", () => {
  const { feed, state } = feedOf("");
  feed.receive(0, "a🚀");
  feed.receive(2, "b");
  assert.equal(state.text, "a🚀b");
  assert.deepEqual(state.asked, []);
});

test("a chunk seen twice, or in part, is shown once", async () => {
  const { feed, state } = feedOf("a🚀bcd");
  feed.reach(5);
  await settled();
  feed.receive(1, "🚀b");
  feed.receive(3, "cdef");
  assert.equal(state.text, "a🚀bcdef");
});

test("a hole between two chunks is filled before the second is shown", async () => {
  const { feed, state } = feedOf("abcdef");
  feed.receive(0, "ab");
  feed.receive(4, "ef");
  feed.receive(6, "gh");
  assert.equal(state.text, "ab");
  await settled();
  assert.equal(state.text, "abcdefgh");
  assert.deepEqual(state.asked, [2]);
});

test("of a long output the end is shown, and what follows it", async () => {
  const { feed, state } = feedOf("0123456789", { most: 4 });
  feed.reach(10);
  await settled();
  assert.equal(state.text, "6789");
  assert.equal(state.restarts, 1);
  feed.receive(10, "ab");
  assert.equal(state.text, "6789ab");
});

test("without a connection it asks again when it is asked again, not for ever", async () => {
  const { feed, state } = feedOf("abc");
  state.down = true;
  feed.receive(3, "d");
  await settled();
  assert.deepEqual(state.asked, [0]);
  state.down = false;
  feed.reach(4);
  await settled();
  assert.equal(state.text, "abcd");
});

test("an output is done when all that is known of it is shown", async () => {
  const { feed, state } = feedOf("abc");
  feed.reach(3);
  assert.equal(feed.isDone, false);
  await settled();
  assert.equal(feed.isDone, true);
  assert.equal(state.text, "abc");
  feed.receive(5, "x");
  assert.equal(feed.isDone, false);
});
