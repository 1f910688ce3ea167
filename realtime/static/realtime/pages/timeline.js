/** The timeline: extends bars with the clock, fits labels and ticks to the width, zooms. */

import { clock, labels, place, roomFor, ticks } from "./timeline_scale.js";
import { TimelineTip } from "./timeline_tip.js";

const ZOOMS = [1, 2, 4, 8, 16, 32];
const SVG = "http://www.w3.org/2000/svg";

export class Timeline {
  #root;
  #elapsed;
  #zoom = 1;
  #width = 0; // of the axis, in pixels
  #current = "";
  #shown = "";

  /**
   * @param {HTMLElement} root  the run page
   * @param {() => number} elapsed  seconds since the page's data-elapsed was true
   */
  constructor(root, elapsed) {
    this.#root = root;
    this.#elapsed = elapsed;
    new TimelineTip(root, () => this.#now);
    root.addEventListener("click", (event) => this.#onClick(event));
    root.addEventListener("keydown", (event) => this.#onKey(event));
    root.addEventListener("focusin", ({ target }) => {
      if (target instanceof Element && target.matches(".bar")) this.#rove(target.id);
    });
    // Measuring it at each update would lay out the page between two changes of it.
    const resized = new ResizeObserver(([{ contentRect }]) => {
      this.#width = contentRect.width;
      this.layout();
    });
    resized.observe(this.#grid); // which calls it once at first
  }

  get isGrowing() {
    return this.#section.hasAttribute("data-growing");
  }

  /** Extends the bars of what is running. The others move only with the axis. */
  grow() {
    const { share, span } = this.#axis;
    if (`${share} ${span}` !== this.#shown) return this.layout();
    const now = this.#now;
    this.#putBars(".bar[data-start]:not([data-end])");
    for (const pause of this.#pauses) if (!pause.dataset.end) putBar(pause, now, { share, span });
    const line = this.#root.querySelector("#ticks .now");
    for (const x of ["x1", "x2"]) line?.setAttribute(x, `${(now / span) * share}%`);
  }

  /** Sets the position of every element. */
  layout() {
    if (!this.#section) return; // The page was withdrawn.
    const { share, span } = this.#axis;
    this.#shown = `${share} ${span}`;
    const width = this.#width;
    if (!width) return;
    this.#putBars(".bar");
    for (const pause of this.#pauses) putBar(pause, this.#now, { share, span });
    this.#putTicks((width * share) / 100);
    this.#rove(this.#current);
  }

  /** Moves these bars, and the labels of their lanes. @param {string} selector */
  #putBars(selector) {
    const now = this.#now;
    const axis = this.#axis;
    for (const chart of this.#root.querySelectorAll(".lane-chart")) {
      const moved = /** @type {NodeListOf<SVGElement>} */ (chart.querySelectorAll(selector));
      for (const bar of moved) if (bar.dataset.start) putBar(bar, now, axis);
      if (!moved.length) continue;
      const bars = /** @type {SVGElement[]} */ ([...chart.querySelectorAll(".bar")]);
      putLabels(bars, this.#width);
    }
  }

  get #pauses() {
    return /** @type {SVGElement[]} */ ([...this.#root.querySelectorAll("#pauses .pause")]);
  }

  get #section() {
    return /** @type {HTMLElement} */ (this.#root.querySelector("#timeline"));
  }

  get #grid() {
    return /** @type {Element} */ (this.#root.querySelector("#timeline-grid"));
  }

  /** In seconds after the run's start. */
  get #now() {
    const elapsed = Number(this.#section.dataset.elapsed);
    return this.isGrowing ? elapsed + this.#elapsed() : elapsed;
  }

  get #axis() {
    const { share, span, spans = "" } = this.#section.dataset;
    const served = Number(span);
    const room = this.isGrowing ? roomFor(this.#now, spans.split(" ").map(Number)) : 0;
    return { share: Number(share), span: Math.max(served, room) };
  }

  /** @param {number} width  of the time, in pixels */
  #putTicks(width) {
    const group = this.#root.querySelector("#ticks");
    const { share, span } = this.#axis;
    if (!group || !share) return;
    const steps = (this.#section.dataset.steps ?? "").split(" ").map(Number);
    const marks = ticks(span, steps, width).flatMap((second) => {
      const x = `${(second / span) * share}%`;
      const text = svg("text", { x, y: "13", class: second ? "" : "first" });
      text.textContent = clock(second);
      // The last one would run into what stands beside the axis.
      const hasRoom = !second || ((span - second) / span) * width > 24 || share < 100;
      return [svg("line", { x1: x, x2: x, y1: "20", y2: "100%" }), ...(hasRoom ? [text] : [])];
    });
    if (this.isGrowing) {
      const x = `${(this.#now / span) * share}%`;
      marks.push(svg("line", { x1: x, x2: x, y1: "20", y2: "100%", class: "now" }));
    }
    group.replaceChildren(...marks);
  }

  /** @param {MouseEvent} event */
  #onClick({ target }) {
    const button = target instanceof Element && target.closest("[data-zoom]");
    if (!button) return;
    const wish = button.getAttribute("data-zoom");
    const step = ZOOMS.indexOf(this.#zoom) + (wish === "in" ? 1 : -1);
    this.#zoomTo(wish === "fit" ? 1 : (ZOOMS[step] ?? this.#zoom));
  }

  /** @param {number} zoom */
  #zoomTo(zoom) {
    const scroll = /** @type {HTMLElement} */ (this.#root.querySelector("#timeline-scroll"));
    const middle = (scroll.scrollLeft + scroll.clientWidth / 2) / scroll.scrollWidth;
    this.#zoom = zoom;
    // Above the part that the server renews.
    this.#root.style.setProperty("--zoom", String(zoom));
    scroll.scrollLeft = middle * scroll.scrollWidth - scroll.clientWidth / 2;
  }

  /** The bars are one stop of the tab key; the arrow keys move between them. @param {KeyboardEvent} event */
  #onKey(event) {
    const bar = event.target instanceof Element ? event.target.closest(".bar") : null;
    if (!bar) return;
    const bars = this.#bars;
    const lanes = [...this.#root.querySelectorAll(".lane-chart")].filter((l) =>
      l.querySelector(".bar"),
    );
    const lane = lanes.findIndex((chart) => chart.contains(bar));
    /** @type {Map<string, () => Element | null | undefined>} */
    const moves = new Map([
      ["ArrowLeft", () => bars[bars.indexOf(bar) - 1]],
      ["ArrowRight", () => bars[bars.indexOf(bar) + 1]],
      ["ArrowUp", () => lanes[lane - 1]?.querySelector(".bar")],
      ["ArrowDown", () => lanes[lane + 1]?.querySelector(".bar")],
      ["Home", () => bars[0]],
      ["End", () => bars[bars.length - 1]],
    ]);
    const next = moves.get(event.key)?.();
    if (!(next instanceof SVGElement)) return;
    event.preventDefault();
    next.focus();
    next.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  /** @param {string} id  of the bar that the tab key reaches */
  #rove(id) {
    const bars = this.#bars;
    const current = bars.find((bar) => bar.id === id) ?? bars[0];
    this.#current = current?.id ?? "";
    for (const bar of bars) {
      const wanted = bar === current ? "0" : "-1";
      if (bar.getAttribute("tabindex") !== wanted) bar.setAttribute("tabindex", wanted);
    }
  }

  get #bars() {
    return [...this.#root.querySelectorAll(".lane-chart .bar")];
  }
}

/**
 * @param {SVGElement} bar  or a pause, which is its own box
 * @param {number} now
 * @param {{span: number, share: number}} axis
 */
function putBar(bar, now, axis) {
  const { start, end } = bar.dataset;
  const { x, width } = place({ start: Number(start), end: end ? Number(end) : now }, axis);
  const box = bar.querySelector(".bar-box") ?? bar;
  box.setAttribute("x", `${x}%`);
  box.setAttribute("width", `${width}%`);
}

/**
 * @param {SVGElement[]} bars  of one lane
 * @param {number} width  in pixels
 */
function putLabels(bars, width) {
  /** @type {Map<string, {bar: SVGElement, x: number, width: number, label: string}[]>} */
  const rows = new Map();
  for (const bar of bars) {
    const box = bar.querySelector(".bar-box");
    const row = box?.getAttribute("y") ?? "";
    const px = (/** @type {string} */ name) =>
      (parseFloat(box?.getAttribute(name) ?? "") * width) / 100;
    const entry = { bar, x: px("x"), width: px("width"), label: bar.dataset.label ?? "" };
    rows.set(row, [...(rows.get(row) ?? []), entry]);
  }
  for (const row of rows.values()) {
    row.sort((a, b) => a.x - b.x);
    for (const [number, where] of labels(row, width).entries()) {
      const { bar, x, width: length } = row[number];
      bar.dataset.labelled = where;
      const aside = bar.querySelector(".bar-aside");
      aside?.setAttribute("x", String(where === "before" ? x : x + length));
      aside?.setAttribute("dx", where === "before" ? "-6" : "6");
    }
  }
}

/**
 * @param {string} name
 * @param {Record<string, string>} attributes
 */
function svg(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}
