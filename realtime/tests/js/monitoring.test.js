import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { age, count, milliseconds } from "../../static/realtime/pages/monitoring_numbers.js";
import { Series } from "../../static/realtime/pages/monitoring_series.js";
import { RenderTime } from "../../static/realtime/render_time.js";

/** @param {number} from @param {(number | null)[]} events */
function history(from, events) {
  return {
    step: 10,
    at: events.map((_, place) => from + place * 10),
    figures: { events },
    latency_ms: { hub: { p95: events.map(() => null) } },
  };
}

/** @param {number} at @param {number} events @param {number} [p95] */
function frame(at, events, p95) {
  /** @type {Record<string, Record<string, number>>} */
  const latency_ms = p95 === undefined ? {} : { hub: { p50: p95, p95 } };
  return { timestamp: new Date(at * 1000).toISOString(), figures: { events }, latency_ms };
}

test("frames become the mean of their step, and the oldest sample goes", () => {
  const series = new Series();
  series.replace(history(1000, [1, 2, 3]));
  series.add(frame(1031, 4, 20));
  series.add(frame(1032, 8));
  assert.deepEqual(series.at, [1010, 1020, 1030]);
  assert.deepEqual(series.column("events"), [2, 3, 6]);
  assert.deepEqual(series.column("hub.p95"), [null, null, 20]);
});

test("times without a frame are gaps, and a long pause leaves no more than the span", () => {
  const series = new Series();
  series.replace(history(1000, [1, 2, 3]));
  series.add(frame(1055, 5));
  assert.deepEqual(series.column("events"), [null, null, 5]);
  series.add(frame(1e9, 7));
  assert.equal(series.at.length, 3);
  assert.deepEqual(series.column("events"), [null, null, 7]);
});

test("samples of the server replace what the page has averaged, and leave what it alone has", () => {
  const series = new Series();
  series.replace(history(1000, [1, 2, 3]));
  series.add(frame(1031, 40));
  series.add(frame(1041, 50));
  series.replace(history(1010, [2, 3, null]));
  assert.deepEqual(series.at, [1020, 1030, 1040]);
  assert.deepEqual(series.column("events"), [3, 40, 50]);
  series.replace(history(1020, [3, 4, 5]));
  assert.deepEqual(series.column("events"), [3, 4, 5]);
});

test("a frame without figures changes nothing", () => {
  const series = new Series();
  series.replace(history(1000, [1]));
  series.add({ timestamp: new Date(5000).toISOString(), figures: null, latency_ms: {} });
  assert.deepEqual(series.column("events"), [1]);
});

test("numbers have three digits at most and their unit", () => {
  assert.equal(count(0), "0");
  assert.equal(count(3.456), "3.46");
  assert.equal(count(1234), "1234");
  assert.equal(count(12_345), "12.3k");
  assert.equal(count(2_500_000), "2.5M");
  assert.equal(milliseconds(0.254), "0.25 ms");
  assert.equal(milliseconds(1500), "1.5 s");
  assert.equal(age(5), "5 s");
  assert.equal(age(150), "3 min");
});

/** @type {any} */
const page = globalThis;

afterEach(() => {
  delete page.requestAnimationFrame;
  delete page.document;
});

/** What is sent for these frames, in a page that draws at once. @param {any[]} frames */
function sent(frames) {
  page.requestAnimationFrame ??= (/** @type {(now: number) => void} */ draw) =>
    draw(performance.now());
  page.document ??= { hidden: false };
  /** @type {any[]} */
  const sent = [];
  const time = new RenderTime((frame) => sent.push(frame));
  for (const frame of frames) time.take(frame, performance.now());
  return sent;
}

const hello = { type: "hello", stream: "run:r", epoch: "e", head: 0, heartbeat_s: 45 };
const event = { type: "task_start", seq: 1, run_id: "r", crew_id: "c" };

test("a shown event is measured with a ping, and sent once in the interval", () => {
  const frames = [{ ...hello, rendered_every_s: 5 }, event, { type: "pong" }, event, event];
  const [ping, rendered, ...others] = sent(frames);
  assert.deepEqual(ping, { type: "ping" });
  assert.equal(rendered.type, "rendered");
  assert.equal(rendered.stream, "run:r");
  assert.ok(rendered.ms >= 0 && rendered.ms < 1000);
  assert.deepEqual(others, []);
});

test("the stream is that of the socket's kind", () => {
  const graph = { ...hello, stream: "graph:c", rendered_every_s: 5 };
  assert.equal(sent([graph, event, { type: "pong" }])[1].stream, "graph:c");
});

test("a server that does not ask for it is sent nothing", () => {
  assert.deepEqual(sent([hello, event, { type: "pong" }]), []);
});

test("a tab that was hidden before it drew sends nothing: the server takes no such time", () => {
  page.requestAnimationFrame = (/** @type {(now: number) => void} */ draw) =>
    draw(performance.now() + 60_001);
  assert.deepEqual(sent([{ ...hello, rendered_every_s: 5 }, event, { type: "pong" }]), [
    { type: "ping" },
  ]);
});

test("a worker, which has frames and no document, measures nothing", () => {
  const time = new RenderTime(() => assert.fail());
  page.requestAnimationFrame = () => assert.fail();
  time.take(/** @type {any} */ ({ ...hello, rendered_every_s: 5 }), performance.now());
  time.take(/** @type {any} */ (event), performance.now());
});

test("a hidden tab measures nothing", () => {
  page.document = { hidden: true };
  assert.deepEqual(sent([{ ...hello, rendered_every_s: 5 }, event]), []);
});
