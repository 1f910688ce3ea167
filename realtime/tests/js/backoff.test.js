import assert from "node:assert/strict";
import { test } from "node:test";

import {
  forEver,
  fullJitter,
  overloadDelay,
  restartJitter,
  threeTimes,
} from "../../static/realtime/backoff.js";

/**
 * @param {import("node:test").TestContext} t
 * @param {number} value
 */
function fixRandom(t, value) {
  t.mock.method(Math, "random", () => value);
}

test("full jitter doubles from half a second and stops at twenty", (t) => {
  fixRandom(t, 0.999999);
  const attempts = [0, 1, 2, 3, 4, 5, 6, 50, 5000];
  const ceilings = attempts.map((attempt) => Math.round(fullJitter(attempt)));
  assert.deepEqual(ceilings, [500, 1000, 2000, 4000, 8000, 16000, 20000, 20000, 20000]);
});

test("full jitter reaches down to no delay at every attempt", (t) => {
  fixRandom(t, 0);
  assert.deepEqual([0, 4, 50].map(fullJitter), [0, 0, 0]);
});

test("the clients of a lost server spread over the whole delay", () => {
  const tenths = new Set(Array.from({ length: 1000 }, () => Math.floor(fullJitter(10) / 2000)));
  assert.equal(tenths.size, 10);
});

test("a run's socket tries three times, two seconds apart, and no fourth time", () => {
  assert.deepEqual([0, 1, 2, 3].map(threeTimes.delay), [2000, 2000, 2000, null]);
});

test("the endless policy never gives up", () => {
  assert.ok(Number.isFinite(forEver.delay(10_000)));
});

test("an overloaded server is left alone for thirty to sixty seconds", (t) => {
  fixRandom(t, 0);
  assert.equal(overloadDelay(), 30_000);
  t.mock.restoreAll();
  fixRandom(t, 0.5);
  assert.equal(overloadDelay(), 45_000);
});

test("a restarting server's clients are spread over eight seconds", (t) => {
  fixRandom(t, 0.5);
  assert.equal(restartJitter(), 4000);
});

for (const [kind, policy] of Object.entries({ run: threeTimes, mission: forEver })) {
  test(`of a thousand ${kind} sockets no more than a quarter come back within any one second`, () => {
    const bins = new Map();
    for (let i = 0; i < 1000; i++) {
      const second = Math.floor((Number(policy.delay(0)) + restartJitter()) / 1000);
      bins.set(second, (bins.get(second) ?? 0) + 1);
    }
    assert.ok(Math.max(...bins.values()) < 250, JSON.stringify([...bins]));
    assert.ok(Math.max(...bins.keys()) < 15);
  });
}
