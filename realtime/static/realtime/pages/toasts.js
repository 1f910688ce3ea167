/** Toasts: a tool starts, a tool has ended. Few at a time, and with polite announcements. */

import { span } from "./span.js";
import { duration } from "./times.js";

/** @import {ToolEndEvent, ToolStartEvent} from "../frames.js"; */

const SHOWN_AT_ONCE = 3;
const BURST = 10;
const BURST_MS = 2_000;
const SHOWN_MS = 5_000;
const TROUBLE_SHOWN_MS = 10_000;

const WORDS = new Map([
  ["success", "done in"],
  ["error", "failed after"],
  ["completed_with_errors", "ended with errors after"],
]);

/** @type {number[]} */
let times = [];

/**
 * @param {ToolStartEvent} event
 * @param {string} agent  its name
 */
export function toolStarted({ execution_id, tool }, agent) {
  put(execution_id, "running", "▸", tool, [isolated(agent), " starts it"], SHOWN_MS);
}

/**
 * @param {ToolEndEvent} event
 * @param {string} agent  its name
 */
export function toolEnded({ execution_id, tool, status, duration_s, exit_code }, agent) {
  const code = status === "success" || exit_code === null ? "" : `, exit code ${exit_code}`;
  const words = WORDS.get(status) ?? `${status} after`;
  const detail = [isolated(agent), `: ${words} ${duration(duration_s)}${code}`];
  const shownMs = status === "success" ? SHOWN_MS : TROUBLE_SHOWN_MS;
  put(execution_id, status, status === "success" ? "✓" : "✗", tool, detail, shownMs);
}

/**
 * @param {string} id  of the execution: its end takes the place of its start
 * @param {string} status
 * @param {string} sign
 * @param {string} title
 * @param {(string | Node)[]} detail
 * @param {number} shownMs
 */
function put(id, status, sign, title, detail, shownMs) {
  const area = document.getElementById("toasts");
  if (!area) return;
  const before = [...area.children].find((child) => child.getAttribute("data-execution") === id);
  if (status !== "error" && isBurst()) {
    before?.remove();
    return;
  }
  const toast = document.createElement("div");
  toast.className = "toast-note";
  toast.dataset.status = status;
  toast.dataset.execution = id;
  const text = document.createElement("span");
  const strong = document.createElement("strong");
  strong.textContent = title;
  text.append(strong, span("detail", ...detail));
  toast.append(span("sign", sign), text);

  if (before) before.replaceWith(toast);
  else area.append(toast);
  while (area.children.length > SHOWN_AT_ONCE) area.firstElementChild?.remove();
  setTimeout(() => toast.remove(), shownMs);
}

/** A name that does not turn the words beside it round. @param {string} name */
function isolated(name) {
  const element = document.createElement("bdi");
  element.textContent = name;
  return element;
}

/** Whether there are too many toasts to read. Failures are shown anyway. */
function isBurst() {
  const now = Date.now();
  times = times.filter((time) => now - time < BURST_MS);
  times.push(now);
  return times.length > BURST;
}
