/** The graph: edges drawn by Cytoscape below the agents' cards, which are elements of the page. */

import cytoscape from "cytoscape";
import { plan } from "./graph_layout.js";
import { routesOf, segments } from "./graph_routes.js";
import { edgeStyle } from "./graph_style.js";

/** @import {Core, EdgeCollection} from "cytoscape"; */
/** @import {Shape} from "./graph_layout.js"; */
/** @import {AgentState} from "./crew_state.js"; */

const DASH_SPEED = 0.03; // pixels a millisecond
const FRAME_MS = 33;
const REDUCED_MOTION = matchMedia("(prefers-reduced-motion: reduce)");

export class GraphView {
  #element;
  #shape;
  /** @type {Core} */
  #cy;
  #width = 0;
  #lastFrame = 0;
  #moving = false;

  /**
   * @param {HTMLElement} element  with the cards, and `.graph-edges` below them
   * @param {Shape} shape
   */
  constructor(element, shape) {
    this.#element = element;
    this.#shape = shape;
    this.#cy = cytoscape({
      container: element.querySelector(".graph-edges"),
      elements: {
        nodes: shape.agents.map((id) => ({ data: { id } })),
        edges: shape.edges.map(([source, target], index) => {
          return { data: { source, target, tasks: shape.tasks?.[index] ?? [], state: "idle" } };
        }),
      },
      layout: { name: "preset" },
      userZoomingEnabled: false,
      userPanningEnabled: false,
      boxSelectionEnabled: false,
      autoungrabify: true,
      autounselectify: true,
    });
    element.classList.add("drawn");
    new ResizeObserver(() => this.#place()).observe(element);
    new MutationObserver(() => this.#restyle()).observe(document.documentElement, {
      attributeFilter: ["data-bs-theme"],
    });
    this.#place();
  }

  /**
   * Edges tell how far the work has come: it flows into an agent that works.
   * @param {(agent: string, tasks: string[]) => AgentState} stateOf  an agent in these tasks
   */
  show(stateOf) {
    this.#cy.batch(() => {
      for (const edge of this.#cy.edges()) {
        const state = stateOf(edge.data("target"), edge.data("tasks"));
        if (edge.data("state") !== state) edge.data("state", state);
      }
    });
    if (!this.#moving && this.#flowing.nonempty()) {
      this.#moving = true;
      requestAnimationFrame(this.#flow);
    }
  }

  /** @returns {EdgeCollection} */
  get #flowing() {
    return this.#cy.edges('[state = "working"]');
  }

  #place() {
    const width = this.#element.clientWidth;
    if (!width || width === this.#width) return;
    this.#width = width;
    const layout = plan(this.#shape, width);
    const { places, cardWidth, cardHeight, height, compact } = layout;
    this.#element.style.height = `${height}px`;
    this.#element.style.setProperty("--card-width", `${cardWidth}px`);
    this.#element.classList.toggle("compact", compact);
    for (const card of this.#element.querySelectorAll("[data-agent]")) {
      const place = places.get(card.getAttribute("data-agent") ?? "");
      if (!place || !(card instanceof HTMLElement)) continue;
      const x = Math.round(place.x - cardWidth / 2);
      card.style.transform = `translate(${x}px, ${Math.round(place.y - cardHeight / 2)}px)`;
      const node = this.#cy.getElementById(card.dataset.agent ?? "");
      node.position({ x: place.x, y: place.y });
      node.data({ width: cardWidth, height: cardHeight });
    }
    const routes = routesOf(this.#shape.edges, layout);
    this.#cy.edges().forEach((edge, index) => {
      const turns = routes[index];
      edge.toggleClass("turned", turns.length > 0);
      const { weights, distances } = segments(turns, edge.source().position(), edge.target().position());
      edge.data({ weights, distances });
    });
    this.#cy.resize();
    this.#cy.viewport({ zoom: 1, pan: { x: 0, y: 0 } });
    this.#restyle();
  }

  #restyle() {
    this.#cy.style(edgeStyle(getComputedStyle(document.documentElement)));
  }

  /** @param {number} now  milliseconds */
  #flow = (now) => {
    const edges = this.#flowing;
    if (edges.empty() || REDUCED_MOTION.matches) {
      this.#moving = false;
      return;
    }
    if (now - this.#lastFrame >= FRAME_MS) {
      this.#lastFrame = now;
      edges.style("line-dash-offset", -now * DASH_SPEED);
    }
    requestAnimationFrame(this.#flow);
  };
}
