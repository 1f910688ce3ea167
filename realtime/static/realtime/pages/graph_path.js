/** An edge of the graph as SVG path data: a line that ends in an arrow head. */

/** @import {Point} from "./graph_route_grid.js"; */
/** @import {Plan} from "./graph_layout.js"; */

const [GAP_BEFORE, GAP_AFTER] = [3, 5]; // pixels between an edge and its cards
const RADIUS = 12;
const BEND = 22; // of two straight edges between the same cards, to either side
const [HEAD_LENGTH, HEAD_WIDTH] = [9, 8];

/**
 * @param {Point} from  the first card's middle
 * @param {Point[]} turns
 * @param {Point} to  the last card's middle
 * @param {Pick<Plan, "cardWidth" | "cardHeight">} plan
 * @param {boolean} [bent]  another straight edge leads back
 * @returns {string}
 */
export function pathOf(from, turns, to, { cardWidth, cardHeight }, bent = false) {
  const size = { width: cardWidth, height: cardHeight };
  const middle = bent && !turns.length ? bend(from, to) : undefined;
  const inner = middle ? [middle] : turns;
  const begin = leave(from, inner[0] ?? to, size, GAP_BEFORE);
  const tip = leave(to, inner.at(-1) ?? from, size, GAP_AFTER);
  const line = middle
    ? `M${text(begin)}Q${text(middle)} ${text(tip)}`
    : `M${text(begin)}${corners([begin, ...turns, tip])}L${text(tip)}`;
  return line + head(tip, direction(inner.at(-1) ?? begin, tip));
}

/**
 * Where the way from the middle of a card to `next` leaves the card.
 * @param {Point} middle
 * @param {Point} next
 * @param {{width: number, height: number}} size
 * @param {number} gap
 * @returns {Point}
 */
function leave(middle, next, { width, height }, gap) {
  const { x, y } = direction(middle, next);
  const distance = Math.min(width / 2 / Math.abs(x), height / 2 / Math.abs(y)) + gap;
  return { x: middle.x + x * distance, y: middle.y + y * distance };
}

/**
 * @param {Point} from
 * @param {Point} to
 */
function bend(from, to) {
  const { x, y } = direction(from, to);
  return { x: (from.x + to.x) / 2 - y * BEND * 2, y: (from.y + to.y) / 2 + x * BEND * 2 };
}

/**
 * @param {Point} from
 * @param {Point} to
 * @returns {Point} of length 1
 */
function direction(from, to) {
  const length = Math.hypot(to.x - from.x, to.y - from.y);
  return length ? { x: (to.x - from.x) / length, y: (to.y - from.y) / length } : { x: 1, y: 0 };
}

/** @param {Point[]} points  where the way begins, turns and ends */
function corners(points) {
  return points
    .slice(1, -1)
    .map((turn, index) => {
      const [before, after] = [points[index], points[index + 2]];
      const radius = Math.min(RADIUS, distance(before, turn) / 2, distance(turn, after) / 2);
      const [back, on] = [direction(turn, before), direction(turn, after)];
      const enters = { x: turn.x + back.x * radius, y: turn.y + back.y * radius };
      const leaves = { x: turn.x + on.x * radius, y: turn.y + on.y * radius };
      return `L${text(enters)}Q${text(turn)} ${text(leaves)}`;
    })
    .join("");
}

/**
 * @param {Point} tip
 * @param {Point} towards
 */
function head(tip, { x, y }) {
  const base = { x: tip.x - x * HEAD_LENGTH, y: tip.y - y * HEAD_LENGTH };
  const [left, right] = [1, -1].map((way) => {
    return text({ x: base.x - (y * HEAD_WIDTH * way) / 2, y: base.y + (x * HEAD_WIDTH * way) / 2 });
  });
  return `M${left}L${text(tip)}L${right}`;
}

/**
 * @param {Point} a
 * @param {Point} b
 */
function distance(a, b) {
  return Math.hypot(a.x - b.x, a.y - b.y);
}

/** @param {Point} point */
function text({ x, y }) {
  return `${Math.round(x * 10) / 10} ${Math.round(y * 10) / 10}`;
}
