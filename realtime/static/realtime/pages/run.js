/**
 * The run page. The server renders what the page shows, at first and later. This script asks it to
 * render again, and itself shows what changes too fast for that: output, progress and the clock.
 *
 * No gap between the page and the sockets, however long the one is old when the others open:
 * - Structure (tasks, tools, events) is only ever taken from the server. The run socket replays the
 *   whole run when it opens, and every event asks for a refresh, so the last refresh is later than
 *   the last event.
 * - Output has places. The graph socket's snapshot has the length of each tool's output at its
 *   position, and each later chunk follows on; the output before the first chunk is fetched. So a
 *   chunk that the page has already is recognized, and one that it lacks is noticed.
 * A reader of a shared run without a sign-in has the run socket only, and the page is fetched every
 * two seconds.
 */

import { GraphWebSocket, RunWebSocket } from "../websocket.js";
import { updateCount } from "./approvals_count.js";
import { showTexts } from "./call_text.js";
import { EventList } from "./event_list.js";
import { showLive } from "./live_mark.js";
import { PageSocket } from "./page_socket.js";
import { askBeforeSubmitting, copyOnClick, openDialogs } from "./run_forms.js";
import { ReplayBar } from "./replay_bar.js";
import { withMoment } from "./replay_address.js";
import { RunPast } from "./run_past.js";
import { Opened, refresher, withdraw } from "./run_refresh.js";
import { RunTools } from "./run_tools.js";
import { setText } from "./set_text.js";
import { Timeline } from "./timeline.js";
import { duration } from "./times.js";

const TICK_MS = 250;
// Without live sockets, and while the run is queued: its events do not have its place in the queue.
const POLL_MS = 2_000;
const POLL_WHEN_LIVE_MS = 15_000; // for a change without an event: a worker that is gone

const root = /** @type {HTMLElement} */ (document.getElementById("run"));
const { run: runId = "", crewId, liveUrl = "" } = root.dataset;
const scrubber = /** @type {HTMLElement} */ (document.getElementById("replay"));
const isQueued = () => document.getElementById("run-live")?.dataset.status === "queued";
const isOver = () =>
  past.isShown
    ? scrubber.hasAttribute("data-over")
    : (document.getElementById("run-live")?.hasAttribute("data-over") ?? false);

const opened = new Opened();
const past = new RunPast((at) => opened.addressOf(liveUrl, at), {
  changed: showPast,
  lost: () => bar.lost(),
});
let renderedAt = past.renderedAt;
let refreshedAt = performance.now();
const sinceRendered = () => (past.now() - renderedAt) / 1000;

const timeline = new Timeline(root, sinceRendered);
const events = new EventList(root);
const tools = new RunTools(root, runId, past.isShown, openPart);
askBeforeSubmitting();
copyOnClick();
showTexts(root);
openDialogs();
searchOnSlash();

const runSocket = new RunWebSocket(runId, null, { autoReconnect: true, WebSocket: PageSocket });
const graphSocket = crewId
  ? new GraphWebSocket(crewId, null, { autoReconnect: true, WebSocket: PageSocket })
  : null;
const sockets = graphSocket ? [runSocket, graphSocket] : [runSocket];
const showMark = showLive(sockets, isOver);

const refresh = refresher(
  () => opened.addressOf(liveUrl, null, tools.readTasks),
  () => past.rendered(),
  () => !past.isShown,
);

/** @type {ReturnType<typeof setInterval> | undefined} */
let ticking;
if (!isOver()) begin();
if (!crewId) watchSharing();
findTarget();
root.addEventListener("click", openTask);
root.addEventListener("click", stayAtMoment, { capture: true });
const bar = new ReplayBar(scrubber, (at) => {
  for (const id of tools.openIds) opened.add(id);
  return past.show(at);
});

/** The server has rendered the page, at present or at a moment of the past. */
function rendered() {
  if (!document.getElementById("run-live")) return;
  renderedAt = past.renderedAt;
  document.title = document.getElementById("run-live")?.dataset.title ?? document.title;
  timeline.layout();
  events.update();
  tools.update();
  if (isOver() && !past.isShown) end();
}

/**
 * @param {boolean} isNew  the page has been rendered; else only its clock has moved
 * @param {boolean} switched  between past and present
 */
function showPast(isNew, switched) {
  if (switched) seen = new WeakMap();
  if (switched) tools.use(past.isShown);
  if (isNew) rendered();
  showClocks();
}

/** @param {string} id  of a task or tool of which more is wanted */
function openPart(id) {
  opened.add(id);
  if (past.isShown) past.renew();
  else refresh(true);
}

