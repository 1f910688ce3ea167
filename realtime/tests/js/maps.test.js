import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "node:test";

import { CrewState } from "../../static/realtime/state/crew_state.js";

const STATIC = fileURLToPath(new URL("../../static/realtime/", import.meta.url));
const NAMES = ["constructor", "__proto__", "toString", "valueOf", "hasOwnProperty"];

/**
 * Lines that look a name up in an ordinary object, which has properties that nobody put there.
 * @param {string} source
 */
function lookUps(source) {
  const objects = source.matchAll(/\b(?:const|let) (\w+) = (?:Object\.fromEntries\(|\{)/g);
  const names = [...objects].map(([, name]) => name);
  const found = names.filter((name) => new RegExp(`\\b${name}\\[|\\bin ${name}\\b`).test(source));
  const typed = /@type \{(?:Record<string|\{\[)/.test(source)
    ? ["a field of type Record<string, …>"]
    : [];
  return [...found, ...typed];
}

test("names that come from outside are looked up in maps, not in objects", () => {
  const files = readdirSync(STATIC, { recursive: true })
    .map(String)
    .filter((file) => file.endsWith(".js"));
  assert.ok(files.length > 40);
  const found = files.flatMap((file) => {
    return lookUps(readFileSync(join(STATIC, file), "utf8")).map((name) => `${file}: ${name}`);
  });
  assert.deepEqual(found, []);
});

test("the search finds objects that are used as maps", () => {
  assert.deepEqual(lookUps("const WORDS = { a: 1 };\nconst word = WORDS[key];"), ["WORDS"]);
  assert.deepEqual(lookUps("const seen = {};\nif (agent in seen) seen[agent] = 1;"), ["seen"]);
  assert.equal(lookUps("/** @type {Record<string, number>} */\n#counts = {};").length, 1);
  assert.deepEqual(lookUps("const OPTIONS = { deep: true };\nwalk(OPTIONS.deep);"), []);
});

test("agents named like properties of objects have a state like any other", () => {
  const state = new CrewState();
  const agents = NAMES.map((agent_id) => ({ agent_id, state: "idle" }));
  state.graph(
    /** @type {any} */ ({ type: "snapshot", stream: "graph:c", seq: 1, agents, executions: [] }),
  );
  for (const agent of NAMES) {
    assert.equal(state.stateOf(agent), "idle");
    assert.deepEqual(state.toolsOf(agent), []);
    const tool = { run_id: "r", agent_id: agent, execution_id: `e-${agent}`, tool: "pytest" };
    state.graph(
      /** @type {any} */ ({ type: "tool_start", timestamp: "2026-01-01T00:00:00Z", ...tool }),
    );
    assert.equal(state.stateOf(agent), "working");
    assert.equal(state.toolsOf(agent).length, 1);
  }
});
