/** The crew page: agents and tools from the graph socket, tasks from the sockets of active runs. */

import { GraphWebSocket, MissionWebSocket } from "../websocket.js";
import { AgentsView } from "./agents_view.js";
import { showStatus } from "./crew_status.js";
import { CrewState } from "./crew_state.js";
import { GraphView } from "./graph_view.js";
import { showLive } from "./live_mark.js";
import { refreshing } from "./refresh.js";
import { followRuns } from "./run_rows.js";
import { startingHere } from "./start_run.js";
import { toolEnded, toolStarted } from "./toasts.js";

const live = /** @type {HTMLElement} */ (document.getElementById("live"));
const crewId = live.dataset.crew ?? "";
const shape = live.dataset.shape;

const state = new CrewState();
const agents = new AgentsView(live);
const graph = new GraphWebSocket(crewId, null, { autoReconnect: true });
const mission = new MissionWebSocket();
const runsChanged = followRuns({
  message(runId, message) {
    state.run(runId, message);
    show();
  },
  ended: () => refresh(),
});
const refresh = refreshing(() => {
  // Agents or tasks were edited: another graph.
  if (live.dataset.shape !== shape) location.reload();
  runsChanged();
});

const TICK_MS = 500;
let drawing = false;

/** Draws at most once a frame. */
function show() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    agents.show(state);
    showGraph((agent, tasks) => state.stateIn(agent, tasks));
  });
}

/**
 * A graph that cannot be drawn leaves its cards in a row, and the rest of the page at work.
 * @returns {GraphView["show"]}
 */
function graphView() {
  const element = document.getElementById("graph");
  const data = document.getElementById("graph-shape");
  if (!element || !data) return () => {};
  const cards = new Map([...element.querySelectorAll("[data-agent]")].map((card) => [card.getAttribute("data-agent"), card]));
  try {
    const view = new GraphView(element, JSON.parse(data.textContent ?? ""));
    view.show((agent) => /** @type {any} */ (cards.get(agent)?.getAttribute("data-state")) ?? "idle");
    return (stateOf) => view.show(stateOf);
  } catch (error) {
    console.error("The graph cannot be drawn", error);
    return () => {};
  }
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
  // What is caught up with has happened a while ago: no news.
  if (graph.state !== "live") return;
  if (message.type === "tool_start") toolStarted(message, nameOf(message.agent_id));
  if (message.type === "tool_end") toolEnded(message, nameOf(message.agent_id));
  if (message.type === "tool_start" && !state.knows(message.run_id)) refresh();
});
mission.subscribe((event) => {
  if (event.type === "signal" && event.payload.crewId !== crewId) return;
  if (event.type === "signal") showStatus(event.payload);
  refresh();
});

const form = document.getElementById("start");
if (form instanceof HTMLFormElement) startingHere(form, refresh);

const showGraph = graphView();
setInterval(() => state.isBusy && !document.hidden && show(), TICK_MS);
showLive([graph, mission]);
graph.connect();
mission.connect();
runsChanged();