/** Links to other parts of the run lead to them at the same moment. @param {MouseEvent} event */
function stayAtMoment(event) {
  const link = event.target instanceof Element ? event.target.closest('a[href^="?"]') : null;
  const at = new URLSearchParams(location.search).getAll("at").at(-1);
  if (link instanceof HTMLAnchorElement && past.isShown && at)
    link.href = withMoment(link.href, at);
}

/** A task of a large run shows its tools when somebody opens it. @param {MouseEvent} event */
function openTask(event) {
  const link = event.target instanceof Element ? event.target.closest("[data-open]") : null;
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const id = link.getAttribute("data-open") ?? "";
  // The link goes when the tools come; the keyboard stays at the task.
  document.getElementById(`task-${id}`)?.focus({ preventScroll: true });
  openPart(id);
}

/** A link to a tool or model call that is not on this page loads the page that has it. */
function findTarget() {
  const [, id] = /^#(?:tool|task|event-llm_start)-([0-9a-f-]{36})$/.exec(location.hash) ?? [];
  const isLarge = document.getElementById("run-live")?.hasAttribute("data-large");
  const isAsked = new URLSearchParams(location.search).getAll("at").includes(id);
  if (id && isLarge && !isAsked && !document.getElementById(location.hash.slice(1))) {
    location.replace(`?at=${id}${location.hash}`);
  }
}

/** No event reports that an ended run is no longer shared, so a guest's page polls. */
function watchSharing() {
  const ask = async () => {
    if (document.hidden || !isOver()) return;
    try {
      const { status } = await fetch(`${liveUrl}`, { method: "HEAD", cache: "no-store" });
      if (status === 404) withdraw();
    } catch {
      // No connection: what is shown stays until the server can be asked.
    }
  };
  setInterval(ask, POLL_WHEN_LIVE_MS);
  document.addEventListener("visibilitychange", ask);
}

/** A slash begins a search in the open output, as on other sites. */
function searchOnSlash() {
  document.addEventListener("keydown", (event) => {
    const { key, target, ctrlKey, metaKey, altKey } = event;
    const types = target instanceof HTMLElement && target.matches("input, textarea, select");
    if (key !== "/" || types || ctrlKey || metaKey || altKey) return;
    const here = target instanceof Element ? target.closest(".tool[open]") : null;
    const field = (here ?? [...root.querySelectorAll(".tool[open]")].at(-1))?.querySelector(
      "[data-search]",
    );
    if (!(field instanceof HTMLElement)) return;
    event.preventDefault();
    field.focus();
  });
}

function begin() {
  // The tab's title shows the end to a user who looks at another tab.
  runSocket.subscribe(({ type }) => {
    refresh(type === "done");
    if (type === "done") scrubber.setAttribute("data-over", "");
    if (type === "approval_requested" || type === "approval_decided") updateCount();
  });
  graphSocket?.subscribe((message) => {
    if (tools.receive(message)) refresh();
  });
  for (const socket of sockets) {
    // A refusal means that the page has ended for this reader: the server says why.
    socket.onStateChange(({ state }) => state === "failed" && refresh());
    socket.connect();
  }
  ticking = setInterval(tick, TICK_MS);
}

/** When each figure came from the server: a part that is the same is not sent again.
 * @type {WeakMap<Element, {figure: string | null, at: number}>} */
let seen = new WeakMap();

/** Seconds since the figure came. @param {Element} element */
function sinceSeen(element) {
  const figure = element.getAttribute("data-ticking");
  const known = seen.get(element);
  if (known?.figure === figure) return (past.now() - known.at) / 1000;
  seen.set(element, { figure, at: renderedAt });
  return sinceRendered();
}

function end() {
  clearInterval(ticking);
  for (const socket of sockets) socket.disconnect();
  showMark();
  bar.ended();
}

function tick() {
  if (!document.getElementById("run-live")) return end(); // It was withdrawn.
  if (past.isShown) return;
  const isLive = graphSocket?.state === "live" && runSocket.state === "live";
  const due = isLive && !isQueued() ? POLL_WHEN_LIVE_MS : POLL_MS;
  if (performance.now() - refreshedAt > due) {
    refreshedAt = performance.now();
    refresh();
  }
  if (!document.hidden) showClocks();
}

function showClocks() {
  for (const element of root.querySelectorAll("[data-ticking]")) {
    const seconds = Number(element.getAttribute("data-ticking")) + sinceSeen(element);
    setText(element, duration(seconds));
  }
  if (timeline.isGrowing) timeline.grow();
}
