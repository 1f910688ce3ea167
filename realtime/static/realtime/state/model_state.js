/** Model calls and handoffs of a crew's graph: open calls, totals of the ended ones. No DOM. */

/** @import {GraphMessage} from "../frames.js"; */

const HANDOFFS_KEPT = 200;
const TOTALS = /** @type {const} */ (["input_tokens", "output_tokens", "cost_usd"]);

/**
 * @typedef {object} ModelCall  an open one
 * @property {string} run_id
 * @property {string} agent_id
 * @property {string} call_id
 * @property {string} provider
 * @property {string} model
 * @property {number} begunAt  milliseconds since 1970 by this computer's clock
 * @property {number} [first_token_s]  missing until the model answers
 * @typedef {object} Usage  Totals of ended calls; null: no call has reported it.
 * @property {number} model_calls
 * @property {number | null} input_tokens
 * @property {number | null} output_tokens
 * @property {number | null} cost_usd
 * @property {number} calls_without_usage
 * @property {number} calls_without_cost
 * @typedef {{run_id: string, from_agent_id: string, to_agent_id: string, message: string}} Handoff
 */

/** @returns {Usage} */
function noUsage() {
  return {
    model_calls: 0,
    input_tokens: null,
    output_tokens: null,
    cost_usd: null,
    calls_without_usage: 0,
    calls_without_cost: 0,
  };
}

/** Like `runs/events/model_state.py` on the server; both are tested with the same vectors. */
export class ModelState {
  /** Open calls by id, oldest first. @type {Map<string, ModelCall>} */
  calls = new Map();
  /** By run. @type {Map<string, Usage>} */
  usage = new Map();
  /** Oldest first. @type {Handoff[]} */
  handoffs = [];

  /**
   * @param {GraphMessage} message
   * @param {number} begunAt  when it happened, by this computer's clock
   * @param {number} now
   */
  apply(message, begunAt, now) {
    switch (message.type) {
      case "snapshot":
        this.#snapshot(message, now);
        break;
      case "llm_start": {
        const { run_id, agent_id, call_id, provider, model } = message;
        this.calls.set(call_id, { run_id, agent_id, call_id, provider, model, begunAt });
        break;
      }
      case "llm_progress": {
        const call = this.calls.get(message.call_id);
        if (call && message.first_token_s !== undefined) call.first_token_s = message.first_token_s;
        break;
      }
      case "llm_end":
        this.calls.delete(message.call_id);
        if (!this.usage.has(message.run_id)) this.usage.set(message.run_id, noUsage());
        count(/** @type {Usage} */ (this.usage.get(message.run_id)), message);
        break;
      case "handoff": {
        const { run_id, from_agent_id, to_agent_id, message: text = "" } = message;
        this.handoffs.push({ run_id, from_agent_id, to_agent_id, message: text });
        if (this.handoffs.length > HANDOFFS_KEPT) this.handoffs.shift();
        break;
      }
    }
  }

  /** @param {import("./saved_state.js").SavedState["model"]} saved */
  restore({ calls, usage, handoffs }) {
    this.calls = new Map(
      Object.entries(calls).map(([id, { started_at, ...call }]) => [
        id,
        { ...call, begunAt: Date.parse(started_at) },
      ]),
    );
    this.usage = new Map(Object.entries(usage));
    this.handoffs = [...handoffs];
  }

  /**
   * Whether an event of the run has been applied.
   * @param {string} runId
   */
  knows(runId) {
    const shown = [...this.calls.values(), ...this.handoffs];
    return this.usage.has(runId) || shown.some(({ run_id }) => run_id === runId);
  }

  /** Totals of all runs that are shown. */
  get total() {
    const total = noUsage();
    for (const own of this.usage.values()) {
      for (const name of TOTALS)
        if (own[name] !== null) total[name] = (total[name] ?? 0) + own[name];
      total.model_calls += own.model_calls;
      total.calls_without_usage += own.calls_without_usage;
      total.calls_without_cost += own.calls_without_cost;
    }
    return total;
  }

  /**
   * Deletes the state of other runs.
   * @param {Set<string>} runIds
   */
  keep(runIds) {
    for (const [id, { run_id }] of this.calls) if (!runIds.has(run_id)) this.calls.delete(id);
    for (const id of this.usage.keys()) if (!runIds.has(id)) this.usage.delete(id);
    this.handoffs = this.handoffs.filter(({ run_id }) => runIds.has(run_id));
  }

  /**
   * @param {Extract<GraphMessage, {type: "snapshot"}>} message  of an older server without the lists
   * @param {number} now
   */
  #snapshot({ calls = [], usage = [], handoffs = [] }, now) {
    this.calls = new Map(
      calls.map(({ duration_s, started_at: _, ...call }) => [
        call.call_id,
        { ...call, begunAt: now - duration_s * 1000 },
      ]),
    );
    this.usage = new Map(usage.map(({ run_id, ...totals }) => [run_id, totals]));
    this.handoffs = [...handoffs];
  }
}

/**
 * @param {Usage} totals
 * @param {Extract<GraphMessage, {type: "llm_end"}>} ended
 */
function count(totals, ended) {
  totals.model_calls++;
  for (const name of TOTALS) {
    const number = ended[name];
    if (number !== undefined) totals[name] = (totals[name] ?? 0) + number;
  }
  if (ended.input_tokens === undefined || ended.output_tokens === undefined)
    totals.calls_without_usage++;
  if (ended.cost_usd === undefined) totals.calls_without_cost++;
}
