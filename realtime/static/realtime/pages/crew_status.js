/** @import {SignalEvent} from "../frames.js"; */

/**
 * Shows a crew's status wherever the page names the crew.
 * @param {SignalEvent["payload"]} payload
 * @returns {boolean} whether anything changed
 */
export function showStatus({ crewId, status }) {
  let changed = false;
  for (const element of document.querySelectorAll(`[data-crew="${CSS.escape(crewId)}"]`)) {
    if (element.getAttribute("data-status") === status) continue;
    changed = true;
    element.setAttribute("data-status", status);
    const badge = element.querySelector(".status-badge");
    badge?.setAttribute("data-status", status);
    if (badge) badge.textContent = status[0].toUpperCase() + status.slice(1);
  }
  return changed;
}
