/** The marks of a run's past: where the scrubber draws them, and which one a jump leads to. No DOM. */

/** @import {Mark} from "./recording.js"; */

const PLACES = 500; // of the track

/** In the order of their buttons. @type {readonly Mark[1][]} */
export const KINDS = ["error", "handoff", "approval", "control"];

/**
 * The share of the track at which each mark is drawn, with its kind. An error covers what else is
 * at the same place.
 * @param {Mark[]} marks
 * @param {number} first  milliseconds since 1970 of the track's begin
 * @param {number} total  milliseconds
 */
export function placesOf(marks, first, total) {
  /** @type {Map<number, Mark[1]>} */
  const places = new Map();
  for (const [at, kind] of marks) {
    const share = Math.round(((Date.parse(at) - first) / total) * PLACES) / PLACES;
    if (kind === "error" || !places.has(share)) places.set(share, kind);
  }
  return places;
}

/**
 * The time of the next mark of the kind after the moment; after the last one, that of the first.
 * @param {Mark[]} marks
 * @param {Mark[1]} kind
 * @param {string | null} at  null: the present
 */
export function nextOf(marks, kind, at) {
  const times = marks.filter(([, own]) => own === kind).map(([time]) => time);
  return times.find((time) => time > (at ?? "9")) ?? times[0];
}
