/** What holds runs up: a pause, or tool calls that wait for approval. No DOM. */

/** @import {RunMessage} from "../frames.js"; */

/**
 * @typedef {"" | "paused" | "paused by budget" | "waiting"} Hold
 * @typedef {object} Run
 * @property {string | undefined} pausedBy  who has asked for the pause that is in effect
 * @property {Set<string>} calls  that wait for approval
 * @property {Map<string, {action: string, by: string}>} moves  pauses and resumes, by control
 */

const BUDGET = "the budget"; // as the server names it in `by`

export class Holds {
  /** @type {Map<string, Run>} */
  #runs = new Map();

  /**
   * @param {string} runId
   * @param {RunMessage} message
   */
  apply(runId, message) {
    if (message.type === "boot" || message.type === "reset")
      this.#runs.set(runId, { pausedBy: undefined, calls: new Set(), moves: new Map() });
    const run = this.#runs.get(runId);
    if (!run) return;
    switch (message.type) {
      case "control_requested":
        run.moves.set(message.control_id, message);
        break;
      case "control_applied": {
        const { action, by } = run.moves.get(message.control_id) ?? {};
        if (message.status !== "applied") break;
        if (action === "pause") run.pausedBy = by ?? "";
        if (action === "resume") run.pausedBy = undefined;
        break;
      }
      case "approval_requested":
        run.calls.add(message.approval_id);
        break;
      case "approval_decided":
        run.calls.delete(message.approval_id);
        break;
      case "done":
        this.#runs.delete(runId);
    }
  }

  /**
   * @param {string} runId
   * @returns {Hold}
   */
  of(runId) {
    const run = this.#runs.get(runId);
    if (run?.pausedBy !== undefined) return run.pausedBy === BUDGET ? "paused by budget" : "paused";
    return run?.calls.size ? "waiting" : "";
  }
}
