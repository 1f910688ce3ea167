import assert from "node:assert/strict";
import { test } from "node:test";

import { renewalDelay } from "../../static/realtime/token.js";
import { jwt } from "./jwt.js";

const NOW = 1_800_000_000_000;

/** @param {number} seconds */
const inSeconds = (seconds) => NOW / 1000 + seconds;

test("a long token is replaced a minute before its end", () => {
  assert.equal(renewalDelay(jwt({ exp: inSeconds(3600) }), NOW), 3_540_000);
});

test("a short token is replaced at 80 % of what is left", () => {
  assert.equal(renewalDelay(jwt({ exp: inSeconds(100) }), NOW), 80_000);
  assert.equal(renewalDelay(jwt({ exp: inSeconds(300) }), NOW), 240_000);
});

test("a clock that is behind cannot stretch a token's life", () => {
  const token = jwt({ iat: inSeconds(7200), exp: inSeconds(7300) });
  assert.equal(renewalDelay(token, NOW), 80_000);
});

test("the payload's base64url letters are read", () => {
  const token = jwt({ name: "ÿ?þ>ûï", exp: inSeconds(100) });
  assert.match(token.split(".")[1], /[-_]/);
  assert.equal(renewalDelay(token, NOW), 80_000);
});

test("an expiry beyond the longest timer is cut to it", () => {
  assert.equal(renewalDelay(jwt({ exp: inSeconds(365 * 86_400) }), NOW), 2 ** 31 - 1);
});

test("nothing is planned for an expired token, or one without an expiry", () => {
  const silent = [jwt({ exp: inSeconds(0) }), jwt({}), jwt({ exp: "soon" }), "opaque", "a.!.c", ""];
  for (const token of silent) assert.equal(renewalDelay(token, NOW), undefined, token);
});
