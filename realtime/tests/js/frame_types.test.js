import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import { Parser } from "@asyncapi/parser";

import { TYPES, frameTypes } from "../../frame_types.js";

test("the types of the frames are up to date with the schema: npm run frame-types", async () => {
  assert.equal(await readFile(TYPES, "utf8"), await frameTypes());
});

test("the AsyncAPI document is valid", async () => {
  const text = await readFile(new URL("../../../docs/asyncapi.yaml", import.meta.url), "utf8");
  const { document, diagnostics } = await new Parser().parse(text);
  assert.deepEqual(diagnostics, []);
  assert.ok(document?.channels().length);
});
