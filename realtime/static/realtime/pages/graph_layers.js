/**
 * The agents by layer, from the hand-overs alone: linear in agents and edges but for the sorting.
 *
 * A layered layout after Sugiyama: longest-path ranks, then a few sweeps of the barycenter
 * heuristic. Hand-overs come from one sequence of tasks, so the order in which agents first appear
 * shows which edges lead back; these do not count for the ranks.
 */

/** @import {Shape} from "./graph_layout.js"; */

const SWEEPS = 4;
const DEEPEST = 8; // cards below each other; a layer with more of them takes several columns

/** Agents keep their layers whatever the width is. @type {WeakMap<Shape, string[][]>} */
const known = new WeakMap();

/**
 * The layers in the order in which the work reaches them; agents without work come last.
 * @param {Shape} shape
 * @returns {string[][]}
 */
export function layersOf(shape) {
  const found = known.get(shape) ?? compute(shape);
  known.set(shape, found);
  return found;
}

/**
 * @param {Shape} shape
 * @returns {string[][]}
 */
function compute({ agents, edges }) {
  const present = new Set(agents);
  const between = edges.filter(([from, to]) => from !== to && present.has(from) && present.has(to));
  const working = [...new Set(between.flat())];
  const order = new Map(working.map((agent, index) => [agent, index]));
  const at = (/** @type {string} */ agent) => /** @type {number} */ (order.get(agent));
  /** @type {number[][]} */
  const after = working.map(() => []);
  /** @type {number[][]} */
  const neighbours = working.map(() => []);
  for (const [from, to] of between) {
    if (at(from) < at(to)) after[at(from)].push(at(to));
    neighbours[at(from)].push(at(to));
    neighbours[at(to)].push(at(from));
  }
  const rank = working.map(() => 0);
  for (const [agent, following] of after.entries()) {
    for (const next of following) rank[next] = Math.max(rank[next], rank[agent] + 1);
  }
  /** @type {number[][]} */
  const layers = [];
  for (const [agent, layer] of rank.entries()) (layers[layer] ??= []).push(agent);
  for (let sweep = 0; sweep < SWEEPS; sweep++) sortByNeighbours(layers, neighbours);
  const named = layers.flatMap(columns).map((layer) => layer.map((agent) => working[agent]));
  const idle = agents.filter((agent) => !order.has(agent)).map((agent) => [agent]);
  return [...named, ...idle];
}

/**
 * Each agent moves to the mean height of those it works with, so that few edges cross.
 * @param {number[][]} layers
 * @param {number[][]} neighbours
 */
function sortByNeighbours(layers, neighbours) {
  /** @type {number[]} */
  const height = [];
  const measure = (/** @type {number[]} */ layer) => {
    for (const [place, agent] of layer.entries()) height[agent] = place - (layer.length - 1) / 2;
  };
  layers.forEach(measure);
  for (const layer of layers) {
    const wanted = new Map(
      layer.map((agent) => {
        const heights = neighbours[agent].map((other) => height[other]);
        return [agent, heights.reduce((sum, one) => sum + one, 0) / heights.length];
      }),
    );
    layer.sort((a, b) => Number(wanted.get(a)) - Number(wanted.get(b)));
    measure(layer);
  }
}

/**
 * @template Item
 * @param {Item[]} layer
 * @returns {Item[][]}
 */
function columns(layer) {
  const count = Math.ceil(layer.length / DEEPEST);
  const depth = Math.ceil(layer.length / count);
  return Array.from({ length: count }, (_, n) => layer.slice(n * depth, (n + 1) * depth));
}
