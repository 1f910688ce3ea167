import assert from "node:assert/strict";
import { test } from "node:test";

import { matches, positionText } from "../../static/realtime/pages/output_search.js";

test("words are found wherever they stand, in any case of letters, as they are written", () => {
  assert.deepEqual(matches("Error: no error\n", "error", 9), [
    [0, 5],
    [10, 15],
  ]);
  assert.deepEqual(matches("a.b axb", "a.b", 9), [[0, 3]]);
  assert.deepEqual(matches("f(x) [1] \\", "[1] \\", 9), [[5, 10]]);
  assert.deepEqual(matches("nothing", "else", 9), []);
});

test("places count in what the page's text counts in, beyond the basic plane as well", () => {
  assert.deepEqual(matches("\u{1f680} up", "UP", 9), [[3, 5]]);
  // Lower case would be longer than what stands there.
  assert.deepEqual(matches("\u0130x end", "end", 9), [[3, 6]]);
});

test("an empty search finds nothing, and no search finds more than is asked for", () => {
  assert.deepEqual(matches("abc", "", 9), []);
  assert.equal(matches("a".repeat(5_000), "a", 1_000).length, 1_000);
  assert.deepEqual(matches("aa", "a", 0), []);
});

test("the count shows the current match, that there is none, and that there are more", () => {
  assert.equal(positionText(0, 12), "1 of 12");
  assert.equal(positionText(-1, 0), "not found");
  assert.equal(positionText(2, 1_000), "3 of 1000+");
});
