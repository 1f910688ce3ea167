/** A tooltip next to a bar of the timeline, on hover and focus. */

import { duration } from "./times.js";

const GAP_PX = 8;

const WORDS = new Map([
  ["completed_with_errors", "completed with errors"],
  ["pending", "to come"],
  ["skipped", "not begun"],
]);

export class TimelineTip {
  #now;
  #tip;

  /**
   * @param {HTMLElement} root  the run page
   * @param {() => number} now  seconds after the run's start
   */
  constructor(root, now) {
    this.#now = now;
    this.#tip = /** @type {HTMLElement} */ (document.getElementById("bar-tip"));
    for (const type of ["pointerover", "focusin"]) {
      root.addEventListener(type, ({ target }) => this.#show(barOf(target)));
    }
    for (const type of ["pointerout", "focusout"]) {
      root.addEventListener(type, () => this.#show(barOf(document.activeElement)));
    }
    addEventListener("scroll", () => this.#show(null), { capture: true, passive: true });
    addEventListener("keydown", ({ key }) => {
      if (key === "Escape") this.#show(null);
    });
  }

  /** @param {SVGElement | null} bar */
  #show(bar) {
    const visible = bar?.matches(":hover, :focus-visible");
    this.#tip.hidden = !visible;
    if (!bar || !visible) return;
    const title = document.createElement("strong");
    title.textContent = bar.dataset.label ?? "";
    this.#tip.replaceChildren(title, describe(bar.dataset, this.#now()));
    const box = /** @type {Element} */ (bar.querySelector(".bar-box")).getBoundingClientRect();
    const { offsetWidth, offsetHeight } = this.#tip;
    const left = Math.min(Math.max(box.left, GAP_PX), innerWidth - offsetWidth - GAP_PX);
    const above = box.top - offsetHeight - GAP_PX;
    this.#tip.style.left = `${left}px`;
    this.#tip.style.top = `${above > 0 ? above : box.bottom + GAP_PX}px`;
  }
}

/** @param {EventTarget | null} target */
function barOf(target) {
  const bar = target instanceof Element && target.closest(".lane-chart .bar");
  return bar instanceof SVGElement ? bar : null;
}

/**
 * @param {DOMStringMap} bar  its data attributes
 * @param {number} now
 */
export function describe({ status = "", start, end, exit, note }, now) {
  const parts = [WORDS.get(status) ?? status];
  if (start !== undefined) parts.push(duration((end ? Number(end) : now) - Number(start)));
  if (exit !== undefined) parts.push(`exit code ${exit}`);
  if (note) parts.push(note);
  return parts.join(" · ");
}
