/** Cards of the graph and rows of the table: both show the state of each agent in the same way. */

import { showCalls } from "./model_calls_view.js";
import { setText } from "./set_text.js";
import { span, toolLink } from "./span.js";
import { duration } from "./times.js";
import { showWaiting } from "./waiting_call.js";

/** @import {AgentState, CrewState, Execution, Task} from "../state/crew_state.js"; */
/** @import {ModelCall} from "../state/model_state.js"; */
/** @import {RunApproval} from "../state/run_state.js"; */

/** Shows the agents' states in their elements. Output of tools is shown as text, never as HTML. */
export class AgentsView {
  /** @type {Map<string, Element[]>} */
  #elements = new Map();
  /** What was shown last of each agent. @type {Map<string, string>} */
  #shown = new Map();

  #root;

  /** @param {ParentNode} root  of `[data-agent]` elements */
  constructor(root) {
    this.#root = root;
    this.find();
  }

  /** Called when the agents' elements have changed: all are shown again. */
  find() {
    this.#elements.clear();
    this.#shown.clear();
    for (const element of this.#root.querySelectorAll("[data-agent]")) {
      const agent = element.getAttribute("data-agent") ?? "";
      this.#elements.set(agent, [...(this.#elements.get(agent) ?? []), element]);
    }
  }

  /**
   * Updates only agents that have changed or whose tools are running.
   * @param {CrewState} state
   * @param {number} [clock]  milliseconds since 1970, of a moment in the past
   */
  show(state, clock = Date.now()) {
    for (const [agent, elements] of this.#elements) {
      const calls = state.callsOf(agent);
      const waiting = state.waitingOf(agent);
      const isAtIt = calls.length > 0 || waiting !== undefined;
      // What an agent has done before is of less interest than what it does or waits for.
      const tools = state.toolsOf(agent).filter(({ status }) => !isAtIt || status === "running");
      const [agentState, task] = [state.stateOf(agent), state.taskOf(agent)];
      const now = JSON.stringify([agentState, task, task === undefined, tools, calls, waiting]);
      const ticks = calls.length > 0 || tools.some(({ status }) => status === "running");
      if (!ticks && this.#shown.get(agent) === now) continue;
      this.#shown.set(agent, now);
      for (const element of elements) {
        showState(element, agentState, tools);
        showTask(element, task);
        showTools(element, tools, { calls, waiting }, clock);
        for (const tool of tools) showStopped(element, tool, state.isStopped(tool));
      }
    }
  }
}

/**
 * @param {Element} element
 * @param {AgentState} state
 * @param {Execution[]} tools
 */
function showState(element, state, tools) {
  const measured = tools.find(({ status, progress }) => status === "running" && progress != null);
  element.classList.toggle("unmeasured", state === "working" && !measured);
  const progress = percent(measured?.progress ?? 0);
  // Only if it has changed: otherwise the browser computes the styles of the whole card again.
  if (
    element instanceof HTMLElement &&
    (element.style.getPropertyValue("--progress") || "0%") !== progress
  ) {
    element.style.setProperty("--progress", progress);
  }
  if (element.getAttribute("data-state") === state) return;
  element.setAttribute("data-state", state);
  const badge = element.querySelector('[data-slot="state"]');
  badge?.setAttribute("data-state", state);
  if (badge) badge.textContent = state;
}

/**
 * @param {Element} element
 * @param {Task | null | undefined} task  undefined: keep what the server rendered
 */
function showTask(element, task) {
  if (task === undefined) return;
  for (const line of element.querySelectorAll("[data-task]")) {
    line.toggleAttribute("data-current", line.getAttribute("data-task") === task?.task_id);
  }
  // Nothing is planned for an agent of a reported crew.
  const slot = element.querySelector('[data-slot="task"]');
  slot?.toggleAttribute("data-current", Boolean(task));
  setText(slot, task?.name ?? "no task");
}

/**
 * @param {Element} element
 * @param {Execution[]} tools
 * @param {{calls: ModelCall[], waiting: RunApproval | undefined}} others
 * @param {number} clock
 */
function showTools(element, tools, { calls, waiting }, clock) {
  const slot = element.querySelector('[data-slot="tools"]');
  if (!slot) return;
  showCalls(slot, calls, clock);
  showWaiting(slot, waiting);
  const ids = new Set(tools.map(({ execution_id }) => execution_id));
  for (const old of [...slot.querySelectorAll(":scope > :not([data-call], [data-waits])")]) {
    if (!ids.has(old.getAttribute("data-execution") ?? "")) old.remove();
  }
  for (const execution of tools) {
    const old = [...slot.children].find(
      (child) => child.getAttribute("data-execution") === execution.execution_id,
    );
    updateTool(old ?? slot.appendChild(toolElement(execution)), execution, clock);
  }
  // Hidden from screen readers and the keyboard: the table has the same links.
  if (slot.closest("[aria-hidden]"))
    for (const link of slot.querySelectorAll("a")) link.setAttribute("tabindex", "-1");
  const atHand = tools.length + calls.length + (waiting ? 1 : 0);
  if (atHand > 1) slot.setAttribute("data-more", `+${atHand - 1} more`);
  else slot.removeAttribute("data-more");
}

/**
 * @param {Element} element
 * @param {Execution} execution
 * @param {boolean} isStopped  by a pause
 */
function showStopped(element, { execution_id }, isStopped) {
  element
    .querySelector(`[data-execution="${CSS.escape(execution_id)}"]`)
    ?.toggleAttribute("data-paused", isStopped);
}

/** @param {Execution} execution */
function toolElement({ execution_id, run_id, tool }) {
  const link = toolLink(`/runs/${run_id}/#tool-${execution_id}`, tool);
  const line = span("tool-line", link, span("tool-message"), span("tool-figure"));
  const element = span("tool", line, meterElement());
  element.dataset.execution = execution_id;
  return element;
}

function meterElement() {
  return span("meter", document.createElement("i"));
}

/**
 * @param {Element} element
 * @param {Execution} execution
 * @param {number} clock
 */
function updateTool(element, { status, progress, message, duration_s, begunAt }, clock) {
  element.setAttribute("data-status", status);
  const running = status === "running";
  const took = running ? (clock - (begunAt ?? clock)) / 1000 : (duration_s ?? 0);
  const share = running && progress != null ? `${percent(progress, " ")} · ` : "";
  setText(element.querySelector(".tool-figure"), share + duration(Math.max(took, 0)));
  setText(element.querySelector(".tool-message"), (running && message) || "");
  // After a jump to the past, a tool that has ended runs again.
  const meter =
    element.querySelector(".meter") ?? (running ? element.appendChild(meterElement()) : null);
  if (!running) meter?.remove();
  meter?.classList.toggle("unknown", progress == null);
  const bar = meter?.firstElementChild;
  if (bar instanceof HTMLElement) bar.style.setProperty("--progress", percent(progress ?? 0));
}

/** @param {number} share */
function percent(share, space = "") {
  return `${Math.round(share * 100)}${space}%`;
}
