import assert from "node:assert/strict";
import { test } from "node:test";

import { contains, isOfKind } from "../../static/realtime/pages/event_list.js";
import {
  clock,
  labels,
  place,
  roomFor,
  ticks,
} from "../../static/realtime/pages/timeline_scale.js";
import { describe } from "../../static/realtime/pages/timeline_tip.js";

const SPANS = [5, 8, 12, 20, 60];
const STEPS = [0.1, 0.5, 1, 2, 5, 10, 60];

test("the axis of a run under way has room to go on, and is never less than what has passed", () => {
  assert.equal(roomFor(0, SPANS), 5);
  assert.equal(roomFor(4.9, SPANS), 8);
  assert.equal(roomFor(59.9, SPANS), 60);
  assert.equal(roomFor(60, SPANS), 120);
  for (let elapsed = 0; elapsed < 300; elapsed += 0.7) assert.ok(roomFor(elapsed, SPANS) > elapsed);
});

test("ticks are round, begin at 0, end within the span and have room", () => {
  assert.deepEqual(ticks(5, STEPS, 600), [0, 1, 2, 3, 4, 5]);
  assert.deepEqual(ticks(0.3, STEPS, 600), [0, 0.1, 0.2, 0.3]);
  for (const span of [0.05, 1, 7.3, 59, 5_000]) {
    for (const width of [40, 300, 1_200]) {
      const marks = ticks(span, STEPS, width);
      assert.equal(marks[0], 0);
      assert.ok(Number(marks.at(-1)) <= span + 0.001);
      assert.ok(marks.length <= width / 90 + 2, `${marks.length} marks on ${width} px`);
    }
  }
});

test("moments read like a clock", () => {
  assert.deepEqual([0, 0.25, 12, 60, 150.7, 3_905].map(clock), [
    "0 s",
    "0.3 s",
    "12 s",
    "1:00",
    "2:30",
    "1:05:05",
  ]);
});

test("bars lie to scale, stay inside and can always be seen", () => {
  const axis = { span: 10, share: 80 };
  assert.deepEqual(place({ start: 0, end: 5 }, axis), { x: 0, width: 40 });
  assert.deepEqual(place({ start: 5, end: 10 }, axis), { x: 40, width: 40 });
  for (const start of [0, 3, 10, 11]) {
    const { x, width } = place({ start, end: start + 0.0001 }, axis);
    assert.ok(width >= 0.399, `${width}`);
    assert.ok(x >= 0 && x + width <= 80.001, `${x} and ${width}`);
  }
});

test("a label stands in its bar, else after it, else before it, and never on another", () => {
  const bar = (/** @type {number} */ x, /** @type {number} */ width) => ({
    x,
    width,
    label: "pytest",
  });
  assert.deepEqual(labels([bar(0, 200)], 300), ["inside"]);
  assert.deepEqual(labels([bar(0, 10)], 300), ["after"]);
  assert.deepEqual(labels([bar(285, 15)], 300), ["before"]);
  assert.deepEqual(labels([bar(0, 10), bar(12, 10)], 300), ["none", "after"]);
  // The gap between two bars holds one label.
  assert.deepEqual(labels([bar(0, 10), bar(80, 10)], 90), ["after", "none"]);
});

test("a bar's details say how it is, for how long and with which exit code", () => {
  assert.equal(
    describe({ status: "error", start: "1", end: "3.5", exit: "2" }, 9),
    "error · 2.5 s · exit code 2",
  );
  assert.equal(describe({ status: "running", start: "1" }, 4), "running · 3.0 s");
  assert.equal(describe({ status: "pending" }, 4), "to come");
});

test("events are filtered by kind, by trouble and by words in any order", () => {
  assert.ok(isOfKind({ kind: "tool" }, "all"));
  assert.ok(isOfKind({ kind: "tool" }, "tool"));
  assert.ok(!isOfKind({ kind: "task" }, "tool"));
  assert.ok(isOfKind({ kind: "tool", trouble: "" }, "trouble"));
  assert.ok(!isOfKind({ kind: "tool" }, "trouble"));
  assert.ok(contains("Vega pytest succeeded", "PYTEST vega"));
  assert.ok(contains("Vega pytest succeeded", "  "));
  assert.ok(!contains("Vega pytest succeeded", "pytest orion"));
});
