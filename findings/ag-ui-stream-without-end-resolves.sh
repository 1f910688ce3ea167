#!/usr/bin/env bash
# @ag-ui/client 1.0.0: a stream that ends in the middle of a run counts as a run that went well.
#
# Expected: no RUN_FINISHED and no RUN_ERROR, so runAgent() rejects, or calls onRunFailed.
# Seen: it resolves, with half of the message among newMessages. Only onRunFinishedEvent is missing.
# So a server whose worker ends in the middle looks like a short answer: send RUN_ERROR yourself, and
# in a client count a run without onRunFinishedEvent as failed.
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

const events = [
  { type: "RUN_STARTED", threadId: "t", runId: "r" },
  { type: "TEXT_MESSAGE_START", messageId: "m", role: "assistant" },
  { type: "TEXT_MESSAGE_CONTENT", messageId: "m", delta: "half of" },
];
const server = createServer((_request, response) => {
  response.writeHead(200, { "Content-Type": "text/event-stream" });
  response.end(events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join(""));
});
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
const called = [];
const agent = new HttpAgent({ url: `http://127.0.0.1:${server.address().port}/` });
const { newMessages } = await agent.runAgent({ runId: "r" }, {
  onRunFinishedEvent: () => { called.push("onRunFinishedEvent"); },
  onRunFailed: () => { called.push("onRunFailed"); },
  onRunFinalized: () => { called.push("onRunFinalized"); },
});
server.close();
console.log(`resolved with ${JSON.stringify(newMessages)}; called: ${called}`);
assert.deepEqual(newMessages.map(({ content }) => content), ["half of"]);
assert.deepEqual(called, ["onRunFinalized"]);
JS
node try.mjs
