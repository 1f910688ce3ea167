/** The number in the header: how many tool calls wait for a person, in all crews of the user. */

import { fetchJson } from "./fetch_json.js";

const DEBOUNCE_MS = 150;

/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/** Asks the server for the number, soon and once for several events. */
export function updateCount() {
  clearTimeout(timer);
  timer = setTimeout(async () => {
    const url = document.getElementById("approvals-count")?.dataset.url;
    if (!url) return;
    const found = await fetchJson(url);
    if (found) showCount(found.pending);
  }, DEBOUNCE_MS);
}

/** @param {number} pending */
export function showCount(pending) {
  const count = document.getElementById("approvals-count");
  if (!count) return;
  count.textContent = pending > 99 ? "99+" : String(pending);
  count.hidden = !pending;
}
