/** The crew page: agents and tools from the graph socket, tasks from the sockets of active runs. */

import { GraphWebSocket, MissionWebSocket } from "../websocket.js";
import { AgentsView } from "./agents_view.js";
import { updateCount } from "./approvals_count.js";
import { showStatus } from "./crew_status.js";
import { CrewState } from "../state/crew_state.js";
import { GraphView } from "./graph_view.js";
import { showLive } from "./live_mark.js";
import { PageSocket } from "./page_socket.js";
import { refreshing } from "./refresh.js";
import { ReplayBar } from "./replay_bar.js";
import { ACTIVE, followRuns, showWaitReason } from "./run_rows.js";
import { setText } from "./set_text.js";
import { startingHere } from "./start_run.js";
import { toolEnded, toolStarted } from "./toasts.js";

/** @import {AgentState} from "../state/crew_state.js"; */
/** @import {Recording} from "./recording.js"; */

const live = /** @type {HTMLElement} */ (document.getElementById("live"));
const crewId = live.dataset.crew ?? "";
let shape = live.dataset.shape;

const state = new CrewState();
const agents = new AgentsView(live);
const graph = new GraphWebSocket(crewId, null, { autoReconnect: true, WebSocket: PageSocket });
const mission = new MissionWebSocket(null, { WebSocket: PageSocket });
const runsChanged = followRuns({
  message(runId, message) {
    state.run(runId, message);
    showWaitReason(runId, state.waitReasonOf(runId));
    show();
    if ("agent_id" in message && message.agent_id) expectCard(message.agent_id);
    if (message.type === "agent_start" && message.parent_agent_id)
      expectEdge(message.parent_agent_id, message.agent_id);
  },
  left(runId) {
    state.leave(runId);
    show();
  },
  ended: () => refresh(),
});
const refresh = refreshing(
  () => {
    if (live.dataset.shape !== shape) grow();
    runsChanged();
    for (const row of live.querySelectorAll("[data-run]")) {
      const id = row.getAttribute("data-run") ?? "";
      if (state.knows(id)) showWaitReason(id, state.waitReasonOf(id)); // else as the server has marked it
    }
    updateBar();
    nameTable();
  },
  () => shape,
);

/** Agents without a card, and edges, that the server was asked for. @type {Set<string>} */
const missing = new Set();

/**
 * A reported crew gets new agents while it works: the server is asked for their cards. An agent that
 * the crew does not get, as its organization has switched that off, is asked for once.
 * @param {string} agent
 */
function expectCard(agent) {
  if (missing.has(agent) || live.querySelector(`[data-agent="${CSS.escape(agent)}"]`)) return;
  missing.add(agent);
  refresh();
}

/**
 * An agent calls another or hands over to it, the first time: the graph gets an edge.
 * @param {string} from
 * @param {string} to
 */
function expectEdge(from, to) {
  const edge = JSON.stringify([from, to]);
  if (from === to || missing.has(edge) || view?.hasEdge(from, to)) return;
  missing.add(edge);
  refresh();
}

const TICK_MS = 500;
const REST_FACTOR = 4; // times as long as it took to draw, nothing is drawn
let drawing = false;
let restsUntil = 0;
/** @type {GraphView | undefined} */
let view;

/** The moment that is shown instead of the present. @type {{state: CrewState, clock: number} | undefined} */
let past;

/**
 * The live state goes on meanwhile, unseen.
 * @param {string | null} at
 * @param {Recording} recording
 */
async function showMoment(at, recording) {
  const then = at === null ? undefined : await recording.stateAt(at);
  if (at !== null && then === undefined) return; // It cannot be had now: what is shown stays.
  if (then === null) bar?.lost();
  past = at !== null && then ? { state: then, clock: Date.parse(at) } : undefined;
  nameTable();
  show();
}

/** The scrubber is for the newest run, unless the reader looks back. It learns of the end. */
function updateBar() {
  const { newest } = live.dataset;
  if (newest && !bar?.isPast) bar?.use(newest);
  const row = document.getElementById(`run-${bar?.runId}`);
  if (row && !row.matches(ACTIVE) && !scrubber?.hasAttribute("data-over")) bar?.ended();
}

function nameTable() {
  setText(document.getElementById("agents-title"), past ? "Agents then" : "Agents now");
}

/** Draws at most once a frame, and less often if the crew takes long to draw. */
function show() {
  if (drawing) return;
  drawing = true;
  const pause = restsUntil - performance.now();
  if (pause > 0) setTimeout(() => requestAnimationFrame(draw), pause);
  else requestAnimationFrame(draw);
}

function draw() {
  const began = performance.now();
  drawing = false;
  const drawn = past?.state ?? state;
  agents.show(drawn, past?.clock);
  // An edge without planned tasks is that of a call or a handoff.
  view?.show((agent, tasks) => (tasks.length ? drawn.stateIn(agent, tasks) : drawn.stateOf(agent)));
  const now = performance.now();
  restsUntil = now + (now - began) * REST_FACTOR;
}

/** Called when agents, edges or tasks of the page have changed: lays them out. */
function grow() {
  shape = live.dataset.shape;
  agents.find();
  drawGraph();
  show();
}

/** If the graph cannot be drawn, its cards stay in a row and the rest of the page works. */
function drawGraph() {
  const element = document.getElementById("graph");
  const data = document.getElementById("graph-shape");
  if (!element || !data) return;
  try {
    const drawn = JSON.parse(data.textContent ?? "");
    if (view?.element === element) {
      view.grow(drawn);
      return;
    }
    view = new GraphView(element, drawn);
    view.show(shownState);
  } catch (error) {
    console.error("The graph cannot be drawn", error);
  }
}

/** As the server has marked it. @param {string} agent @returns {AgentState} */
function shownState(agent) {
  const card = document.getElementById(`card-${agent}`);
  return /** @type {any} */ (card?.dataset.state) ?? "idle";
}

/** @param {string} agent */
function nameOf(agent) {
  const card = document.querySelector(`.agent-card[data-agent="${CSS.escape(agent)}"] .agent-name`);
  return card?.textContent ?? agent;
}

graph.subscribe((message) => {
  state.graph(message);
  if (message.type === "reset") return;
  show();
  if ("agent_id" in message) expectCard(message.agent_id);
  if (message.type === "handoff") {
    expectCard(message.to_agent_id);
    expectEdge(message.from_agent_id, message.to_agent_id);
  }
  // No toasts for events that were caught up with: they are old.
  if (graph.state !== "live" || past) return;
  if (message.type === "tool_start") toolStarted(message, nameOf(message.agent_id));
  if (message.type === "tool_end") toolEnded(message, nameOf(message.agent_id));
  const begins = message.type === "tool_start" || message.type === "llm_start";
  if (begins && !state.knows(message.run_id)) refresh();
});
mission.subscribe((event) => {
  if (event.type === "signal") updateCount();
  if (event.type === "signal" && event.payload.crewId !== crewId) return;
  if (event.type === "signal") showStatus(event.payload);
  refresh();
});

const form = document.getElementById("start");
if (form instanceof HTMLFormElement) startingHere(form, refresh);

drawGraph();
const scrubber = document.getElementById("replay");
const bar = scrubber ? new ReplayBar(scrubber, showMoment) : undefined;
if (!bar?.runId) updateBar(); // The run that the address names is gone.
setInterval(() => state.isBusy && !past && !document.hidden && show(), TICK_MS);
showLive([graph, mission]);
graph.connect();
mission.connect();
runsChanged();
