/** The graph: edges as SVG below the agents' cards, which are elements of the page. */

import { plan } from "./graph_layout.js";
import { pathOf } from "./graph_path.js";
import { routing } from "./graph_routes.js";

/** @import {Plan, Shape} from "./graph_layout.js"; */
/** @import {Point} from "./graph_route_grid.js"; */
/** @import {AgentState} from "../state/crew_state.js"; */

/** @typedef {{path: SVGElement, state: AgentState}} Edge  one element each: there may be hundreds */

const SVG = "http://www.w3.org/2000/svg";
const SLICE_MS = 8; // of work on the ways of edges, then the page gets its turn

export class GraphView {
  #element;
  #shape;
  #svg;
  /** @type {Edge[]} */
  #edges = [];
  /** @type {Map<string, HTMLElement>} */
  #cards = new Map();
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
    this.#svg = document.createElementNS(SVG, "svg");
    this.#take(shape);
    element.querySelector(".graph-edges")?.replaceChildren(this.#svg);
    // Its first call comes before the first paint, when the width is known without asking for it.
    new ResizeObserver(([{ borderBoxSize }]) => {
      const width = borderBoxSize[0].inlineSize;
      if (!width || width === this.#width) return;
      element.classList.remove("growing");
      this.#place(width);
    }).observe(element);
  }

  get element() {
    return this.#element;
  }

  /**
   * @param {string} from
   * @param {string} to
   */
  hasEdge(from, to) {
    return this.#shape.edges.some(([source, target]) => source === from && target === to);
  }

  /**
   * Called when agents or edges were added or removed. The others keep their elements and move.
   * @param {Shape} shape
   */
  grow(shape) {
    const before = new Set(this.#cards.keys());
    this.#take(shape);
    for (const [agent, card] of this.#cards) card.classList.toggle("new", !before.has(agent));
    this.#element.classList.add("growing");
    if (this.#width) this.#place(this.#width);
  }

  /** @param {Shape} shape */
  #take(shape) {
    const key = (/** @type {[string, string]} */ edge) => JSON.stringify(edge);
    const known = new Map(this.#shape.edges.map((edge, index) => [key(edge), this.#edges[index]]));
    const cards = /** @type {HTMLElement[]} */ ([
      ...this.#element.querySelectorAll("[data-agent]"),
    ]);
    this.#cards = new Map(cards.map((card) => [card.dataset.agent ?? "", card]));
    this.#edges = shape.edges.map((edge) => known.get(key(edge)) ?? edgeElement());
    this.#shape = shape;
    const stays = new Set(this.#edges.map(({ path }) => path));
    for (const path of [...this.#svg.children])
      if (!stays.has(/** @type {SVGElement} */ (path))) path.remove();
  }

  /**
   * Edges show the progress: those into a working agent are animated.
   * @param {(agent: string, tasks: string[]) => AgentState} stateOf  an agent in these tasks
   */
  show(stateOf) {
    for (const [index, edge] of this.#edges.entries()) {
      const [, target] = this.#shape.edges[index];
      const state = stateOf(target, this.#shape.tasks?.[index] ?? []);
      if (edge.state === state) continue;
      edge.state = state;
      edge.path.setAttribute("data-state", state);
    }
  }

  /** Where everything stands depends on the width and on nothing that happens. @param {number} width */
  #place(width) {
    this.#width = width;
    const layout = plan(this.#shape, width);
    const { places, cardWidth, cardHeight, height, compact } = layout;
    this.#element.style.height = `${height}px`;
    this.#element.style.setProperty("--card-width", `${cardWidth}px`);
    this.#element.classList.add("drawn");
    this.#element.classList.toggle("compact", compact);
    for (const [agent, card] of this.#cards) {
      const place = places.get(agent);
      if (!place) continue;
      const x = Math.round(place.x - cardWidth / 2);
      card.style.transform = `translate(${x}px, ${Math.round(place.y - cardHeight / 2)}px)`;
    }
    this.#svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const bent = this.#mutual(layout);
    clearTimeout(this.#timer);
    // The cards first: a task of its own for each slice of the edges, however many there are.
    const routes = routing(this.#shape.edges, layout);
    this.#timer = setTimeout(() => this.#route(routes, layout, bent));
  }

  /** Two cards that hand over to each other. @param {Plan} layout */
  #mutual({ places }) {
    const name = (/** @type {string} */ from, /** @type {string} */ to) =>
      JSON.stringify([from, to]);
    const all = new Set(this.#shape.edges.map(([from, to]) => name(from, to)));
    return this.#shape.edges.map(([from, to]) => places.has(from) && all.has(name(to, from)));
  }

  /**
   * Finds the ways of the edges and draws them, a few at a time.
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
    const { path } = this.#edges[index];
    path.setAttribute("d", pathOf(from, turns, to, layout, bent[index]));
    if (!path.isConnected) this.#svg.append(path);
  }
}

/** @returns {Edge} */
function edgeElement() {
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("class", "edge");
  return { path, state: "idle" };
}
