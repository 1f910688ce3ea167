/** Brings the run page up to date with what the server would show now: one request at a time. */

import { morph } from "./morph.js";
import { localTimes } from "./times.js";

const AT_MOST_EVERY_MS = 300;

/**
 * @param {string} url  of the part of the page that changes
 * @param {() => void} onChange  called after each update
 * @returns {(evenHidden?: boolean) => void} asks for an update; what is asked for during one is done
 *   after it, and what is asked for in a hidden tab when it is seen again, unless it is urgent
 */
export function refresher(url, onChange) {
  let wanted = false;
  let urgent = false;
  let busy = false;

  const run = async () => {
    busy = true;
    while (wanted && (urgent || !document.hidden)) {
      wanted = false;
      urgent = false;
      if (await update(url)) onChange();
      await new Promise((resolve) => setTimeout(resolve, AT_MOST_EVERY_MS));
    }
    busy = false;
  };
  const request = (evenHidden = false) => {
    wanted = true;
    urgent ||= evenHidden;
    if (!busy) run();
  };
  document.addEventListener("visibilitychange", () => {
    if (!busy && wanted) run();
  });
  return request;
}

/** @param {string} url */
async function update(url) {
  let response;
  try {
    response = await fetch(url, { cache: "no-store" });
  } catch {
    return false; // No connection: the live mark says so, and somebody will ask again.
  }
  if (response.status === 404) {
    location.reload(); // Signed out, or not shared any more: the server says it better.
    return false;
  }
  if (!response.ok) return false;
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  const wanted = fresh.getElementById("run-live");
  const current = document.getElementById("run-live");
  if (!wanted || !current) return false;
  morph(current, wanted);
  localTimes(document.body);
  return true;
}
