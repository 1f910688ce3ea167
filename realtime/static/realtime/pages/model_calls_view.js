/** Open model calls of an agent, in its card and its row. They have no progress. */

import { setText } from "./set_text.js";
import { span, toolLink } from "./span.js";
import { duration } from "./times.js";

/** @import {ModelCall} from "../state/model_state.js"; */

/**
 * Makes the calls in `slot` those of the agent. They come before its tools.
 * @param {Element} slot
 * @param {ModelCall[]} calls
 * @param {number} [now]  milliseconds since 1970
 */
export function showCalls(slot, calls, now = Date.now()) {
  const shown = new Map(
    [...slot.querySelectorAll(":scope > [data-call]")].map((element) => [
      element.getAttribute("data-call"),
      element,
    ]),
  );
  const ids = new Set(calls.map(({ call_id }) => call_id));
  for (const [id, element] of shown) if (!ids.has(id ?? "")) element.remove();
  for (const call of [...calls].reverse()) {
    const element = shown.get(call.call_id) ?? callElement(call);
    if (!element.isConnected) slot.prepend(element);
    const took = duration(Math.max((now - call.begunAt) / 1000, 0));
    setText(element.querySelector(".tool-figure"), took);
    setText(element.querySelector(".tool-message"), messageOf(call));
  }
}

/** @param {ModelCall} call */
function messageOf({ provider, first_token_s }) {
  const answers = first_token_s === undefined ? "" : `answers after ${duration(first_token_s)}`;
  return [provider, answers].filter(Boolean).join(", ");
}

/** @param {ModelCall} call */
function callElement({ run_id, call_id, model }) {
  const link = toolLink(`/runs/${run_id}/#event-llm_start-${call_id}`, model || "model");
  const line = span("tool-line", link, span("tool-message"), span("tool-figure"));
  const meter = span("meter unknown", document.createElement("i"));
  const element = span("tool model-call", line, meter);
  element.dataset.call = call_id;
  element.dataset.status = "running";
  return element;
}
