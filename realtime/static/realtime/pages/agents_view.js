/** Cards of the graph and rows of the table: both say what each agent does, in the same elements. */

import { duration } from "./times.js";

/** @import {AgentState, CrewState, Execution, Task} from "./crew_state.js"; */

/** Shows what agents do in their elements. Text of tools is text, whatever is in it. */
export class AgentsView {
  /** @type {Map<string, Element[]>} */
  #elements = new Map();
  /** What was shown last of each agent. @type {Map<string, string>} */
  #shown = new Map();

  /** @param {ParentNode} root  of `[data-agent]` elements, which stay */
  constructor(root) {
    for (const element of root.querySelectorAll("[data-agent]")) {
      const agent = element.getAttribute("data-agent") ?? "";
      this.#elements.set(agent, [...(this.#elements.get(agent) ?? []), element]);
    }
  }

  /**
   * Touches only agents of which something has changed, or whose tools' time goes on.
   * @param {CrewState} state
   */
  show(state) {
    for (const [agent, elements] of this.#elements) {
      const tools = state.toolsOf(agent);
      const [agentState, task] = [state.stateOf(agent), state.taskOf(agent)];
      const now = JSON.stringify([agentState, task, task === undefined, tools]);
      const ticks = tools.some(({ status }) => status === "running");
      if (!ticks && this.#shown.get(agent) === now) continue;
      this.#shown.set(agent, now);
      for (const element of elements) {
        showState(element, agentState, tools);
        showTask(element, task);
        showTools(element, tools);
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
  if (element instanceof HTMLElement) {
    element.style.setProperty("--progress", percent(measured?.progress ?? 0));
  }
  if (element.getAttribute("data-state") === state) return;
  element.setAttribute("data-state", state);
  const badge = element.querySelector('[data-slot="state"]');
  badge?.setAttribute("data-state", state);
  if (badge) badge.textContent = state;
}

/**
 * @param {Element} element
 * @param {Task | null | undefined} task  undefined: what the server has marked stands
 */
function showTask(element, task) {
  if (task === undefined) return;
  for (const line of element.querySelectorAll("[data-task]")) {
    line.toggleAttribute("data-current", line.getAttribute("data-task") === task?.task_id);
  }
}

/**
 * @param {Element} element
 * @param {Execution[]} tools
 */
function showTools(element, tools) {
  const slot = element.querySelector('[data-slot="tools"]');
  if (!slot) return;
  const ids = new Set(tools.map(({ execution_id }) => execution_id));
  for (const old of [...slot.children]) {
    if (!ids.has(old.getAttribute("data-execution") ?? "")) old.remove();
  }
  for (const execution of tools) {
    const old = [...slot.children].find(
      (child) => child.getAttribute("data-execution") === execution.execution_id,
    );
    const tool = old ?? slot.appendChild(toolElement(execution));
    // The graph is for the eyes and the pointer; the same links are in the table.
    if (slot.closest("[aria-hidden]")) tool.querySelector("a")?.setAttribute("tabindex", "-1");
    updateTool(tool, execution);
  }
  if (tools.length > 1) slot.setAttribute("data-more", `+${tools.length - 1} more`);
  else slot.removeAttribute("data-more");
}

/** @param {Execution} execution */
function toolElement({ execution_id, run_id, tool }) {
  const element = span("tool");
  element.dataset.execution = execution_id;
  const line = span("tool-line");
  const name = document.createElement("a");
  name.className = "tool-name";
  name.href = `/runs/${run_id}/#tool-${execution_id}`;
  name.textContent = tool;
  line.append(name, span("tool-message"), span("tool-figure"));
  const meter = span("meter");
  meter.append(document.createElement("i"));
  element.append(line, meter);
  return element;
}

/**
 * @param {Element} element
 * @param {Execution} execution
 */
function updateTool(element, { status, progress, message, duration_s, begunAt }) {
  element.setAttribute("data-status", status);
  const running = status === "running";
  const took = running ? (Date.now() - (begunAt ?? Date.now())) / 1000 : (duration_s ?? 0);
  const share = running && progress != null ? `${percent(progress, " ")} · ` : "";
  write(element.querySelector(".tool-figure"), share + duration(Math.max(took, 0)));
  write(element.querySelector(".tool-message"), (running && message) || "");
  const meter = element.querySelector(".meter");
  if (!running) meter?.remove();
  meter?.classList.toggle("unknown", progress == null);
  const bar = meter?.firstElementChild;
  if (bar instanceof HTMLElement) bar.style.setProperty("--progress", percent(progress ?? 0));
}

/** @param {string} name */
function span(name) {
  const element = document.createElement("span");
  element.className = name;
  return element;
}

/**
 * @param {Element | null} element
 * @param {string} text
 */
function write(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}

/** @param {number} share */
function percent(share, space = "") {
  return `${Math.round(share * 100)}${space}%`;
}
