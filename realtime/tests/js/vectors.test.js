import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import { CrewState } from "../../static/realtime/state/crew_state.js";
import { RunState } from "../../static/realtime/state/run_state.js";
import { afterEach, apply, shown } from "./reducing.js";

const VECTORS = new URL("../../../runs/tests/events/vectors.json", import.meta.url);
const CHECKPOINTS = new URL("checkpoints.json", VECTORS);

/** As the server saves a state. @param {string} _key @param {unknown} value */
function asObjects(_key, value) {
  return value instanceof Map ? Object.fromEntries(value) : value;
}

test("the browser's reducer shows what the server's shows, after every frame of 200 sequences", async () => {
  const vectors = JSON.parse(await readFile(VECTORS, "utf8"));
  assert.equal(vectors.length, 200);
  for (const [frames, expected] of vectors) {
    assert.deepEqual(afterEach(frames), expected, JSON.stringify(frames));
  }
});

test("from a state that the server has saved, it goes on as if it had seen all frames before", async () => {
  const vectors = JSON.parse(await readFile(VECTORS, "utf8"));
  const saved = JSON.parse(await readFile(CHECKPOINTS, "utf8"));
  assert.equal(saved.length, vectors.length);
  for (const [number, [frames, expected]] of vectors.entries()) {
    const [count, checkpoint] = saved[number];
    const state = new CrewState();
    state.restore(checkpoint);
    assert.deepEqual(shown(state), expected[count - 1], JSON.stringify(frames.slice(0, count)));
    const seen = frames.slice(count).map((/** @type {any} */ frame) => apply(state, frame));
    assert.deepEqual(seen, expected.slice(count), JSON.stringify([count, frames]));
  }
});

test("the browser's state of a run is the server's, after every sequence", async () => {
  const vectors = JSON.parse(await readFile(VECTORS, "utf8"));
  const saved = JSON.parse(await readFile(CHECKPOINTS, "utf8"));
  let compared = 0;
  for (const [number, [frames]] of vectors.entries()) {
    const [count, checkpoint] = saved[number];
    /** @type {Map<string, RunState>} */
    const runs = new Map();
    for (const frame of frames.slice(0, count)) {
      if (/^(tool_|llm_|handoff|snapshot)/.test(frame.type)) continue;
      if (frame.stream?.startsWith("graph:")) continue;
      const id = frame.run_id ?? frame.stream.slice("run:".length);
      // The crew's state has a run from its first `boot` or `reset`.
      if (frame.type === "boot" || frame.type === "reset") runs.set(id, new RunState());
      runs.get(id)?.apply(frame);
    }
    for (const [id, expected] of Object.entries(checkpoint.runs)) {
      const seen = JSON.parse(JSON.stringify(runs.get(id), asObjects));
      assert.deepEqual(seen, expected, JSON.stringify(frames.slice(0, count)));
      compared += 1;
    }
  }
  assert.ok(compared > 100, `only ${compared} runs`);
});
