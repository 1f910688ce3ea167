/** The charts of the monitoring page, drawn with uPlot. */

import uPlot from "uplot";
import { count, milliseconds } from "./monitoring_numbers.js";

/** @import {Series} from "./monitoring_series.js"; */

const HEIGHT = 170;
const NO_DATA = "Nothing was measured in this time";

/**
 * @typedef {object} Line
 * @property {string} of  a column
 * @property {string} label
 * @property {string} color  a custom property of the style sheet
 * @property {number} [times]
 */

/** @typedef {{lines: Line[], show: (value: number) => string}} Chart */

/** @type {Map<string, Chart>} */
const CHARTS = new Map(
  Object.entries({
    throughput: {
      show: count,
      lines: [
        { of: "events", label: "Events", color: "--state-work" },
        { of: "deliveries", label: "Deliveries", color: "--state-good" },
      ],
    },
    latency: {
      show: milliseconds,
      lines: [
        { of: "delivery.p50", label: "Median", color: "--state-work" },
        { of: "delivery.p95", label: "p95", color: "--state-busy" },
      ],
    },
    hops: {
      show: milliseconds,
      lines: [
        { of: "commit.p95", label: "Commit", color: "--state-work" },
        { of: "publish.p95", label: "Publish", color: "--state-idle" },
        { of: "receive.p95", label: "Redis to hub", color: "--state-good" },
        { of: "write.p95", label: "Socket write", color: "--state-think" },
        { of: "render.p95", label: "Browser", color: "--state-busy" },
      ],
    },
    sockets: {
      show: count,
      lines: [
        { of: "sockets", label: "Open", color: "--state-work" },
        { of: "behind", label: "Behind", color: "--state-busy" },
      ],
    },
    healing: {
      show: count,
      lines: [
        { of: "healed", label: "Recovered events", color: "--state-work", times: 60 },
        { of: "fell_behind", label: "Slow clients", color: "--state-busy", times: 60 },
        { of: "too_slow", label: "Closed", color: "--state-bad", times: 60 },
      ],
    },
    ingest: {
      show: count,
      lines: [
        { of: "ingest", label: "Reports/s", color: "--state-work" },
        { of: "ingesting", label: "In progress", color: "--state-busy" },
      ],
    },
    queue: {
      show: count,
      lines: [
        { of: "queued", label: "Queued", color: "--state-busy" },
        { of: "running", label: "Running", color: "--state-work" },
        { of: "held", label: "Held", color: "--state-idle" },
      ],
    },
    slots: {
      show: count,
      lines: [
        { of: "slots_used", label: "In use", color: "--state-work" },
        { of: "slots", label: "All", color: "--state-idle" },
      ],
    },
  }),
);

/**
 * @param {Series} series
 * @param {{isWhole: boolean}} what  whether it has the figures of the deployment
 * @returns {() => void} draws what the series now contains
 */
export function drawCharts(series, { isWhole }) {
  const draws = [...document.querySelectorAll("[data-chart]")].map((figure) =>
    chart(/** @type {HTMLElement} */ (figure), series, isWhole),
  );
  const draw = () => {
    if (!document.hidden) for (const one of draws) one();
  };
  document.addEventListener("visibilitychange", draw);
  new MutationObserver(draw).observe(document.documentElement, {
    attributeFilter: ["data-bs-theme"],
  });
  return draw;
}

/**
 * @param {HTMLElement} figure
 * @param {Series} series
 * @param {boolean} isWhole
 */
function chart(figure, series, isWhole) {
  const place = /** @type {HTMLElement} */ (figure.querySelector(".chart"));
  const { lines: all, show } = /** @type {Chart} */ (CHARTS.get(figure.dataset.chart ?? ""));
  const lines = all.filter(({ of }) => isWhole || of !== "slots");
  const plot = new uPlot(options(lines, show, place.clientWidth), data(series, lines), place);
  new ResizeObserver(() => plot.setSize({ width: place.clientWidth, height: HEIGHT })).observe(
    place,
  );
  return () => {
    const columns = data(series, lines);
    const isEmpty = columns.slice(1).every((column) => column.every((value) => value === null));
    place.toggleAttribute("data-empty", isEmpty);
    if (isEmpty) place.dataset.empty = NO_DATA;
    plot.setData(columns);
  };
}

/**
 * @param {Series} series
 * @param {Line[]} lines
 * @returns {[number[], ...(number | null)[][]]}
 */
function data(series, lines) {
  const columns = lines.map(({ of, times = 1 }) =>
    series.column(of).map((value) => (value === null ? null : value * times)),
  );
  return [series.at, ...columns];
}

/**
 * @param {Line[]} lines
 * @param {(value: number) => string} show
 * @param {number} width
 * @returns {uPlot.Options}
 */
function options(lines, show, width) {
  const axis = {
    stroke: () => color("--tblr-secondary"),
    grid: { stroke: () => color("--tblr-border-color"), width: 1 },
    ticks: { show: false },
  };
  return {
    width,
    height: HEIGHT,
    padding: [12, 8, 0, 0],
    cursor: { sync: { key: "monitoring" }, drag: { x: false, y: false } },
    scales: { y: { range: (_, __, highest) => [0, upTo(highest)] } },
    axes: [
      { ...axis, values: (_, splits) => splits.map((at) => clock(at)), space: 60, size: 32 },
      { ...axis, values: (_, splits) => splits.map(show), size: 56, space: 36 },
    ],
    series: [
      { label: "Time", value: (_, at) => (at === null ? "–" : clock(at, true)) },
      ...lines.map(({ label, color: name }) => ({
        label,
        stroke: () => color(name),
        width: 1.5,
        points: { show: false },
        value: (/** @type {uPlot} */ _, /** @type {number | null} */ value) =>
          value === null || value === undefined ? "–" : show(value),
      })),
    ],
  };
}

/** @param {number | null} highest  of all values, null where there are none */
function upTo(highest) {
  return highest ? highest * 1.1 : 1;
}

const probe = document.createElement("span");

/**
 * The colour of a custom property as a canvas takes it: the property's own text may be a formula.
 * @param {string} name
 */
function color(name) {
  if (!probe.isConnected) {
    probe.hidden = true;
    document.body.append(probe);
  }
  probe.style.color = `var(${name})`;
  return getComputedStyle(probe).color;
}

/** @param {number} at  seconds since the epoch @param {boolean} [exactly] */
function clock(at, exactly = false) {
  const time = new Date(at * 1000);
  /** @param {number} number */
  const two = (number) => String(number).padStart(2, "0");
  const minutes = `${two(time.getHours())}:${two(time.getMinutes())}`;
  return exactly ? `${minutes}:${two(time.getSeconds())}` : minutes;
}
