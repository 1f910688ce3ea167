/** The lines along which edges may run, and the cards that block each piece of them. */

/** @typedef {{x: number, y: number}} Point */
/** @typedef {{left: number, right: number, top: number, bottom: number}} Box */
/** @typedef {{xs: number[], ys: number[]}} Lines */
/** @typedef {{column: number, row: number}} Crossing */

export const CLEARANCE = 6; // pixels between an edge and a card that it passes
const SEVERAL = -1;

export class Grid {
  #columns;
  #rows;
  /** Lines in the gaps between cards, where every edge may turn. */
  #gapColumns;
  #gapRows;
  /** By the number of a crossing the card that the piece right of it, or below it, runs into.
   * @type {Map<number, number>} */
  #right = new Map();
  /** @type {Map<number, number>} */
  #below = new Map();

  /**
   * @param {Lines} gaps
   * @param {Lines} middles  of the cards
   * @param {Box[]} boxes  of the cards
   */
  constructor(gaps, middles, boxes) {
    const lines = (/** @type {number[]} */ values) => [...new Set(values)].sort((a, b) => a - b);
    this.#columns = lines([...gaps.xs, ...middles.xs]);
    this.#rows = lines([...gaps.ys, ...middles.ys]);
    const [xs, ys] = [new Set(gaps.xs), new Set(gaps.ys)];
    this.#gapColumns = this.#columns.map((x) => xs.has(x));
    this.#gapRows = this.#rows.map((y) => ys.has(y));
    for (const [index, box] of boxes.entries()) this.#block(index, box);
  }

  /** @param {Crossing} crossing */
  at({ column, row }) {
    return { x: this.#columns[column], y: this.#rows[row] };
  }

  /** @param {number} x */
  columnOf(x) {
    return firstFrom(this.#columns, x);
  }

  /** @param {number} y */
  rowOf(y) {
    return firstFrom(this.#rows, y);
  }

  /**
   * @param {number} column
   * @param {number} row
   */
  keyOf(column, row) {
    return row * this.#columns.length + column;
  }

  /** @param {Crossing} crossing */
  has({ column, row }) {
    return column in this.#columns && row in this.#rows;
  }

  /**
   * @param {Crossing} here
   * @param {Crossing} begin
   * @param {Crossing} end
   */
  mayTurn({ column, row }, begin, end) {
    const upright = this.#gapColumns[column] || column === begin.column || column === end.column;
    return upright && (this.#gapRows[row] || row === begin.row || row === end.row);
  }

  /**
   * The number of the card that is in the way between two neighbouring crossings, -1 for several.
   * @param {Crossing} a
   * @param {Crossing} b
   * @returns {number | undefined}
   */
  blocker(a, b) {
    const key = this.keyOf(Math.min(a.column, b.column), Math.min(a.row, b.row));
    return (a.row === b.row ? this.#right : this.#below).get(key);
  }

  /**
   * @param {number} index
   * @param {Box} box
   */
  #block(index, { left, right, top, bottom }) {
    const [columns, rows] = [this.#columns, this.#rows];
    const inside = {
      columns: range(columns, left - CLEARANCE, right + CLEARANCE),
      rows: range(rows, top - CLEARANCE, bottom + CLEARANCE),
    };
    const add = (/** @type {Map<number, number>} */ pieces, /** @type {number} */ key) =>
      pieces.set(key, pieces.has(key) ? SEVERAL : index);
    for (let row = inside.rows.first; row < inside.rows.end; row++) {
      for (
        let c = Math.max(inside.columns.first - 1, 0);
        c < Math.min(inside.columns.end, columns.length - 1);
        c++
      ) {
        add(this.#right, this.keyOf(c, row));
      }
    }
    for (let column = inside.columns.first; column < inside.columns.end; column++) {
      for (
        let r = Math.max(inside.rows.first - 1, 0);
        r < Math.min(inside.rows.end, rows.length - 1);
        r++
      ) {
        add(this.#below, this.keyOf(column, r));
      }
    }
  }
}

/**
 * The place of the first value that is not smaller.
 * @param {number[]} sorted
 * @param {number} value
 */
function firstFrom(sorted, value) {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * The places of the values between two others, these excluded.
 * @param {number[]} sorted
 * @param {number} low
 * @param {number} high
 */
function range(sorted, low, high) {
  const first = firstFrom(sorted, low);
  return { first: sorted[first] === low ? first + 1 : first, end: firstFrom(sorted, high) };
}

/**
 * Whether the straight line between two points comes too near to the box.
 * @param {Box} box
 * @param {Point} a
 * @param {Point} b
 */
export function crosses({ left, right, top, bottom }, a, b) {
  const [low, high] = [top - CLEARANCE, bottom + CLEARANCE];
  if ((a.y <= low && b.y <= low) || (a.y >= high && b.y >= high)) return false;
  const [begin, end] = [left - CLEARANCE, right + CLEARANCE];
  if ((a.x <= begin && b.x <= begin) || (a.x >= end && b.x >= end)) return false;
  const [x, y] = [within(a.x, b.x - a.x, begin, end), within(a.y, b.y - a.y, low, high)];
  return Math.max(x[0], y[0], 0) < Math.min(x[1], y[1], 1);
}

/**
 * From where to where on its way a coordinate lies between two values.
 * @param {number} from
 * @param {number} delta
 * @param {number} low
 * @param {number} high
 * @returns {[number, number]}
 */
function within(from, delta, low, high) {
  if (!delta) return from > low && from < high ? [-Infinity, Infinity] : [1, 0];
  const [one, other] = [(low - from) / delta, (high - from) / delta];
  return [Math.min(one, other), Math.max(one, other)];
}
