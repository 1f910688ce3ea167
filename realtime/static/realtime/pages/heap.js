/** A binary heap: returns the item with the lowest cost first. */

/** @template Item */
export class Heap {
  /** @type {{cost: number, item: Item}[]} */
  #entries = [];

  get size() {
    return this.#entries.length;
  }

  /**
   * @param {number} cost
   * @param {Item} item
   */
  push(cost, item) {
    const entries = this.#entries;
    let at = entries.length;
    entries.push({ cost, item });
    while (at) {
      const parent = (at - 1) >> 1;
      if (entries[parent].cost <= cost) break;
      entries[at] = entries[parent];
      at = parent;
    }
    entries[at] = { cost, item };
  }

  /** @returns {Item | undefined} */
  pop() {
    const entries = this.#entries;
    const first = entries[0];
    const last = entries.pop();
    if (!last || !entries.length) return first?.item;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= entries.length) break;
      if (entries[child + 1]?.cost < entries[child].cost) child += 1;
      if (entries[child].cost >= last.cost) break;
      entries[at] = entries[child];
      at = child;
    }
    entries[at] = last;
    return first.item;
  }
}
