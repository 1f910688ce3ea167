/** The monitoring page: figures once a second, and charts that begin with the server's samples. */

import { fetchJson } from "./fetch_json.js";
import { showLive } from "./live_mark.js";
import { drawCharts } from "./monitoring_charts.js";
import { age, count, milliseconds } from "./monitoring_numbers.js";
import { Series } from "./monitoring_series.js";
import { MetricsWebSocket } from "./monitoring_socket.js";
import { PageSocket } from "./page_socket.js";
import { setText } from "./set_text.js";

/** @import {MetricsFrame} from "../frames.js"; */
/** @import {History} from "./monitoring_series.js"; */

const RELOAD_MS = 60_000; // The server's samples are more exact than what this page has averaged.
const STALE_S = 120;
/** Figures behind another one, which are left out where they are 0. @type {Map<string, (value: number) => string>} */
const ASIDE = new Map([
  ["queue_s", age],
  ["held", (held) => `${count(held)} held`],
]);

const page = /** @type {HTMLElement} */ (document.getElementById("monitoring"));
const { history: address = "", organization = "" } = page.dataset;
const series = new Series();
/** @type {History} */
const first = JSON.parse(document.getElementById("history")?.textContent ?? "{}");
series.replace(first);
const draw = drawCharts(series, { isWhole: "slots" in first.figures });
draw();

const socket = new MetricsWebSocket(organization, { WebSocket: PageSocket });
showLive([socket]);
socket.subscribe((frame) => {
  show(frame);
  series.add(frame);
  draw();
});
socket.onStateChange(({ state, previous }) => {
  if (state === "live" && previous !== "idle") load(); // What happened in between.
});
socket.connect();

let span = "hour";
for (const button of page.querySelectorAll("[data-span]")) {
  button.addEventListener("click", () => {
    span = button.getAttribute("data-span") ?? span;
    for (const other of page.querySelectorAll("[data-span]")) {
      other.setAttribute("aria-pressed", String(other === button));
    }
    load();
  });
}
setInterval(() => document.hidden || load(), RELOAD_MS);
document.getElementById("organization")?.addEventListener("change", ({ target }) => {
  if (target instanceof HTMLSelectElement) target.form?.requestSubmit();
});

async function load() {
  const asked = span;
  const query = new URLSearchParams({ span: asked, organization });
  /** @type {History | undefined} */
  const history = await fetchJson(`${address}?${query}`);
  if (!history || asked !== span) return;
  series.replace(history);
  draw();
  const newest = history.figures.events.slice(-Math.ceil(STALE_S / history.step));
  reveal("no-samples", asked === "hour" && newest.every((value) => value === null));
}

/** @param {MetricsFrame} frame */
function show({ figures, latency_ms, database, redis }) {
  reveal("no-database", !database);
  reveal("no-redis", redis === false);
  if (!figures) return;
  for (const element of page.querySelectorAll("[data-figure]")) {
    const name = element.getAttribute("data-figure") ?? "";
    const value = figures[name] ?? 0;
    const aside = ASIDE.get(name);
    setText(element, aside ? (value ? `, ${aside(value)}` : "") : count(value));
  }
  mark("behind", figures.behind > 0);
  mark("queued", figures.queued > 0);
  for (const element of page.querySelectorAll("[data-latency]")) {
    const measured = latency_ms[element.getAttribute("data-latency") ?? ""];
    setText(element, measured ? milliseconds(measured.p95) : "–");
  }
  for (const element of page.querySelectorAll("[data-hop]")) {
    const measured = latency_ms[element.getAttribute("data-hop") ?? ""];
    const both = measured && `${milliseconds(measured.p50)}, p95 ${milliseconds(measured.p95)}`;
    setText(element.querySelector("b"), both ?? "–");
  }
}

/** @param {string} id @param {boolean} isShown */
function reveal(id, isShown) {
  const element = document.getElementById(id);
  if (element) element.hidden = !isShown;
}

/** @param {string} figure @param {boolean} isBusy */
function mark(figure, isBusy) {
  const element = page.querySelector(`b[data-figure="${figure}"]`)?.parentElement;
  element?.setAttribute("data-state", isBusy ? "busy" : "calm");
}
