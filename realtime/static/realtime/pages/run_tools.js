/** The tools of the run: output and progress from the graph socket, and the open card. */

import { isBeingRead } from "./reader_activity.js";
import { codePoints } from "./code_points.js";
import { drawPast } from "./past_output.js";
import { setText } from "./set_text.js";
import { ToolOutput } from "./tool_output.js";

/** @import {GraphMessage} from "../websocket.js"; */
/** @import {ToolProgressEvent} from "../frames.js"; */

export class RunTools {
  #root;
  #runId;
  #fetchCard;
  #isPast;
  /** @type {Map<string, ToolOutput>} */
  #outputs = new Map();
  /** Where in each tool's output its next chunk stands. @type {Map<string, number>} */
  #places = new Map();
  /** The last progress event of each running tool. @type {Map<string, ToolProgressEvent>} */
  #progress = new Map();
  /** @type {HTMLDetailsElement | undefined} */
  #opened;
  /** The open cards that were opened to follow the run, not by the reader. @type {WeakSet<Element>} */
  #followed = new WeakSet();
  /** Cards that were on the page at an earlier update. @type {WeakSet<Element>} */
  #seen = new WeakSet();
  /** The open cards of the present, also while the past is shown. @type {Set<string>} */
  #open = new Set();
  /** As the reader has set the switch, which a page of the past and one of an ended run lack. */
  #wantsToFollow;

