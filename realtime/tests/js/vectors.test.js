import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import { RunState } from "../../static/realtime/state/run_state.js";
import { afterEach, afterRestored, asObjects, runOf } from "./reducing.js";

const VECTORS = new URL("../../../runs/tests/events/vectors.json", import.meta.url);
const CHECKPOINTS = new URL("checkpoints.json", VECTORS);

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
    const seen = afterRestored(frames, saved[number]);
    const [count] = saved[number];
    assert.deepEqual(seen, expected.slice(count - 1), JSON.stringify([count, frames]));
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
      const id = runOf(frame);
      if (id === undefined) continue;
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
