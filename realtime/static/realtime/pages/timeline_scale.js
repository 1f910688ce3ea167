/**
 * Geometry of the timeline. `runs/pages/timeline.py` does the same for the page as served; a test
 * compares `FULL` and `THINNEST` of both.
 */

const PX_PER_TICK = 90;
const FULL = 0.97;
const THINNEST = 0.4; // percent
const LABEL_PX = { char: 6.6, inside: 28, aside: 10 };

/**
 * How many seconds the axis of an unfinished run spans, so that it has room to go on.
 * @param {number} elapsed  seconds
 * @param {number[]} spans  to choose from, ascending; beyond them it is a multiple of the last
 */
export function roomFor(elapsed, spans) {
  const longest = spans[spans.length - 1];
  return (
    spans.find((span) => elapsed <= span * FULL) ?? longest * (Math.floor(elapsed / longest) + 1)
  );
}

/**
 * The round seconds to mark, 0 first.
 * @param {number} span  seconds
 * @param {number[]} steps  between two marks, ascending
 * @param {number} width  of the axis, in pixels
 */
export function ticks(span, steps, width) {
  const most = Math.max(width / PX_PER_TICK, 1);
  const step = steps.find((seconds) => span / seconds <= most) ?? span / most;
  const count = Math.floor(span / step + 1e-9);
  return Array.from({ length: count + 1 }, (_, number) => Number((number * step).toFixed(3)));
}

/**
 * A moment of the run: `0.5 s`, `12 s`, `2:30`, `1:05:00`.
 * @param {number} second
 */
export function clock(second) {
  if (second < 60) return `${Number(second.toFixed(1))} s`;
  const whole = Math.floor(second);
  const pad = (/** @type {number} */ value) => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours ? `${hours}:${pad(minutes)}:${pad(whole % 60)}` : `${minutes}:${pad(whole % 60)}`;
}

/**
 * Where a bar lies, in percent of the chart's width.
 * @param {{start: number, end: number}} bar  seconds
 * @param {{span: number, share: number}} axis  `share`: percent of the width that is time
 */
export function place({ start, end }, { span, share }) {
  const at = (/** @type {number} */ second) => (second / span) * share;
  const x = Math.min(at(start), Math.max(share - THINNEST, 0));
  return { x, width: Math.max(Math.min(at(end), share) - x, THINNEST) };
}

/**
 * Where each label of a row has room: in its bar, else in the gap after or before it, else nowhere.
 * @param {{x: number, width: number, label: string}[]} bars  of one row, from left to right, in pixels
 * @param {number} width  of the row, in pixels
 * @returns {("inside" | "after" | "before" | "none")[]}
 */
export function labels(bars, width) {
  let taken = 0; // up to where the row is full
  return bars.map((bar, number) => {
    const text = bar.label.length * LABEL_PX.char;
    const aside = text + LABEL_PX.aside;
    const end = bar.x + bar.width;
    const free = bar.x - taken;
    taken = end;
    if (text + LABEL_PX.inside <= bar.width) return "inside";
    if (aside <= (bars[number + 1]?.x ?? width) - end) {
      taken = end + aside;
      return "after";
    }
    if (aside <= free) return "before";
    return bar.width > LABEL_PX.inside * 2 ? "inside" : "none";
  });
}
