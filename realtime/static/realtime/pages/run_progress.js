/** Polls the progress of listed runs while one is active and the page is visible. */

import { fetchJson } from "./fetch_json.js";
import { ACTIVE, showEnd, showProgress, showWaitReason } from "./run_rows.js";

/** @import {WaitReason} from "../state/run_state.js"; */

const EVERY_MS = 2_000;
const RUNS_PER_REQUEST = 20; // runs in one question

/** @param {() => void} changed  a run has begun, waits, goes on or is over */
export function watchProgress(changed) {
  let asking = false;
  setInterval(async () => {
    if (asking || document.hidden) return;
    const rows = [...document.querySelectorAll(ACTIVE)].slice(0, RUNS_PER_REQUEST);
    const ids = rows.map((row) => row.getAttribute("data-run") ?? "");
    if (!ids.length) return;
    asking = true;
    const runs = await ask(ids);
    asking = false;
    for (const { run_id, status, wait_reason, tasks_ended } of runs) {
      const row = rows.find((row) => row.getAttribute("data-run") === run_id);
      showProgress(run_id, tasks_ended);
      if (row?.getAttribute("data-status") === status) {
        if (showWaitReason(run_id, wait_reason)) changed();
        continue;
      }
      // A run that begins gets another row, one that ends shows its end at once.
      if (status !== "running" && status !== "queued") showEnd(run_id, status);
      changed();
    }
  }, EVERY_MS);
}

/**
 * @param {string[]} ids
 * @returns {Promise<{run_id: string, status: string, wait_reason: WaitReason, tasks_ended: number}[]>}
 */
async function ask(ids) {
  const query = new URLSearchParams(ids.map((id) => ["run", id]));
  const found = await fetchJson(`/runs/progress/?${query}`);
  return found?.runs ?? [];
}
