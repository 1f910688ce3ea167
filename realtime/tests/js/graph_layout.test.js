import assert from "node:assert/strict";
import { test } from "node:test";

import { plan } from "../../static/realtime/pages/graph_layout.js";
import { crosses } from "../../static/realtime/pages/graph_route_grid.js";
import { layersOf } from "../../static/realtime/pages/graph_layers.js";
import { pathOf } from "../../static/realtime/pages/graph_path.js";
import { routesOf } from "../../static/realtime/pages/graph_routes.js";

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
  assert.deepEqual(routesOf(SHAPES.two.edges, plan(SHAPES.two, 1240)), [[]]);
});

const CIRCUITS = {
  "a last word to the third": [...SHAPES.twelve.agents.keys(), 2],
  "each to the one before the last": [0, 1, 2, 3, 1, 4, 2, 5, 3, 6, 4, 7],
  "back to the beginning": [...SHAPES.twelve.agents.keys(), 0],
};

for (const [name, walk] of Object.entries(CIRCUITS)) {
  for (const width of WIDTHS) {
    test(`${name}, ${width} px wide: no edge runs behind a card it has nothing to do with`, () => {
      const shape = shapeOf(walk);
      const layout = plan(shape, width);
      const { places, cardWidth, cardHeight, height } = layout;
      const routes = routesOf(shape.edges, layout);
      for (const [index, [source, target]] of shape.edges.entries()) {
        const way = [places.get(source), ...routes[index], places.get(target)];
        for (const [id, { x, y }] of places) {
          if (id === source || id === target) continue;
          const [w, h] = [cardWidth / 2 - 6, cardHeight / 2 - 6]; // less what `crosses` adds
          const card = { left: x - w, right: x + w, top: y - h, bottom: y + h };
          for (const [n, point] of way.slice(1).entries()) {
            assert.ok(
              !crosses(card, /** @type {any} */ (way[n]), /** @type {any} */ (point)),
              `${source} to ${target} by ${id}`,
            );
          }
        }
        for (const { x, y } of routes[index]) assert.ok(x > 0 && x < width && y > 0 && y < height);
      }
    });
  }
}

test("a line that misses a box does not cross it, one that hits or grazes it does", () => {
  const box = { left: 0, right: 100, top: 0, bottom: 50 };
  assert.ok(crosses(box, { x: -50, y: 25 }, { x: 150, y: 25 }));
  assert.ok(crosses(box, { x: -50, y: 53 }, { x: 150, y: 53 }));
  assert.ok(!crosses(box, { x: -50, y: 60 }, { x: 150, y: 60 }));
  assert.ok(!crosses(box, { x: 150, y: -50 }, { x: 150, y: 150 }));
  assert.ok(!crosses(box, { x: -50, y: -20 }, { x: 20, y: -90 }));
});

const CARD = { cardWidth: 100, cardHeight: 60 };

test("an edge begins and ends beside its cards, and a turn is round", () => {
  const straight = pathOf({ x: 0, y: 0 }, [], { x: 300, y: 0 }, CARD);
  assert.equal(straight, "M53 0L245 0M236 4L245 0L236 -4");
  const turned = pathOf({ x: 0, y: 0 }, [{ x: 300, y: 0 }], { x: 300, y: 200 }, CARD);
  assert.match(turned, /^M53 0L288 0Q300 0 300 12L300 165M/);
});

test("two cards that hand over to each other have two edges apart", () => {
  const [from, to] = [
    { x: 0, y: 0 },
    { x: 300, y: 0 },
  ];
  assert.match(pathOf(from, [], to, CARD, true), /Q150 44 /);
  assert.match(pathOf(to, [], from, CARD, true), /Q150 -44 /);
});

test("agents named like properties of objects stand where others would", () => {
  const names = ["constructor", "__proto__", "toString", "valueOf", "hasOwnProperty"];
  /** @type {[string, string][]} */
  const edges = names.slice(1).map((name, index) => [names[index], name]);
  const shape = { agents: [...names, "isPrototypeOf"], edges };
  assert.deepEqual(
    layersOf(shape),
    [...names, "isPrototypeOf"].map((name) => [name]),
  );
  const { places } = plan(shape, 1240);
  const usual = shapeOf([0, 1, 2, 3, 4], 6);
  assert.deepEqual([...places.values()], [...plan(usual, 1240).places.values()]);
  assert.deepEqual(routesOf(edges, plan(shape, 1240)), routesOf(usual.edges, plan(usual, 1240)));
});

test("a layer of many agents takes several columns", () => {
  const { agents, edges } = shapeOf([0], 40);
  for (const agent of agents.slice(1)) edges.push(["a0", agent], [agent, "a0"]);
  const layers = layersOf({ agents, edges });
  assert.deepEqual(layers.flat().sort(), [...agents].sort());
  assert.ok(layers.every((layer) => layer.length <= 8));
});

test("three hundred agents and six hundred hand-overs cost little more than a tenth of them", () => {
  /** @param {number} count */
  const work = (count) => {
    const walk = Array.from({ length: 2 * count }, (_, n) =>
      n < count ? n : (n * n * 7 + 3 * n) % count,
    );
    const shape = shapeOf(walk, count);
    const begin = process.cpuUsage();
    const layout = plan(shape, 1240);
    assert.equal(routesOf(shape.edges, layout).length, shape.edges.length);
    return process.cpuUsage(begin).user;
  };
  work(30);
  const [few, many] = [work(30), work(300)];
  assert.ok(many < Math.max(100 * few, 1_000_000), `${many} µs, of a tenth ${few} µs`);
});
