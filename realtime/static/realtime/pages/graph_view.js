/** The graph: edges as SVG below the agents' cards, which are elements of the page. */

import { plan } from "./graph_layout.js";
import { pathOf } from "./graph_path.js";
import { routing } from "./graph_routes.js";

/** @import {Plan, Shape} from "./graph_layout.js"; */
/** @import {Point} from "./graph_grid.js"; */
/** @import {AgentState} from "./crew_state.js"; */

/** @typedef {{group: SVGElement, line: SVGElement, head: SVGElement, state: AgentState}} Edge */

const SVG = "http://www.w3.org/2000/svg";
const SLICE_MS = 8; // of work on the ways of edges, then the page gets its turn

export class GraphView {
  #element;
  #shape;
  #svg;
  /** @type {Edge[]} */
  #edges;
  /** @type {Map<string, HTMLElement>} */
  #cards;
  #width = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {HTMLElement} element  with the cards, and `.graph-edges` below them
   * @param {Shape} shape
   */
  constructor(element, shape) {
    this.#element = element;
    this.#shape = shape;
    const cards = /** @type {HTMLElement[]} */ ([...element.querySelectorAll("[data-agent]")]);
    this.#cards = new Map(cards.map((card) => [card.dataset.agent ?? "", card]));
    this.#svg = document.createElementNS(SVG, "svg");
    this.#edges = shape.edges.map(() => edgeElements());
    this.#svg.append(...this.#edges.map(({ group }) => group));
    element.querySelector(".graph-edges")?.replaceChildren(this.#svg);
    this.#place();
    element.classList.add("drawn");
    new ResizeObserver(() => this.#place()).observe(element);
  }

  /**
   * Edges tell how far the work has come: it flows into an agent that works.
   * @param {(agent: string, tasks: string[]) => AgentState} stateOf  an agent in these tasks
   */
  show(stateOf) {
    for (const [index, edge] of this.#edges.entries()) {
      const [, target] = this.#shape.edges[index];
      const state = stateOf(target, this.#shape.tasks?.[index] ?? []);
      if (edge.state === state) continue;
      edge.state = state;
      edge.group.setAttribute("data-state", state);
    }
  }

  /** Where everything stands depends on the width and on nothing that happens. */
  #place() {
    const width = this.#element.clientWidth;
    if (!width || width === this.#width) return;
    this.#width = width;
    const layout = plan(this.#shape, width);
    const { places, cardWidth, cardHeight, height, compact } = layout;
    this.#element.style.height = `${height}px`;
    this.#element.style.setProperty("--card-width", `${cardWidth}px`);
    this.#element.classList.toggle("compact", compact);
    for (const [agent, card] of this.#cards) {
      const place = places.get(agent);
      if (!place) continue;
      const x = Math.round(place.x - cardWidth / 2);
      card.style.transform = `translate(${x}px, ${Math.round(place.y - cardHeight / 2)}px)`;
    }
    this.#svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const bent = this.#mutual(layout);
    for (const index of this.#edges.keys()) this.#draw(index, [], layout, bent);
    clearTimeout(this.#timer);
    this.#route(routing(this.#shape.edges, layout), layout, bent);
  }

  /** Two cards that hand over to each other. @param {Plan} layout */
  #mutual({ places }) {
    const name = (/** @type {string} */ from, /** @type {string} */ to) => JSON.stringify([from, to]);
    const all = new Set(this.#shape.edges.map(([from, to]) => name(from, to)));
    return this.#shape.edges.map(([from, to]) => places.has(from) && all.has(name(to, from)));
  }

  /**
   * Finds the ways of edges that cannot be straight, a few at a time.
   * @param {ReturnType<typeof routing>} routes
   * @param {Plan} layout
   * @param {boolean[]} bent
   */
  #route(routes, layout, bent) {
    const until = performance.now() + SLICE_MS;
    while (performance.now() < until) {
      const { done, value } = routes.next();
      if (done) return;
      this.#draw(value.index, value.turns, layout, bent);
    }
    this.#timer = setTimeout(() => this.#route(routes, layout, bent));
  }

  /**
   * @param {number} index
   * @param {Point[]} turns
   * @param {Plan} layout
   * @param {boolean[]} bent
   */
  #draw(index, turns, layout, bent) {
    const [source, target] = this.#shape.edges[index];
    const [from, to] = [layout.places.get(source), layout.places.get(target)];
    if (!from || !to) return;
    const { line, head } = pathOf(from, turns, to, layout, bent[index]);
    this.#edges[index].line.setAttribute("d", line);
    this.#edges[index].head.setAttribute("d", head);
  }
}

/** @returns {Edge} */
function edgeElements() {
  const group = document.createElementNS(SVG, "g");
  const [line, head] = ["edge-line", "edge-head"].map((name) => {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("class", name);
    return path;
  });
  group.setAttribute("class", "edge");
  group.append(line, head);
  return { group, line, head, state: "idle" };
}
