/** Routes of the edges: straight if no card is in the way, else through the gaps between cards. */

import { CLEARANCE, Grid, crosses } from "./graph_route_grid.js";
import { Heap } from "./heap.js";

/** @import {Plan} from "./graph_layout.js"; */
/** @import {Box, Crossing, Point} from "./graph_route_grid.js"; */

/** @typedef {{middle: number, room: number}} Gap  `room`: how far beside its middle an edge may run */
/** @typedef {{column: number, row: number, flat: boolean | undefined, cost: number, before?: Step}} Step */

const TURN_COST = 80; // pixels that a way may be longer to save a turn
const SHARED_COST = 600; // the same, to leave or reach a card where no straight edge does
const APART = 7; // pixels between two edges in one gap
const LANES = 3; // as many of them beside each other
const MOST_STEPS = 4_000; // an edge whose way is harder to find is drawn straight
const NEXT = /** @type {const} */ ([
  [1, 0],
  [-1, 0],
  [0, 1],
  [0, -1],
]);

/**
 * For each edge the points where it turns, none where it is straight. It leaves from the middle of
 * its first card and ends in the middle of its last one.
 * @param {[string, string][]} edges
 * @param {Plan} plan
 * @returns {Point[][]}
 */
export function routesOf(edges, plan) {
  /** @type {Point[][]} */
  const routes = edges.map(() => []);
  for (const { index, turns } of routing(edges, plan)) routes[index] = turns;
  return routes;
}

/**
 * The same, one edge after the other, so that the caller can pause between them: the straight ones first.
 * @param {[string, string][]} edges
 * @param {Plan} plan
 * @returns {Generator<{index: number, turns: Point[]}>}
 */
export function* routing(edges, plan) {
  const boxes = [...plan.places.values()].map((place) => boxOf(place, plan));
  const number = new Map([...plan.places.keys()].map((id, index) => [id, index]));
  const blocked = [];
  const taken = new Set();
  for (const [index, [source, target]] of edges.entries()) {
    const [from, to] = [plan.places.get(source), plan.places.get(target)];
    if (!from || !to) continue;
    const own = [number.get(source), number.get(target)];
    if (boxes.some((box, at) => crosses(box, from, to) && !own.includes(at))) {
      blocked.push({ index, from, to, own });
    } else {
      taken.add(side(from, to)).add(side(to, from));
      yield { index, turns: [] };
    }
  }
  if (!blocked.length) return;
  const gaps = gapsOf(boxes, plan);
  /** @type {Grid[]} */
  const grids = [];
  for (const [count, { index, from, to, own }] of blocked.entries()) {
    const lane = count % LANES;
    grids[lane] ??= gridOf(gaps, plan, boxes, (lane - 1) * APART);
    yield { index, turns: way(from, to, grids[lane], taken, own) };
  }
}

/**
 * The lines of one lane: the gaps', and those through the cards' middles, where edges begin and end.
 * @param {{xs: Gap[], ys: Gap[]}} gaps
 * @param {Plan} plan
 * @param {Box[]} boxes
 * @param {number} lane  pixels beside the gaps' middles
 */
function gridOf({ xs, ys }, { places }, boxes, lane) {
  const inGap = (/** @type {Gap} */ { middle, room }) =>
    middle + Math.max(Math.min(lane, room), -room);
  const all = [...places.values()];
  return new Grid(
    { xs: xs.map(inGap), ys: ys.map(inGap) },
    { xs: all.map(({ x }) => x), ys: all.map(({ y }) => y) },
    boxes,
  );
}

/**
 * The side of the card around `from` that faces `to`.
 * @param {Point} from
 * @param {Point} to
 */
function side(from, to) {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const way = Math.abs(dx) > Math.abs(dy) ? `${Math.sign(dx)} 0` : `0 ${Math.sign(dy)}`;
  return `${from.x} ${from.y} ${way}`;
}

/**
 * @param {Point} middle
 * @param {Plan} plan
 * @returns {Box}
 */
function boxOf({ x, y }, { cardWidth, cardHeight }) {
  const [w, h] = [cardWidth / 2, cardHeight / 2];
  return { left: x - w, right: x + w, top: y - h, bottom: y + h };
}

