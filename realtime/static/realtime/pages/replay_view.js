/** Draws the scrubber of a run's past: its slider, marks, time and buttons. */

import { KINDS, placesOf } from "./replay_marks.js";
import { setText } from "./set_text.js";
import { clock } from "./timeline_scale.js";

/** @import {About, Mark} from "./recording.js"; */

const STEPS = 1_000; // of the slider

/**
 * @typedef {object} Shown
 * @property {About | undefined} about
 * @property {string | null} at  the moment; null: the present
 * @property {number} last  milliseconds since 1970 of the end, or of the present
 * @property {boolean} isPlaying
 * @property {string} note  shown if there is no other message
 */

export class ReplayView {
  #root;
  #input;

  /**
   * @param {HTMLElement} root  `#replay`
   * @param {HTMLInputElement} input
   */
  constructor(root, input) {
    this.#root = root;
    this.#input = input;
  }

  /** @param {Shown} shown */
  draw({ about, at, last, isPlaying, note }) {
    const isPast = at !== null;
    this.#root.toggleAttribute("data-past", isPast);
    document.body.toggleAttribute("data-past", isPast);
    document.body.toggleAttribute("data-playing", isPlaying);
    document.body.toggleAttribute("data-replay", !this.#root.hidden);
    const isOver = about ? about.is_over : this.#root.hasAttribute("data-over");
    this.part("live").hidden = this.part("copy").hidden = !isPast;
    this.part("live").textContent = isOver ? "To the end" : "Back to live";
    this.#drawPlay(isPlaying);
    if (!about) {
      this.#clear(isOver);
      return this.say(note);
    }
    const first = Date.parse(about.first ?? "");
    const total = Math.max(last - first, 1);
    const then = isPast ? Math.min(Math.max(Date.parse(at) - first, 0), total) : total;
    // No step is shorter than a millisecond, and the last one is the present.
    this.#input.max = String(Math.min(total, STEPS));
    this.#input.value = String((then / total) * Number(this.#input.max));
    this.#drawTime(clock(tenth(then)), clock(tenth(total)), { isPast, isOver });
    for (const kind of KINDS) this.part(kind).hidden = !about.marks.some(([, own]) => own === kind);
    this.#drawMarks(about.marks, first, total);
    if (!about.is_complete)
      this.say(`Reading the run's events: ${Math.round(about.share * 100)} %`);
    else if (about.is_pruned) this.say("Earlier events have been deleted: known from here.");
    else this.say(note);
  }

  /** Nothing is known of the run yet. @param {boolean} isOver */
  #clear(isOver) {
    this.#input.removeAttribute("aria-valuetext");
    this.part("time").textContent = isOver ? "End" : "Live";
    this.part("total").textContent = "";
    for (const kind of KINDS) this.part(kind).hidden = true;
    const box = this.#marks;
    delete box.dataset.shown;
    box.replaceChildren();
  }

  get #marks() {
    return /** @type {HTMLElement} */ (this.#root.querySelector(".replay-marks"));
  }

  /** @param {string} note */
  say(note) {
    setText(this.part("note"), note);
  }

  /** @param {string} name */
  part(name) {
    return /** @type {HTMLElement} */ (this.#root.querySelector(`[data-replay="${name}"]`));
  }

  /**
   * @param {string} then
   * @param {string} whole
   * @param {{isPast: boolean, isOver: boolean}} where
   */
  #drawTime(then, whole, { isPast, isOver }) {
    this.part("time").textContent = isPast ? then : isOver ? "End" : "Live";
    this.part("total").textContent = isPast ? `of ${whole}` : whole;
    const present = isOver ? `the end, after ${whole}` : "live";
    this.#input.setAttribute("aria-valuetext", isPast ? `${then} of ${whole}` : present);
  }

  /** @param {boolean} isPlaying */
  #drawPlay(isPlaying) {
    const button = this.part("play");
    button.setAttribute("aria-label", isPlaying ? "Pause" : "Play");
    button.querySelector("i")?.setAttribute("class", `bi bi-${isPlaying ? "pause" : "play"}-fill`);
  }

  /**
   * @param {Mark[]} marks
   * @param {number} first
   * @param {number} total
   */
  #drawMarks(marks, first, total) {
    const box = this.#marks;
    const key = `${marks.length} ${Math.round(total / 1000)}`;
    if (box.dataset.shown === key) return;
    box.dataset.shown = key;
    const places = placesOf(marks, first, total);
    const drawn = [...places].map(([share, kind]) => {
      const mark = document.createElement("i");
      mark.dataset.kind = kind;
      mark.style.setProperty("--share", String(share));
      return mark;
    });
    box.replaceChildren(...drawn);
  }
}

/** Milliseconds as seconds with one digit. @param {number} milliseconds */
function tenth(milliseconds) {
  return Math.round(milliseconds / 100) / 10;
}
