/** Positions of the agents: in layers, folded into as many rows as the width requires. */

import { layersOf } from "./graph_layers.js";

/**
 * @typedef {object} Shape
 * @property {string[]} agents
 * @property {[string, string][]} edges  between them
 * @property {string[][]} [tasks]  for each edge the ids of the tasks that begin by it
 * @typedef {{x: number, y: number, layer: number, row: number}} Place  x and y of a card's middle
 * @typedef {object} Plan
 * @property {Map<string, Place>} places
 * @property {number} cardWidth
 * @property {number} cardHeight
 * @property {number} width  of the whole
 * @property {number} height  of the whole
 * @property {boolean} compact  cards of the narrow kind
 */

// Pixels. Heights are those of the style sheet.
const WIDE = { width: 240, height: 124, gapX: 60, gapY: 72 };
const NARROW = { width: 158, height: 136, gapX: 26, gapY: 44 };
const WIDEST = 320;
const WIDEST_GAP = 128;
const MARGIN = 40;
const NARROW_MARGIN = 22;
const AGENTS_IN_ONE_COLUMN = 3;

/**
 * Every width has a readable plan: rows instead of a smaller scale. Rows run to and fro, so that
 * the first card of a row stands below the last one of the row above.
 * @param {Shape} shape
 * @param {number} width  in pixels
 * @returns {Plan}
 */
export function plan(shape, width) {
  const narrow = width < 2 * WIDE.width + WIDE.gapX + 2 * MARGIN;
  const compact = narrow && shape.agents.length > AGENTS_IN_ONE_COLUMN;
  const margin = narrow ? NARROW_MARGIN : MARGIN;
  const size = compact ? { ...NARROW } : { ...WIDE };
  if (narrow && !compact) size.width = Math.min(width - 2 * margin, WIDEST);
  if (compact) size.width = Math.min((width - 2 * margin - size.gapX) / 2, 220);

  const layers = layersOf(shape);
  const room = Math.max(1, Math.floor((width - 2 * margin + size.gapX) / (size.width + size.gapX)));
  const rows = Math.ceil(layers.length / room);
  const perRow = Math.ceil(layers.length / rows);

  // The remaining width is given to cards and gaps.
  const spare = (width - 2 * margin + size.gapX) / perRow - size.width - size.gapX;
  if (!compact) {
    size.width = Math.min(size.width + spare / 2, WIDEST);
    size.gapX = Math.min(size.gapX + spare / 2, WIDEST_GAP);
  }

  /** @type {Map<string, Place>} */
  const places = new Map();
  const stepX = size.width + size.gapX;
  const left = (width - (perRow * stepX - size.gapX)) / 2 + size.width / 2;
  let top = margin;
  for (let row = 0; row < rows; row++) {
    const inRow = layers.slice(row * perRow, (row + 1) * perRow);
    const depth = Math.max(...inRow.map((layer) => layer.length));
    const stepY = size.height + size.gapY / 2;
    const rowHeight = depth * stepY - size.gapY / 2;
    inRow.forEach((layer, index) => {
      const column = row % 2 ? perRow - 1 - index : index;
      const y = top + (rowHeight - (layer.length * stepY - size.gapY / 2)) / 2 + size.height / 2;
      layer.forEach((agent, place) => {
        const position = { x: left + column * stepX, y: y + place * stepY };
        places.set(agent, { ...position, layer: row * perRow + index, row });
      });
    });
    top += rowHeight + size.gapY;
  }
  const height = top - size.gapY + margin + (narrow ? 18 : 0);
  return { places, cardWidth: size.width, cardHeight: size.height, width, height, compact };
}
