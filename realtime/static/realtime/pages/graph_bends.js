/** How far edges bend, so that none runs behind the card of an agent it has nothing to do with. */

/** @import {Place, Plan} from "./graph_layout.js"; */

const STEP = 30; // pixels
const STEPS = 16;
const CLEARANCE = 10; // pixels between an edge and a card
const SAMPLES = 24;

/**
 * For each edge the distance of its control point from the straight line, 0 where that is free.
 * Positive is to the right of the edge's direction, as Cytoscape has it.
 * @param {[string, string][]} edges
 * @param {Plan} plan
 */
export function bendsOf(edges, plan) {
  return edges.map(([source, target]) => {
    const [from, to] = [plan.places.get(source), plan.places.get(target)];
    if (!from || !to) return 0;
    const others = [...plan.places].filter(([id]) => id !== source && id !== target);
    const cards = others.map(([, place]) => place);
    const free = candidates().find((bend) => isFree(from, to, bend, cards, plan));
    return free ?? 0;
  });
}

/** 0, then ever wider to both sides. */
function candidates() {
  return [0, ...Array.from({ length: STEPS }, (_, n) => [-(n + 1) * STEP, (n + 1) * STEP]).flat()];
}

/**
 * @param {Place} from
 * @param {Place} to
 * @param {number} bend
 * @param {Place[]} cards
 * @param {Plan} plan
 */
function isFree(from, to, bend, cards, { cardWidth, cardHeight, height }) {
  const length = Math.hypot(to.x - from.x, to.y - from.y) || 1;
  const control = {
    x: (from.x + to.x) / 2 - ((to.y - from.y) / length) * bend,
    y: (from.y + to.y) / 2 + ((to.x - from.x) / length) * bend,
  };
  for (let sample = 1; sample < SAMPLES; sample++) {
    const t = sample / SAMPLES;
    const [a, b, c] = [(1 - t) ** 2, 2 * t * (1 - t), t ** 2];
    const x = a * from.x + b * control.x + c * to.x;
    const y = a * from.y + b * control.y + c * to.y;
    if (y < CLEARANCE || y > height - CLEARANCE) return false;
    const hit = cards.some(
      (card) =>
        Math.abs(card.x - x) < cardWidth / 2 + CLEARANCE && Math.abs(card.y - y) < cardHeight / 2 + CLEARANCE,
    );
    if (hit) return false;
  }
  return true;
}
