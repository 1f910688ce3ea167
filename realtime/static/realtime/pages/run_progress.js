/** Polls the progress of listed runs while one is active and the page is visible. */

import { fetchJson } from "./fetch_json.js";
import { ACTIVE, showEnd, showHold, showProgress } from "./run_rows.js";

/** @import {Hold} from "../state/run_state.js"; */

const EVERY_MS = 2_000;
const MOST = 20; // runs in one question

/** @param {() => void} changed  a run has begun, is held up, goes on or is over */
export function watchProgress(changed) {
  let asking = false;
  setInterval(async () => {
    if (asking || document.hidden) return;
    const rows = [...document.querySelectorAll(ACTIVE)].slice(0, MOST);
    const ids = rows.map((row) => row.getAttribute("data-run") ?? "");
    if (!ids.length) return;
    asking = true;
    const runs = await ask(ids);
    asking = false;
    for (const { run_id, status, hold, tasks_ended } of runs) {
      const row = rows.find((row) => row.getAttribute("data-run") === run_id);
      showProgress(run_id, tasks_ended);
      if (row?.getAttribute("data-status") === status) {
        if (showHold(run_id, hold)) changed();
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
 * @returns {Promise<{run_id: string, status: string, hold: Hold, tasks_ended: number}[]>}
 */
async function ask(ids) {
  const query = new URLSearchParams(ids.map((id) => ["run", id]));
  const found = await fetchJson(`/runs/progress/?${query}`);
  return found?.runs ?? [];
}
