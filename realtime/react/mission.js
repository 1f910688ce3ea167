import { MissionWebSocket } from "../static/realtime/websocket.js";
import { IDLE, Watched } from "./watched_socket.js";

/** @import {SignalEvent} from "../static/realtime/frames.js"; */
/** @import {Connection, On} from "./watched_socket.js"; */

/**
 * @typedef {Omit<SignalEvent["payload"], "crewId">} CrewStatus
 * @typedef {Connection & {crews: ReadonlyMap<string, CrewStatus>}} MissionView  `crews`: by id
 */

/** @type {MissionView} */
export const NO_MISSION = Object.freeze({ ...IDLE, crews: new Map() });

/**
 * Follows the status of every crew that the user may see.
 * @param {On} on
 * @param {() => void} changed
 */
export function followMission(on, changed) {
  /** @type {Map<string, CrewStatus>} */
  const crews = new Map();
  const socket = new MissionWebSocket(null, on);
  // Each connection begins with the existing crews. It does not report those that are gone.
  let isNew = false;
  const begin = () => {
    crews.clear();
    isNew = false;
  };
  const stop = socket.onStateChange(({ state }) => {
    if (state === "connecting") isNew = true;
    if (state === "live" && isNew) begin(); // Only a `hello` has come: there is no crew any more.
  });
  const watched = new Watched(socket, changed, (message) => {
    if (isNew) begin();
    if (message.type === "signal") {
      const { crewId, ...status } = message.payload;
      crews.set(crewId, status);
    } else if (message.type === "gone") {
      crews.delete(message.stream.slice("mission:".length));
    }
  });
  return {
    /** @returns {MissionView} */
    view: () => ({ ...watched.connection, crews: new Map(crews) }),
    stop() {
      stop();
      watched.stop();
    },
  };
}
