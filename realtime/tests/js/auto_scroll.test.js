import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { follow } from "../../static/realtime/pages/auto_scroll.js";

/** A text of 1,000 pixels in a window of 100. */
class Scroller extends EventTarget {
  scrollHeight = 1_000;
  clientHeight = 100;
  #top = 0;

  get scrollTop() {
    return this.#top;
  }

  set scrollTop(top) {
    this.#top = Math.min(top, this.scrollHeight - this.clientHeight);
  }

  /** @param {number} top */
  scrolled(top) {
    this.scrollTop = top;
    this.dispatchEvent(new Event("scroll"));
  }
}

class InView {
  /** @param {(entries: {isIntersecting: boolean}[]) => void} seen */
  constructor(seen) {
    this.seen = seen;
  }

  observe() {
    this.seen([{ isIntersecting: true }]);
  }
}

const button = { hidden: true, addEventListener() {} };
/** @type {Scroller} */
let scroller;
/** @type {() => void} */
let grown;

beforeEach(() => {
  Object.assign(globalThis, { IntersectionObserver: InView });
  button.hidden = true;
  scroller = new Scroller();
  grown = follow(/** @type {any} */ (scroller), /** @type {any} */ (button));
});

test("a text that has grown since the last scroll is followed to its end", () => {
  assert.equal(scroller.scrollTop, 900);
  scroller.scrollHeight = 1_500;
  scroller.scrolled(900);
  assert.deepEqual([scroller.scrollTop, button.hidden], [1_400, true]);
});

test("a reader who scrolls up stays there, and the button is shown", () => {
  scroller.scrolled(300);
  scroller.scrollHeight = 2_000;
  grown();
  assert.deepEqual([scroller.scrollTop, button.hidden], [300, false]);
});

test("a reader who scrolls up to what is then laid out higher stays there, too", () => {
  scroller.scrollHeight = 1_200;
  scroller.scrolled(300);
  assert.deepEqual([scroller.scrollTop, button.hidden], [300, false]);
});

test("a text that is laid out lower is still followed", () => {
  scroller.scrollHeight = 600;
  scroller.scrolled(900);
  assert.deepEqual([scroller.scrollTop, button.hidden], [500, true]);
  scroller.scrollHeight = 700;
  grown();
  assert.equal(scroller.scrollTop, 600);
});
