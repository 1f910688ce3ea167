/**
 * The pages of approvals. The mission socket reports that the number of a crew has changed, and the
 * server renders the approvals that wait now. Keys: j and k move, a and d decide after a question.
 */

import { MissionWebSocket } from "../websocket.js";
import { showCount } from "./approvals_count.js";
import { showLive } from "./live_mark.js";
import { PageSocket } from "./page_socket.js";
import { refreshing } from "./refresh.js";
import { confirm } from "./run_forms.js";

const dialog = /** @type {HTMLDialogElement} */ (document.getElementById("confirm"));
const mission = new MissionWebSocket(null, { WebSocket: PageSocket });
/** The id of the card that the keys are about. */
let current = "";

const refresh = refreshing(() => {
  const pending = document.getElementById("live")?.dataset.pending;
  if (pending !== undefined) showCount(Number(pending));
  mark();
});

showLive([mission]);
mission.onStateChange(({ state }) => state === "live" && refresh());
mission.subscribe((event) => {
  if (event.type === "signal") refresh();
});
mission.connect();
document.addEventListener("keydown", onKey);

/** @param {KeyboardEvent} event */
function onKey({ key, target, ctrlKey, metaKey, altKey }) {
  const types = target instanceof HTMLElement && target.matches("input, textarea, select");
  if (types || ctrlKey || metaKey || altKey || dialog.open) return;
  if (key === "j" || key === "k") move(key === "j" ? 1 : -1);
  if (key === "a") ask("approve");
  if (key === "d") ask("deny");
}

/** The cards that this user may decide, in order. */
function cards() {
  const all = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-approval]"));
  return [...all].filter((card) => card.querySelector("form"));
}

/** @param {1 | -1} by */
function move(by) {
  const all = cards();
  const at = all.findIndex(({ id }) => id === current);
  const next = all[Math.min(Math.max(at + by, 0), all.length - 1)];
  if (!next) return;
  current = next.id;
  mark();
  next.focus();
}

function mark() {
  for (const card of document.querySelectorAll("[data-approval]")) {
    card.toggleAttribute("data-current", card.id === current);
  }
}

/** @param {"approve" | "deny"} decision */
function ask(decision) {
  const all = cards();
  const card = all.find(({ id }) => id === current) ?? (all.length === 1 ? all[0] : undefined);
  const form = card?.querySelector("form");
  if (!form) return move(1);
  const word = decision === "approve" ? "Approve" : "Deny";
  const texts = {
    title: `${word} ${form.dataset.what}?`,
    text: `A step of ${form.dataset.run}. The first decision stays.`,
    yes: word,
  };
  confirm(dialog, texts, form.id, (now) => {
    const button = now.querySelector(`[value="${decision}"]`);
    now.requestSubmit(/** @type {HTMLElement} */ (button));
  });
}
