import assert from "node:assert/strict";
import { test } from "node:test";

import { bendsOf } from "../../static/realtime/pages/graph_bends.js";
import { plan } from "../../static/realtime/pages/graph_layout.js";

const WIDTHS = [328, 560, 768, 1240];

/**
 * Agents that hand over in this order.
 * @param {number[]} walk
 * @param {number} [count]
 */
function shapeOf(walk, count = Math.max(...walk) + 1) {
  const agents = Array.from({ length: count }, (_, n) => `a${n}`);
  /** @type {[string, string][]} */
  const edges = [];
  for (const [n, agent] of walk.slice(1).entries()) edges.push([`a${walk[n]}`, `a${agent}`]);
  return { agents, edges };
}

const SHAPES = {
  one: shapeOf([0]),
  two: shapeOf([0, 1]),
  twelve: shapeOf([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
  "back and forth": shapeOf([0, 1, 0, 1, 2, 0, 3]),
  "without tasks": shapeOf([0], 5),
};

for (const [name, shape] of Object.entries(SHAPES)) {
  for (const width of WIDTHS) {
    test(`${name}, ${width} px wide: every card is inside and none covers another`, () => {
      const { places, cardWidth, cardHeight, height } = plan(shape, width);
      assert.equal(places.size, shape.agents.length);
      const all = [...places.values()];
      for (const [index, { x, y }] of all.entries()) {
        assert.ok(x - cardWidth / 2 >= 0 && x + cardWidth / 2 <= width, `x ${x} of ${width}`);
        assert.ok(y - cardHeight / 2 >= 0 && y + cardHeight / 2 <= height, `y ${y} of ${height}`);
        for (const other of all.slice(index + 1)) {
          const apart = Math.abs(other.x - x) >= cardWidth || Math.abs(other.y - y) >= cardHeight;
          assert.ok(apart, `${x}, ${y} covers ${other.x}, ${other.y}`);
        }
      }
    });
  }
}

test("work goes from left to right, and on a phone from top to bottom", () => {
  const wide = plan(SHAPES.two, 1240).places;
  assert.ok(Number(wide.get("a0")?.x) < Number(wide.get("a1")?.x));
  assert.equal(wide.get("a0")?.y, wide.get("a1")?.y);
  const phone = plan(SHAPES.two, 328).places;
  assert.ok(Number(phone.get("a0")?.y) < Number(phone.get("a1")?.y));
});

test("a row begins below the end of the row above", () => {
  const { places } = plan(SHAPES.twelve, 1240);
  const all = [...places.values()];
  const turns = all.slice(1).map((place, index) => ({ place, before: all[index] }));
  const down = turns.filter(({ place, before }) => place.row !== before.row);
  assert.ok(down.length > 0);
  for (const { place, before } of down) assert.equal(place.x, before.x);
});

test("straight where the way is free", () => {
  assert.deepEqual(bendsOf(SHAPES.two.edges, plan(SHAPES.two, 1240)), [0]);
});

test("an edge bends around an agent that stands in its way", () => {
  const cards = { cardWidth: 100, cardHeight: 100, height: 600, compact: false };
  const [left, middle, right] = [100, 300, 500].map((x) => ({ x, y: 300, layer: 0, row: 0 }));
  const places = new Map(Object.entries({ left, middle, right }));
  const [around, direct] = bendsOf([["left", "right"], ["left", "middle"]], { ...cards, places });
  // A quadratic curve reaches half way to its control point.
  assert.ok(Math.abs(around) / 2 > 50, String(around));
  assert.equal(direct, 0);
});