/**
 * The gaps between columns and between rows of cards, and the margins around.
 * @param {Box[]} boxes
 * @param {Plan} plan
 */
function gapsOf(boxes, { width, height }) {
  /** @param {[number, number][]} spans @param {number} end */
  const between = (spans, end) => {
    const sorted = spans.sort(([a], [b]) => a - b);
    /** @type {Gap[]} */
    const gaps = [];
    let reached = 0;
    for (const [begin, until] of [...sorted, [end, end]]) {
      const room = (begin - reached) / 2 - CLEARANCE;
      if (room > 0) gaps.push({ middle: (begin + reached) / 2, room });
      reached = Math.max(reached, until);
    }
    return gaps;
  };
  return {
    xs: between(
      boxes.map(({ left, right }) => [left, right]),
      width,
    ),
    ys: between(
      boxes.map(({ top, bottom }) => [top, bottom]),
      height,
    ),
  };
}

/**
 * The shortest way along the grid that no card blocks, as its turns; straight if there is none.
 * @param {Point} from
 * @param {Point} to
 * @param {Grid} grid
 * @param {Set<string>} taken  sides not to be used
 * @param {(number | undefined)[]} own  numbers of the two cards
 * @returns {Point[]}
 */
function way(from, to, grid, taken, [source, target]) {
  const begin = { column: grid.columnOf(from.x), row: grid.rowOf(from.y) };
  const end = { column: grid.columnOf(to.x), row: grid.rowOf(to.y) };
  const is = (
    /** @type {Step} */ { column, row },
    /** @type {{column: number, row: number}} */ other,
  ) => column === other.column && row === other.row;
  const left = (/** @type {Point} */ { x, y }) => Math.abs(x - to.x) + Math.abs(y - to.y);
  /** @type {Heap<Step>} */
  const open = new Heap();
  open.push(left(from), { ...begin, flat: undefined, cost: 0 });
  const done = new Set();
  while (open.size && done.size < MOST_STEPS) {
    const step = /** @type {Step} */ (open.pop());
    const key = grid.keyOf(step.column, step.row) * 2 + Number(step.flat ?? false);
    if (step.before && done.has(key)) continue;
    if (step.before) done.add(key);
    const here = grid.at(step);
    if (is(step, end)) return turnsOf(step, grid);
    for (const [dc, dr] of NEXT) {
      const flat = dr === 0;
      const turns = step.flat !== undefined && step.flat !== flat;
      const next = { column: step.column + dc, row: step.row + dr, flat, cost: 0, before: step };
      if (!grid.has(next)) continue;
      // Lines through cards that are not the edge's own are crossed and not followed.
      if (turns && !grid.mayTurn(step, begin, end)) continue;
      const blocker = grid.blocker(step, next);
      const isOwn =
        (blocker === source && isAligned(step, next, begin)) ||
        (blocker === target && isAligned(step, next, end));
      if (blocker !== undefined && !isOwn) continue;
      const leaves = is(step, begin);
      const enters = is(next, end);
      const there = grid.at(next);
      const length = Math.abs(there.x - here.x) + Math.abs(there.y - here.y);
      const shared =
        Number(leaves && taken.has(side(here, there))) +
        Number(enters && taken.has(side(there, here)));
      next.cost = step.cost + length + (turns ? TURN_COST : 0) + shared * SHARED_COST;
      open.push(next.cost + left(there), next);
    }
  }
  return [];
}

/**
 * Whether the piece from `a` to `b` lies on one of the two lines through `middle`.
 * @param {Crossing} a
 * @param {Crossing} b
 * @param {Crossing} middle
 */
function isAligned(a, b, { column, row }) {
  return (a.column === column && b.column === column) || (a.row === row && b.row === row);
}

/**
 * @param {Step} last
 * @param {Grid} grid
 */
function turnsOf(last, grid) {
  const points = [];
  for (let step = last; step.before; step = step.before) {
    if (step.before.before && step.flat !== step.before.flat) points.unshift(grid.at(step.before));
  }
  return points;
}
