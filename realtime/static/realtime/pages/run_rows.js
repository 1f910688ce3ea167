/** Follows the runs that a page lists while they are active, each over its own run socket. */

import { RunWebSocket } from "../websocket.js";
import { PageSocket } from "./page_socket.js";

/** @import {RunMessage} from "../frames.js"; */
/** @import {WaitReason} from "../state/run_state.js"; */

export const ACTIVE = '[data-run]:is([data-status="queued"], [data-status="running"])';
const MOST_SOCKETS = 4; // a user's sockets are limited, and the page has two more

/**
 * @param {object} on
 * @param {(runId: string, message: RunMessage) => void} [on.message]  every event of every run
 * @param {(runId: string) => void} [on.left]  no event of the run follows: it left the list
 * @param {() => void} on.ended  a run is over: the list has changed
 * @returns {() => void} to be called when the list may have changed
 */
export function followRuns({ message, left, ended }) {
  /** @type {Map<string, RunWebSocket>} */
  const sockets = new Map();

  /** @param {string} id */
  const follow = (id) => {
    const socket = new RunWebSocket(id, null, {
      autoReconnect: true,
      log: null,
      WebSocket: PageSocket,
    });
    const tasksEnded = new Set();
    socket.subscribe((event) => {
      if (event.type === "reset") tasksEnded.clear();
      if (event.type === "task_end") tasksEnded.add(event.task_id);
      showProgress(id, tasksEnded.size);
      message?.(id, event);
      if (event.type !== "done") return;
      showEnd(id, event.status);
      ended();
    });
    sockets.set(id, socket);
    socket.connect();
  };

  return () => {
    const active = [...document.querySelectorAll(ACTIVE)].slice(0, MOST_SOCKETS);
    const ids = new Set(active.map((row) => row.getAttribute("data-run") ?? ""));
    for (const [id, socket] of sockets) {
      if (ids.has(id)) continue;
      socket.disconnect();
      sockets.delete(id);
      left?.(id);
    }
    for (const id of ids) if (!sockets.has(id)) follow(id);
  };
}

/**
 * A reported run has no `data-planned`, as nobody knows its length: its meter only shows that it runs.
 * @param {string} id
 * @param {number} ended
 */
export function showProgress(id, ended) {
  const row = document.getElementById(`run-${id}`);
  // A replay begins at nothing; what has ended stays ended.
  if (!row || ended <= Number(row.dataset.ended)) return;
  row.dataset.ended = String(ended);
  const planned = row.dataset.planned === undefined ? undefined : Number(row.dataset.planned);
  const count = planned ?? ended;
  const meter = row.querySelector("[aria-valuenow]");
  meter?.setAttribute("aria-valuenow", String(ended));
  const bar = meter?.firstElementChild;
  if (bar instanceof HTMLElement) bar.style.setProperty("--progress", `${(100 * ended) / count}%`);
  const tasks = count === 1 ? "task" : "tasks";
  for (const element of document.querySelectorAll(`[data-tasks-of="${CSS.escape(id)}"]`)) {
    element.textContent =
      planned === undefined ? `${ended} ${tasks} ended` : `${ended} of ${planned} ${tasks}`;
  }
}

/** Status and text. @type {Map<WaitReason, [string, string]>} */
const BADGES = new Map([
  ["paused", ["paused", "Paused"]],
  ["paused by budget", ["paused", "Paused by budget"]],
  ["waiting", ["waiting", "Waits for approval"]],
]);

/**
 * Why a running run waits, on the badge of its row.
 * @param {string} id
 * @param {WaitReason} reason
 * @returns {boolean} whether the badge has changed
 */
export function showWaitReason(id, reason) {
  const row = document.getElementById(`run-${id}`);
  const badge = row?.querySelector(".status-badge");
  if (!badge || row?.dataset.status !== "running") return false;
  const [status, text] = BADGES.get(reason) ?? ["running", "Running"];
  if (badge.textContent === text) return false;
  badge.setAttribute("data-status", status);
  badge.textContent = text;
  return true;
}

/**
 * At once; the rest of the row follows from the server.
 * @param {string} id
 * @param {string} status
 */
export function showEnd(id, status) {
  const row = document.getElementById(`run-${id}`);
  row?.setAttribute("data-status", status);
  row?.querySelector(".meter")?.remove();
  const badge = row?.querySelector(".status-badge");
  badge?.setAttribute("data-status", status);
  if (badge) badge.textContent = status[0].toUpperCase() + status.slice(1);
}
