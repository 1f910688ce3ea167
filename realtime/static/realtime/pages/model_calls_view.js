/** Open model calls of an agent, in its card and its row. They have no progress. */

import { span } from "./span.js";
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
    const figure = element.querySelector(".tool-figure");
    if (figure && figure.textContent !== took) figure.textContent = took;
    const message = element.querySelector(".tool-message");
    const about = messageOf(call);
    if (message && message.textContent !== about) message.textContent = about;
  }
}

/** @param {ModelCall} call */
function messageOf({ provider, first_token_s }) {
  const answers = first_token_s === undefined ? "" : `answers after ${duration(first_token_s)}`;
  return [provider, answers].filter(Boolean).join(", ");
}

/** @param {ModelCall} call */
function callElement({ run_id, call_id, model }) {
  const element = span("tool model-call");
  element.dataset.call = call_id;
  element.dataset.status = "running";
  const line = span("tool-line");
  const name = document.createElement("a");
  name.className = "tool-name";
  name.href = `/runs/${run_id}/#event-llm_start-${call_id}`;
  name.textContent = model || "model";
  line.append(name, span("tool-message"), span("tool-figure"));
  const meter = span("meter unknown");
  meter.append(document.createElement("i"));
  element.append(line, meter);
  return element;
}
