/** The mark that shows whether the page is up to date. If in doubt, it shows the worse state. */

import { OVERLOADED, UNAUTHORIZED } from "../close_codes.js";
import { setText } from "./set_text.js";

/** @import {LiveSocket} from "../socket.js"; */
/** @import {State, StateChange} from "../options.js"; */

/** From worst to best. The page shows the state of its worst socket. */
const ORDER = /** @type {const} */ ([
  "offline",
  "reconnecting",
  "connecting",
  "catching up",
  "live",
]);

/** @typedef {typeof ORDER[number] | "finished" | "limited"} Mark */

/** @type {Map<State, typeof ORDER[number]>} */
const MARK_OF = new Map([
  ["idle", "connecting"],
  ["connecting", "connecting"],
  ["catching_up", "catching up"],
  ["live", "live"],
  ["retrying", "reconnecting"],
  ["disconnected", "offline"],
  ["failed", "offline"],
  ["closed", "live"], // After the last event, or closed by the page.
]);

/** @type {Map<Mark, string>} */
const MEANING = new Map([
  ["offline", "Nothing new arrives: what you see may be old."],
  [
    "reconnecting",
    "The connection is lost, so what you see may be old. It is tried again by itself.",
  ],
  ["connecting", "The page asks the server what is new."],
  ["catching up", "Connected. What has happened in the meantime is on its way."],
  ["live", "Connected: what happens shows here at once."],
  ["finished", "The run is over, so nothing changes any more."],
  ["limited", "The limit of open connections is reached. The page tries again within a minute."],
]);

/**
 * @param {State[]} states  of the page's sockets
 * @param {{over?: boolean, online: boolean, wasLive?: boolean, limited?: boolean}} page  whether
 *   the run is over, whether the browser has a network, whether the page was live before, whether a
 *   limit of the server keeps it from connecting
 * @returns {Mark}
 */
export function markOf(states, { over, online, wasLive, limited }) {
  if (over) return "finished";
  const marks = states.map((state) => MARK_OF.get(state) ?? "offline");
  const mark = ORDER[Math.min(...marks.map((mark) => ORDER.indexOf(mark)))];
  const waits = mark === "connecting" || mark === "reconnecting";
  // An open socket counts more than the browser's state, which may ignore a VPN or localhost.
  if (waits && !online) return "offline";
  if (waits && limited) return "limited";
  // After the page has been live once, it is a reconnect.
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
  /** Why the server let a socket not in, until it does. @type {Map<LiveSocket<any>, string>} */
  const limits = new Map();
  const show = () => {
    const states = sockets.map(({ state }) => state);
    const [limit] = limits.values();
    const page = {
      over: isOver(),
      online: navigator.onLine,
      wasLive,
      limited: limit !== undefined,
    };
    const mark = markOf(states, page);
    wasLive ||= mark === "live";
    render(mark, mark === "limited" ? adviceOn(limit) : { words: mark === "offline" ? note : "" });
  };
  for (const socket of sockets) {
    socket.onStateChange((change) => {
      const { state, code, reason = "" } = change;
      note = noteOf(change);
      if (state === "retrying" && code === OVERLOADED) limits.set(socket, reason);
      else if (state !== "connecting") limits.delete(socket);
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
 * @param {string} reason  of the close frame
 * @returns {{words: string, title: string}} for the mark: the limit, and what to do
 */
export function adviceOn(reason) {
  const again = "The page tries again within a minute.";
  if (/^This (user|address) /.test(reason)) {
    return { words: "too many connections: close some", title: `${reason} ${again}` };
  }
  if (reason.includes("full"))
    return { words: "server full: waiting", title: `${reason} ${again}` };
  return { words: "limit reached: waiting", title: `${reason} ${again}`.trim() };
}

/**
 * @param {Mark} mark
 * @param {{words: string, title?: string}} note  instead of the mark's own
 */
function render(mark, { words: own, title }) {
  const state = mark.replace(" ", "-");
  // Spinners stop while the state is unknown.
  document.documentElement.dataset.connection = state;
  const element = document.querySelector("[data-live-mark]");
  element?.setAttribute("data-state", state);
  element?.setAttribute("title", title ?? MEANING.get(mark) ?? "");
  setText(element?.querySelector("[data-live-text]") ?? null, own || mark);
}

/** @param {StateChange} change */
function noteOf({ state, code }) {
  if (state !== "failed") return "";
  return code === UNAUTHORIZED ? "signed out: reload to sign in" : "no access: reload the page";
}
