/**
 * The dashboard and the list of runs: statuses of crews at once from the mission socket, everything
 * else from the server. It has one socket, however many runs it shows: a user's sockets are limited.
 */

import { MissionWebSocket } from "../websocket.js";
import { updateCount } from "./approvals_count.js";
import { showStatus } from "./crew_status.js";
import { showLive } from "./live_mark.js";
import { PageSocket } from "./page_socket.js";
import { refreshing } from "./refresh.js";
import { watchProgress } from "./run_progress.js";

const mission = new MissionWebSocket(null, { WebSocket: PageSocket });
const refresh = refreshing(() => {});
watchProgress(() => refresh());

showLive([mission]);
mission.onStateChange(({ state }) => state === "failed" && refresh()); // Some crews may be gone.
mission.subscribe((event) => {
  if (event.type === "signal") {
    updateCount();
    const known = document.getElementById(`crew-${event.payload.crewId}`);
    if (known && !showStatus(event.payload)) return;
  }
  refresh(); // The numbers and the runs have changed too, or a crew has come.
});
mission.connect();
