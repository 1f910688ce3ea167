/** The Connect page: reports the first run of a new API key, and links to it. */

import { MissionWebSocket } from "../websocket.js";
import { fetchJson } from "./fetch_json.js";
import { PageSocket } from "./page_socket.js";
import { copyOnClick } from "./run_forms.js";

const EVERY_MS = 5_000; // Used while the socket is down.

copyOnClick();
const line = document.getElementById("first-run");
if (line?.dataset.url) follow(line, line.dataset.url);

/**
 * @param {HTMLElement} line
 * @param {string} url
 */
function follow(line, url) {
  const mission = new MissionWebSocket(null, { WebSocket: PageSocket });
  const timer = setInterval(refresh, EVERY_MS);
  let asking = false;

  async function refresh() {
    if (asking) return;
    asking = true;
    const run = await fetchJson(url);
    asking = false;
    if (!run?.url) return;
    clearInterval(timer);
    mission.disconnect();
    const link = document.createElement("a");
    link.href = run.url;
    link.textContent = "Open the run";
    line.replaceChildren(`Received: a run of ${run.crew}. `, link);
  }

  // A run that begins makes its crew busy, and may bring a crew of its own.
  mission.subscribe(refresh);
  mission.connect();
}
