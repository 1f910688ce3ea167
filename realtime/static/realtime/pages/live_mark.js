/** The mark that says whether the page is being kept up to date. It never claims more than is so. */

/** @import {LiveSocket} from "../socket.js"; */
/** @import {State, StateChange} from "../options.js"; */

const UNAUTHORIZED = 4401;

/** From worst to best; the page is as live as its worst socket. */
const ORDER = /** @type {const} */ (["offline", "reconnecting", "connecting", "catching up", "live"]);

/** @typedef {typeof ORDER[number] | "finished"} Mark */

/** @type {Record<State, typeof ORDER[number]>} */
const MARK_OF = {
  idle: "connecting",
  connecting: "connecting",
  catching_up: "catching up",
  live: "live",
  retrying: "reconnecting",
  disconnected: "offline",
  failed: "offline",
  closed: "live", // All is told, or the page has let go of it.
};

/** @type {Record<Mark, string>} */
const MEANING = {
  offline: "Nothing new arrives: what you see may be old.",
  reconnecting: "The connection is lost, so what you see may be old. It is tried again by itself.",
  connecting: "The page asks the server what is new.",
  "catching up": "Connected. What has happened in the meantime is on its way.",
  live: "Connected: what happens shows here at once.",
  finished: "The run is over, so nothing changes any more.",
};

/**
 * @param {State[]} states  of the page's sockets
 * @param {{over?: boolean, online: boolean, wasLive?: boolean}} page  whether all is told, whether
 *   there is a network, whether the page was live before
 * @returns {Mark}
 */
export function markOf(states, { over, online, wasLive }) {
  if (over) return "finished";
  if (!online) return "offline";
  const mark = ORDER[Math.min(...states.map((state) => ORDER.indexOf(MARK_OF[state])))];
  // The second time it is not the first connection any more.
  return mark === "connecting" && wasLive ? "reconnecting" : mark;
}

/**
 * Shows the state of `sockets` in the page's mark, whose button tries to connect at once.
 * @param {LiveSocket<any>[]} sockets
 * @param {() => boolean} [isOver]
 * @returns {() => void} shows the state as it is now
 */
export function showLive(sockets, isOver = () => false) {
  let note = "";
  let wasLive = false;
  const show = () => {
    const states = sockets.map(({ state }) => state);
    const mark = markOf(states, { over: isOver(), online: navigator.onLine, wasLive });
    wasLive ||= mark === "live";
    render(mark, note);
  };
  for (const socket of sockets) {
    socket.onStateChange((change) => {
      note = noteOf(change);
      show();
    });
  }
  document.querySelector("[data-live-retry]")?.addEventListener("click", () => {
    for (const socket of sockets) if (socket.state === "retrying") socket.connect();
  });
  addEventListener("online", show);
  addEventListener("offline", show);
  show();
  return show;
}

/**
 * @param {Mark} mark
 * @param {string} note
 */
function render(mark, note) {
  const state = mark.replace(" ", "-");
  // What turns to say that something is under way stands still while nobody knows.
  document.documentElement.dataset.connection = state;
  const element = document.querySelector("[data-live-mark]");
  const text = element?.querySelector("[data-live-text]");
  const words = mark === "offline" && note ? note : mark;
  element?.setAttribute("data-state", state);
  element?.setAttribute("title", MEANING[mark]);
  if (text && text.textContent !== words) text.textContent = words;
}

/** @param {StateChange} change */
function noteOf({ state, code }) {
  if (state !== "failed") return "";
  return code === UNAUTHORIZED ? "signed out: reload to sign in" : "no access: reload the page";
}
