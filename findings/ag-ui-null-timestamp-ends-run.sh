#!/usr/bin/env bash
# @ag-ui/client 1.0.0: null in some optional fields is taken for absent, in `timestamp` it ends the run.
#
# Expected: one rule for all optional fields. Many servers write null for what they do not have.
# Seen: RUN_FINISHED with "result": null is converted with a warning, and the run finishes. With
# "timestamp": null, or with a fraction of a millisecond, runAgent() rejects, after all that came before.
# So leave optional fields out, and round times to whole milliseconds.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init --yes >/dev/null
npm install --silent @ag-ui/client@1.0.0
cat >try.mjs <<'JS'
import assert from "node:assert";
import { createServer } from "node:http";
import { HttpAgent } from "@ag-ui/client";

const run = { threadId: "t", runId: "r" };

async function outcomeOf(fields) {
  const events = [{ type: "RUN_STARTED", ...run }, { type: "RUN_FINISHED", ...run, ...fields }];
  const server = createServer((_request, response) => {
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    response.end(events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join(""));
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  const agent = new HttpAgent({ url: `http://127.0.0.1:${server.address().port}/` });
  const outcome = await agent.runAgent({ runId: "r" }).then(() => "resolves", () => "rejects");
  server.close();
  console.log(`${JSON.stringify(fields)}: ${outcome}`);
  return outcome;
}

assert.equal(await outcomeOf({}), "resolves");
assert.equal(await outcomeOf({ result: null }), "resolves");
assert.equal(await outcomeOf({ timestamp: 1767225600000 }), "resolves");
assert.equal(await outcomeOf({ timestamp: null }), "rejects");
assert.equal(await outcomeOf({ timestamp: 1767225600000.5 }), "rejects");
JS
node try.mjs 2>"$dir/log"
