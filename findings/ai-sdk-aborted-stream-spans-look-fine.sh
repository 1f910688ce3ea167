#!/usr/bin/env bash
# ai 7.0.173 with @ai-sdk/otel 1.0.173: the spans of an aborted streamText() do not say that it was
# aborted, and the span of a tool ends while the tool runs.
#
# The model calls a tool; while the tool works, the AbortSignal of the call fires.
# Expected: a status ERROR, an exception event, or an attribute such as error.type "AbortError". The
# same package gives that attribute to its duration metric when a call is aborted.
# Seen: the spans invoke_agent, its step and execute_tool end with the status UNSET, without events and
# without error.type, as spans that succeeded do. The tool, which does not look at the signal, works
# on after its span has ended. An aborted call differs only in this: invoke_agent has no
# gen_ai.response.finish_reasons and execute_tool has no gen_ai.tool.call.result.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund ai@7.0.173 @ai-sdk/otel@1.0.173 zod@4.6.7 \
    @opentelemetry/api@1.9.1 @opentelemetry/sdk-trace-base@2.12.1
cat >try.mjs <<'JS'
import assert from "node:assert";
import { OpenTelemetry } from "@ai-sdk/otel";
import { trace } from "@opentelemetry/api";
import {
  BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { isStepCount, jsonSchema, registerTelemetry, streamText, tool } from "ai";
import { MockLanguageModelV4 } from "ai/test";

const exporter = new InMemorySpanExporter();
const spanProcessors = [new SimpleSpanProcessor(exporter)];
trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors }));
registerTelemetry(new OpenTelemetry());

const usage = { inputTokens: { total: 100 }, outputTokens: { total: 5 } };
const finish = (reason) => (
  { type: "finish", finishReason: { unified: reason, raw: reason }, usage }
);
const answers = () => [
  [{ type: "tool-call", toolCallId: "c1", toolName: "weigh", input: "{}" }, finish("tool-calls")],
  [
    { type: "text-start", id: "t" }, { type: "text-delta", id: "t", delta: "2 kg" },
    { type: "text-end", id: "t" }, finish("stop"),
  ],
];

/** The spans at the end of the stream: [name, status, events, error.type, has a result]. */
async function run(aborts) {
  const script = answers();
  const controller = new AbortController();
  let finished;
  const toolEnded = new Promise((resolve) => { finished = resolve; });
  let running = false;
  const weigh = tool({
    inputSchema: jsonSchema({ type: "object", properties: {} }),
    async execute() {
      running = true;
      if (aborts) setTimeout(() => controller.abort(), 50);
      await new Promise((resolve) => setTimeout(resolve, aborts ? 1000 : 50));
      running = false;
      finished();
      return "2 kg";
    },
  });
  const model = new MockLanguageModelV4({
    doStream: async () => ({ stream: ReadableStream.from(script.shift()) }),
  });
  const called = [];
  const { textStream } = streamText({
    model, prompt: "weigh", tools: { weigh }, abortSignal: controller.signal,
    stopWhen: isStepCount(3), onAbort: () => called.push("abort"), onEnd: () => called.push("end"),
  });
  for await (const _ of textStream);
  const wasRunning = running;
  await toolEnded;
  const spans = exporter.getFinishedSpans().map(({ name, status, events, attributes }) => [
    name, status.code, events.length, attributes["error.type"],
    "gen_ai.response.finish_reasons" in attributes || "gen_ai.tool.call.result" in attributes,
  ]);
  exporter.reset();
  console.log(aborts ? "aborted:" : "fine:", { called, wasRunning }, spans);
  return { called, wasRunning, spans };
}

const UNSET = 0;
const fine = await run(false);
assert.deepEqual(fine.called, ["end"]);
const aborted = await run(true);
assert.deepEqual(aborted.called, ["abort"]);
assert.equal(aborted.wasRunning, true);
assert.ok(aborted.spans.every((span) => span[1] === UNSET && span[2] === 0 && span[3] === undefined));
assert.deepEqual(
  aborted.spans.filter((span) => !span[4]).map(([name]) => name.split(" ")[0]),
  ["execute_tool", "step", "invoke_agent"],
);
for (const [name, status, , , hasResult] of fine.spans) {
  assert.deepEqual([status, hasResult], [UNSET, !name.startsWith("step")]);
}
JS
node try.mjs
