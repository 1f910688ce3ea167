/** The dashboard: statuses at once from the mission socket, everything else from the server. */

import { MissionWebSocket } from "../websocket.js";
import { showStatus } from "./crew_status.js";
import { showLive } from "./live_mark.js";
import { refreshing } from "./refresh.js";
import { followRuns } from "./run_rows.js";

const mission = new MissionWebSocket();
const runsChanged = followRuns({ ended: () => refresh() });
const refresh = refreshing(runsChanged);

showLive([mission]);
mission.onStateChange(({ state }) => state === "failed" && refresh()); // Some of it may be gone.
mission.subscribe((event) => {
  if (event.type === "signal") {
    const known = document.getElementById(`crew-${event.payload.crewId}`);
    if (known && !showStatus(event.payload)) return;
  }
  refresh(); // The numbers and the runs have changed too, or a crew has come.
});
mission.connect();
runsChanged();
