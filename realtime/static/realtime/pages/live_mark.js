/** The mark that says whether the page is being kept up to date. It never claims more than is so. */

/** @import {LiveSocket} from "../socket.js"; */
/** @import {StateChange} from "../options.js"; */

const UNAUTHORIZED = 4401;

/** From worst to best; the page is as live as its worst socket. */
const RANKS = /** @type {const} */ (["offline", "retrying", "connecting", "live"]);

/** @type {Record<string, typeof RANKS[number]>} */
const RANK_OF_STATE = {
  idle: "connecting",
  connecting: "connecting",
  catching_up: "connecting",
  live: "live",
  retrying: "retrying",
  disconnected: "offline",
  failed: "offline",
};

/**
 * Shows the state of `sockets` in every `[data-live-mark]` of the page.
 * A socket that has ended because all is told counts no more.
 * @param {LiveSocket<any>[]} sockets
 */
export function showLive(...sockets) {
  let note = "";
  let begun = false;
  const show = () => {
    const ranks = sockets
      .filter(({ state }) => state !== "closed")
      .map(({ state }) => RANKS.indexOf(RANK_OF_STATE[state] ?? "offline"));
    let state = ranks.length ? RANKS[Math.min(...ranks)] : "offline";
    if (!navigator.onLine) state = "offline";
    // The second time it is not the first connection any more.
    if (state === "connecting" && begun) state = "retrying";
    begun ||= state === "live";
    for (const mark of document.querySelectorAll("[data-live-mark]")) render(mark, state, note);
  };
  for (const socket of sockets) {
    socket.onStateChange((change) => {
      note = noteOf(change);
      show();
    });
  }
  addEventListener("online", show);
  addEventListener("offline", show);
  show();
}

/**
 * @param {Element} mark
 * @param {string} state
 * @param {string} note
 */
function render(mark, state, note) {
  if (!(mark instanceof HTMLElement)) return;
  mark.dataset.state = state;
  mark.title = note;
  const text = mark.querySelector("[data-live-text]");
  const words = state === "offline" && note ? note : state;
  if (text && text.textContent !== words) text.textContent = words;
}

/** @param {StateChange} change */
function noteOf({ state, code }) {
  if (state !== "failed") return "";
  return code === UNAUTHORIZED ? "signed out: reload to sign in" : "no access: reload the page";
}
