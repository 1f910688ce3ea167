// Makes the types of the frames from the JSON Schema: npm run frame-types.

import { readFile, writeFile } from "node:fs/promises";
import { compile } from "json-schema-to-typescript";

const SCHEMA = new URL("../docs/frames.schema.json", import.meta.url);
export const TYPES = new URL("static/realtime/frames.d.ts", import.meta.url);

/** @returns {Promise<string>} the text of `TYPES` */
export async function frameTypes() {
  const schema = JSON.parse(await readFile(SCHEMA, "utf8"));
  return compile(schema, "Frame", {
    additionalProperties: false,
    bannerComment: "// The frames of the sockets. Made by `npm run frame-types`; do not edit.",
    unreachableDefinitions: true,
  });
}

if (process.argv[1] === new URL(import.meta.url).pathname)
  await writeFile(TYPES, await frameTypes());
