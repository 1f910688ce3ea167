import assert from "node:assert/strict";
import { test } from "node:test";

import { ago, duration } from "../../static/realtime/pages/times.js";

// As in test_formats.py: the server and the browser say the same.
const DURATIONS = /** @type {[number, string][]} */ ([
  [0, "0 ms"],
  [0.84, "840 ms"],
  [3.21, "3.2 s"],
  [42.9, "42 s"],
  [64, "1 min 04 s"],
  [3599.9, "59 min 59 s"],
  [7500, "2 h 05 min"],
]);

for (const [seconds, text] of DURATIONS) {
  test(`${seconds} s reads ${text}`, () => assert.equal(duration(seconds), text));
}

const NOW = Date.UTC(2026, 5, 15, 12);

for (const [seconds, text] of /** @type {[number, RegExp][]} */ ([
  [3, /^just now$/],
  [42, /^42 sec/],
  [300, /^5 min/],
  [7200, /^2 hr/],
  [3 * 86_400, /Jun|12/],
])) {
  test(`${seconds} s ago reads ${text}`, () =>
    assert.match(ago(new Date(NOW - seconds * 1000), NOW), text));
}

test("a server's clock that is a little ahead is now", () => {
  assert.equal(ago(new Date(NOW + 3_000), NOW), "just now");
});
