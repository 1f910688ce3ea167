import assert from "node:assert/strict";
import { afterEach, mock, test } from "node:test";

import { Recording } from "../../static/realtime/pages/recording.js";
import { MomentAddress } from "../../static/realtime/pages/replay_address.js";

const AT = "2026-01-31T12:00:00.000000Z";
const PAGE = "https://crewops.test/runs/1/";

afterEach(() => {
  mock.restoreAll();
  mock.timers.reset();
});

/** @param {() => Promise<Response>} answer */
function answering(answer) {
  mock.method(globalThis, "fetch", answer);
  return new Recording("1").stateAt(AT);
}

test("a past that is not known is told apart from a server that cannot be asked", async () => {
  assert.equal(await answering(async () => Response.json({ at: null })), null);
  assert.equal(await answering(() => Promise.reject(new TypeError("offline"))), undefined);
  assert.equal(await answering(async () => new Response("", { status: 503 })), undefined);
});

/** An address that changes as a browser's does. */
function browserAt(/** @type {string} */ href) {
  const location = { href };
  const history = {
    state: null,
    replaceState(
      /** @type {any} */ _state,
      /** @type {string} */ _title,
      /** @type {string} */ url,
    ) {
      location.href = url;
    },
  };
  Object.assign(globalThis, { location, history });
  return location;
}

test("the moment is written into the address that the page has by then", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const location = browserAt(PAGE);
  const address = new MomentAddress();
  address.set(AT);
  assert.equal(address.isPending, true);
  location.href = `${PAGE}#task-1`;
  mock.timers.tick(1_000);
  assert.equal(location.href, `${PAGE}?at=${encodeURIComponent(AT)}#task-1`);
  assert.equal(address.isPending, false);
});

test("nothing is pending for a moment that the address has already", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  browserAt(`${PAGE}?at=${encodeURIComponent(AT)}`);
  const address = new MomentAddress();
  address.set(null);
  assert.equal(address.isPending, true);
  address.set(AT);
  assert.equal(address.isPending, false);
});
