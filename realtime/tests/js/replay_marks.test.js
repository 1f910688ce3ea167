import assert from "node:assert/strict";
import { test } from "node:test";

import { KINDS, nextOf, placesOf } from "../../static/realtime/pages/replay_marks.js";

/** @import {Mark} from "../../static/realtime/pages/recording.js" */

/** @param {number} second */
const at = (second) => `2026-01-31T12:00:${String(second).padStart(2, "0")}.000000Z`;
const first = Date.parse(at(0));

/** @type {Mark[]} */
const MARKS = [
  [at(10), "control", "paused"],
  [at(20), "handoff", "a to b"],
  [at(30), "control", "resumed"],
  [at(40), "error", "script: error"],
];

test("a jump leads to the next mark of its kind, and after the last to the first", () => {
  assert.equal(nextOf(MARKS, "control", at(0)), at(10));
  assert.equal(nextOf(MARKS, "control", at(10)), at(30));
  assert.equal(nextOf(MARKS, "control", at(30)), at(10));
  assert.equal(nextOf(MARKS, "error", at(0)), at(40));
});

test("from the present a jump leads to the first, and to none of a kind that is missing", () => {
  assert.equal(nextOf(MARKS, "control", null), at(10));
  assert.equal(nextOf(MARKS, "approval", null), undefined);
});

test("marks are drawn at their share of the track", () => {
  assert.deepEqual(
    [...placesOf(MARKS, first, 40_000)],
    [
      [0.25, "control"],
      [0.5, "handoff"],
      [0.75, "control"],
      [1, "error"],
    ],
  );
});

test("an error covers what else is at its place; else the first one is drawn", () => {
  /** @type {Mark[]} */
  const close = [
    [at(10), "control", "paused"],
    [at(10), "error", "no"],
    [at(20), "approval", "a: script"],
    [at(20), "control", "message"],
  ];
  assert.deepEqual(
    [...placesOf(close, first, 40_000)],
    [
      [0.25, "error"],
      [0.5, "approval"],
    ],
  );
});

test("each kind has a button", () => {
  assert.deepEqual(KINDS, ["error", "handoff", "approval", "control"]);
});
