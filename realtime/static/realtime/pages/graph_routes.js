/** The ways of the graph's edges: straight where that is free, else through the gaps between cards. */

/** @import {Plan} from "./graph_layout.js"; */

/** @typedef {{x: number, y: number}} Point */
/** @typedef {{middle: number, room: number}} Gap  `room`: how far beside its middle an edge may run */
/** @typedef {{left: number, right: number, top: number, bottom: number}} Box */

const CLEARANCE = 6; // pixels between an edge and a card that it passes
const TURN_COST = 80; // pixels that a way may be longer to save a turn
const SHARED_COST = 600; // the same, to leave or reach a card where no straight edge does
const APART = 7; // pixels between two edges in one gap
const LANES = 3; // as many of them beside each other

/**
 * For each edge the points where it turns, none where it is straight. It leaves from the middle of
 * its first card and ends in the middle of its last one.
 * @param {[string, string][]} edges
 * @param {Plan} plan
 * @returns {Point[][]}
 */
export function routesOf(edges, plan) {
  const boxes = new Map([...plan.places].map(([id, place]) => [id, boxOf(place, plan)]));
  const gaps = gapsOf([...boxes.values()], plan);
  const ends = edges.map(([source, target]) => {
    const [from, to] = [plan.places.get(source), plan.places.get(target)];
    const others = [...boxes].filter(([id]) => id !== source && id !== target).map(([, box]) => box);
    const isFree = !from || !to || !others.some((box) => crosses(box, from, to));
    return { from, to, isFree };
  });
  const taken = new Set();
  for (const { from, to, isFree } of ends) {
    if (from && to && isFree) taken.add(side(from, to)).add(side(to, from));
  }
  let turned = 0;
  return ends.map(({ from, to, isFree }) => {
    if (!from || !to || isFree) return [];
    const lane = ((turned++ % LANES) - 1) * APART;
    const inGap = (/** @type {Gap} */ { middle, room }) => middle + Math.max(Math.min(lane, room), -room);
    const xs = [...gaps.xs.map(inGap), from.x, to.x];
    const ys = [...gaps.ys.map(inGap), from.y, to.y];
    return way(from, to, [...boxes.values()], { xs, ys, taken });
  });
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
 * Relative to the straight line from the first card's middle to the last one's, as Cytoscape has it.
 * @param {Point[]} points
 * @param {Point} from
 * @param {Point} to
 * @returns {{weights: number[], distances: number[]}}
 */
export function segments(points, from, to) {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const length = Math.hypot(dx, dy) || 1;
  const along = (/** @type {Point} */ { x, y }) => ((x - from.x) * dx + (y - from.y) * dy) / length ** 2;
  const beside = (/** @type {Point} */ { x, y }) => ((y - from.y) * dx - (x - from.x) * dy) / length;
  return { weights: points.map(along), distances: points.map(beside) };
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
    xs: between(boxes.map(({ left, right }) => [left, right]), width),
    ys: between(boxes.map(({ top, bottom }) => [top, bottom]), height),
  };
}

/**
 * The shortest way along these lines that no card blocks, as its turns; straight if there is none.
 * @param {Point} from
 * @param {Point} to
 * @param {Box[]} boxes
 * @param {{xs: number[], ys: number[], taken: Set<string>}} lines  `taken`: sides not to be used
 * @returns {Point[]}
 */
function way(from, to, boxes, { xs, ys, taken }) {
  const columns = [...new Set(xs)].sort((a, b) => a - b);
  const rows = [...new Set(ys)].sort((a, b) => a - b);
  const start = { column: columns.indexOf(from.x), row: rows.indexOf(from.y) };
  /** @typedef {{column: number, row: number, flat: boolean | undefined, cost: number, before?: Step}} Step */
  /** @type {Step[]} */
  let open = [{ ...start, flat: undefined, cost: 0 }];
  const done = new Set();
  const at = (/** @type {{column: number, row: number}} */ { column, row }) => ({ x: columns[column], y: rows[row] });
  while (open.length) {
    const step = open.reduce((best, other) => (other.cost < best.cost ? other : best));
    open = open.filter((other) => other !== step);
    const key = `${step.column} ${step.row} ${step.flat}`;
    if (done.has(key)) continue;
    done.add(key);
    const here = at(step);
    if (here.x === to.x && here.y === to.y) return turns(step, at);
    for (const [dc, dr] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      const next = { column: step.column + dc, row: step.row + dr };
      const there = at(next);
      if (there.x === undefined || there.y === undefined) continue;
      const blocked = boxes.some((box) => !holds(box, from, here) && !holds(box, to, there) && crosses(box, here, there));
      if (blocked) continue;
      const flat = dr === 0;
      const turn = step.flat !== undefined && step.flat !== flat ? TURN_COST : 0;
      const length = Math.abs(there.x - here.x) + Math.abs(there.y - here.y);
      const leaves = here.x === from.x && here.y === from.y && taken.has(side(here, there));
      const enters = there.x === to.x && there.y === to.y && taken.has(side(there, here));
      const shared = (Number(leaves) + Number(enters)) * SHARED_COST;
      open.push({ ...next, flat, cost: step.cost + length + turn + shared, before: step });
    }
  }
  return [];
}

/**
 * @param {any} last  of the steps
 * @param {(step: any) => Point} at
 */
function turns(last, at) {
  const points = [];
  for (let step = last; step.before; step = step.before) {
    if (step.before.before && step.flat !== step.before.flat) points.unshift(at(step.before));
  }
  return points;
}

/**
 * Whether the step leaves or enters the card of an end: `point` is its middle and `end` that end.
 * @param {Box} box
 * @param {Point} end
 * @param {Point} point
 */
function holds({ left, right, top, bottom }, end, point) {
  return end.x === point.x && end.y === point.y && left < end.x && end.x < right && top < end.y && end.y < bottom;
}

/**
 * Whether the straight line between two points comes too near to the box.
 * @param {Box} box
 * @param {Point} a
 * @param {Point} b
 */
export function crosses({ left, right, top, bottom }, a, b) {
  let [enters, leaves] = [0, 1];
  for (const [begin, delta, low, high] of [
    [a.x, b.x - a.x, left - CLEARANCE, right + CLEARANCE],
    [a.y, b.y - a.y, top - CLEARANCE, bottom + CLEARANCE],
  ]) {
    if (!delta && (begin <= low || begin >= high)) return false;
    if (!delta) continue;
    const [one, other] = [(low - begin) / delta, (high - begin) / delta];
    enters = Math.max(enters, Math.min(one, other));
    leaves = Math.min(leaves, Math.max(one, other));
  }
  return enters < leaves;
}
