/** Times in the time zone of this computer. The server writes them in UTC. */

import { setText } from "./set_text.js";

const MINUTE_S = 60;
const HOUR_S = 3_600;
const DAY_S = 86_400;

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });
const absolute = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const short = new Intl.DateTimeFormat(undefined, {
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
});

/**
 * Rewrites every `<time data-relative>` below `root`: how long ago, with the local time as title.
 * @param {ParentNode} root
 */
export function localTimes(root) {
  for (const element of root.querySelectorAll("time[data-relative]")) {
    const moment = new Date(element.getAttribute("datetime") ?? "");
    if (Number.isNaN(moment.getTime())) continue;
    setText(element, ago(moment));
    element.setAttribute("title", absolute.format(moment));
  }
}

/**
 * @param {Date} moment
 * @param {number} [now]  milliseconds since 1970
 */
export function ago(moment, now = Date.now()) {
  const seconds = Math.round((moment.getTime() - now) / 1000);
  const age = Math.abs(seconds);
  if (age < 10) return "just now";
  if (age < MINUTE_S) return relative.format(seconds, "second");
  if (age < HOUR_S) return relative.format(Math.round(seconds / MINUTE_S), "minute");
  if (age < DAY_S) return relative.format(Math.round(seconds / HOUR_S), "hour");
  return short.format(moment);
}

/**
 * Seconds as a person says them: `840 ms`, `3.2 s`, `1 min 04 s`, `2 h 05 min`.
 * @param {number} seconds
 */
export function duration(seconds) {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < MINUTE_S) return `${seconds < 10 ? seconds.toFixed(1) : Math.floor(seconds)} s`;
  const whole = Math.floor(seconds);
  const pad = (/** @type {number} */ value) => String(value).padStart(2, "0");
  if (whole < HOUR_S) return `${Math.floor(whole / MINUTE_S)} min ${pad(whole % MINUTE_S)} s`;
  return `${Math.floor(whole / HOUR_S)} h ${pad(Math.floor((whole % HOUR_S) / MINUTE_S))} min`;
}
