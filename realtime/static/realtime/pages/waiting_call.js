/** A tool call of an agent that waits for approval, in its card and its row. */

import { span, toolLink } from "./span.js";

/** @import {RunApproval} from "../state/run_state.js"; */

/**
 * Makes the waiting call in `slot` that of the agent. It comes before all else there.
 * @param {Element} slot
 * @param {RunApproval | undefined} call
 */
export function showWaiting(slot, call) {
  const old = slot.querySelector(":scope > [data-waits]");
  if (old?.getAttribute("data-waits") !== call?.approval_id) {
    old?.remove();
    if (call) slot.prepend(waitingElement(call));
  } else if (old && slot.firstElementChild !== old) {
    slot.prepend(old); // a new model call is before it
  }
}

/** @param {RunApproval} call */
function waitingElement({ approval_id, tool }) {
  const message = span("tool-message", "waits for approval");
  const link = toolLink(`/approvals/${approval_id}/`, tool);
  const element = span("tool", span("tool-line", link, message));
  element.dataset.waits = approval_id;
  return element;
}
