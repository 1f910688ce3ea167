/** The run page's live mark: how its sockets are, by the worst of them. It claims no more than is so. */

/** @import {LiveSocket} from "../socket.js"; */
/** @import {State} from "../options.js"; */

/** From worst to best. */
const ORDER = /** @type {const} */ (["offline", "retrying", "connecting", "catching up", "live"]);

/** @type {Record<State, typeof ORDER[number]>} */
const WORDS = {
  idle: "connecting",
  connecting: "connecting",
  catching_up: "catching up",
  live: "live",
  retrying: "retrying",
  disconnected: "offline",
  failed: "offline",
  closed: "live", // All is told, or the page has let go of it.
};

/**
 * @param {State[]} states  of the page's sockets
 * @param {{over: boolean, online: boolean}} page  whether the run is over; whether there is a network
 */
export function markOf(states, { over, online }) {
  if (over) return "finished";
  if (!online) return "offline";
  return ORDER[Math.min(...states.map((state) => ORDER.indexOf(WORDS[state])))];
}

/**
 * @param {LiveSocket<any>[]} sockets
 * @param {() => boolean} isOver
 * @returns {() => void} shows the state as it is now
 */
export function liveMark(sockets, isOver) {
  const show = () => {
    const states = sockets.map(({ state }) => state);
    const words = markOf(states, { over: isOver(), online: navigator.onLine });
    const mark = document.querySelector("[data-live-mark]");
    const text = mark?.querySelector("[data-live-text]");
    mark?.setAttribute("data-state", words.replace(" ", "-"));
    if (text && text.textContent !== words) text.textContent = words;
  };
  for (const socket of sockets) socket.onStateChange(show);
  addEventListener("online", show);
  addEventListener("offline", show);
  show();
  return show;
}