  /**
   * @param {HTMLElement} root  the run page
   * @param {string} runId
   * @param {boolean} isPast  whether the page is of a moment of the past
   * @param {(id: string) => void} fetchCard  asks for the content of a tool's card
   */
  constructor(root, runId, isPast, fetchCard) {
    this.#root = root;
    this.#isPast = isPast;
    this.#runId = runId;
    this.#fetchCard = fetchCard;
    root.addEventListener("click", ({ target }) => {
      const link = target instanceof Element ? target.closest('a[href^="#tool-"]') : null;
      this.#openCard(link?.getAttribute("href")?.slice(1));
    });
    // This event does not bubble.
    root.addEventListener("toggle", ({ target }) => this.#toggled(target), { capture: true });
    this.#wantsToFollow = this.#switch?.checked ?? true;
    root.addEventListener("change", ({ target }) => {
      if (target === this.#switch) this.#wantsToFollow = this.#follows;
    });
    this.#opened = this.#cards.find(({ open }) => open);
    if (this.#opened) this.#followed.add(this.#opened);
    this.#openCard(location.hash.slice(1));
    for (const card of this.#cards) this.#add(card);
    this.#follow();
    if (isPast) drawPast(root);
  }

  /** The tools whose cards are open. */
  get openIds() {
    return this.#cards.filter(({ open }) => open).map(({ dataset }) => dataset.execution ?? "");
  }

  /** The tasks with a card that the reader has opened or reads: a large run keeps them open. */
  get readTasks() {
    const isRead = (/** @type {HTMLDetailsElement} */ card) =>
      card.open && (!this.#follows || !this.#followed.has(card) || isBeingRead(card));
    const tasks = this.#cards.filter(isRead).map((card) => card.closest(".run-task")?.id ?? "");
    return tasks.filter(Boolean).map((id) => id.replace("task-", ""));
  }

  /** The page has switched between past and present. @param {boolean} isPast */
  use(isPast) {
    this.#isPast = isPast;
    for (const output of this.#outputs.values()) output.leave();
    this.#outputs.clear();
    // An update leaves the content of a card that it does not bring.
    for (const output of this.#root.querySelectorAll(".tool > .tool-body > .tool-output"))
      if (output.hasAttribute("data-keep") === isPast) output.parentElement?.remove();
    this.#places.clear(); // The next chunk asks the server what it follows on.
    if (this.#switch) this.#switch.checked = this.#wantsToFollow;
  }

  /** Handles the current cards. Call it after the page was updated from the server. */
  update() {
    if (this.#isPast) {
      for (const card of this.#cards) this.#seen.add(card);
      return void drawPast(this.#root);
    }
    this.#leaveRemoved();
    /** @type {HTMLDetailsElement | undefined} */
    let latest;
    for (const card of this.#cards) {
      const output = this.#outputs.get(card.dataset.execution ?? "");
      if (output) {
        output.update();
      } else {
        if (!this.#seen.has(card) && this.#opensNew(card)) latest = card;
        this.#add(card);
      }
    }
    this.#follow(latest);
    for (const event of this.#progress.values()) this.#showProgress(event);
  }

  /**
   * @param {GraphMessage} message
   * @returns {boolean} whether the page has to be brought up to date
   */
  receive(message) {
    if (message.type === "reset") {
      this.#places.clear();
      return false;
    }
    if (message.type === "snapshot") {
      for (const { execution_id, output_length } of message.executions) {
        this.#places.set(execution_id, Number(output_length));
      }
      return true;
    }
    if (message.type === "gone" || message.run_id !== this.#runId) return false;
    if (!("execution_id" in message)) return true; // a model call or a handoff
    const { execution_id: id } = message;
    if (message.type === "tool_progress") return this.#take(message);
    if (message.type === "tool_start") this.#places.set(id, 0);
    this.#progress.delete(id);
    return true;
  }

  /**
   * @param {ToolProgressEvent} event
   * @returns {boolean} whether the page must be fetched to show it
   */
  #take(event) {
    const { execution_id: id, output } = event;
    this.#progress.set(id, event);
    if (this.#isPast) return false;
    this.#showProgress(event);
    // What was cut out of the event has a length too, but not one that is known here.
    if (event.truncated) this.#places.delete(id);
    if (!output) return Boolean(event.truncated);
    const place = this.#places.get(id);
    if (place === undefined) return true;
    this.#places.set(id, place + codePoints(output));
    this.#outputs.get(id)?.receive(place, output);
    return false;
  }

  /** @param {ToolProgressEvent} event */
  #showProgress({ execution_id: id, message, progress }) {
    const card = document.getElementById(`tool-${id}`);
    if (card?.dataset.status !== "running") return;
    setText(card.querySelector("[data-message]"), message ?? "");
    if (progress === undefined) return;
    const share = `${Math.round(progress * 100)}%`;
    const meter = card.querySelector("[data-meter]");
    meter?.classList.remove("unknown");
    const bar = document.querySelector(`[id="bar-tool-${id}"] .bar-progress`);
    for (const shown of [meter?.firstElementChild, bar]) {
      if (shown instanceof HTMLElement || shown instanceof SVGElement) {
        shown.style.setProperty("--progress", share);
      }
    }
  }

  /** @param {EventTarget | null} card */
  #toggled(card) {
    if (!(card instanceof HTMLDetailsElement)) return;
    if (!card.open) this.#followed.delete(card); // It is the reader who opens it again.
    if (!card.matches(".tool")) return;
    const id = card.dataset.execution ?? "";
    if (!this.#isPast) this.#open[card.open ? "add" : "delete"](id);
    // A card of the past has what it shows from the server.
    else if (card.open && !card.querySelector(".output-text")) this.#fetchCard(id);
  }

  /** A card that comes back to the page is another element. */
  #leaveRemoved() {
    for (const [id, output] of this.#outputs) {
      if (output.isOnPage) continue;
      output.leave();
      this.#outputs.delete(id);
      this.#open.delete(id);
    }
  }

  /**
   * A card that has come to the page is open if it was before the past was shown, or to follow.
   * @param {HTMLDetailsElement} card
   * @returns {boolean} whether it is open to follow the run
   */
  #opensNew(card) {
    const wasOpen = this.#open.has(card.dataset.execution ?? "");
    card.open = wasOpen || (card.open && this.#wantsToFollow);
    const follows = card.open && !wasOpen;
    if (follows) this.#followed.add(card);
    return follows;
  }

  /** @param {HTMLDetailsElement} card */
  #add(card) {
    this.#seen.add(card);
    if (this.#isPast) return;
    const id = card.dataset.execution ?? "";
    this.#open[card.open ? "add" : "delete"](id);
    this.#outputs.set(id, new ToolOutput(card, () => this.#fetchCard(id)));
  }

  /**
   * Opens the tool at work, and closes the one opened so before, unless somebody reads it.
   * @param {HTMLDetailsElement} [latest]  that the server opened, if it is over already
   */
  #follow(latest) {
    if (!this.#follows) return;
    const running = this.#cards.filter(({ dataset }) => dataset.status === "running").pop();
    const wanted = running ?? latest;
    if (!wanted || wanted === this.#opened) return;
    const last = this.#opened;
    if (last && isBeingRead(last)) this.#followed.delete(last);
    else if (last?.dataset.status === "success") last.open = false;
    if (!wanted.open) this.#followed.add(wanted);
    wanted.open = true;
    this.#opened = wanted;
  }

  /** @param {string | undefined} id  of a card */
  #openCard(id) {
    const card = id && document.getElementById(id);
    if (!(card instanceof HTMLDetailsElement)) return;
    card.open = true;
    this.#followed.delete(card);
  }

  get #follows() {
    return this.#switch?.checked ?? false;
  }

  /** @returns {HTMLInputElement | null} not there in the past, and when the run has ended */
  get #switch() {
    return this.#root.querySelector("#follow-run input");
  }

  get #cards() {
    return /** @type {HTMLDetailsElement[]} */ ([...this.#root.querySelectorAll(".tool")]);
  }
}
