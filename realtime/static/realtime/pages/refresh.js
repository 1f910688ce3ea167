/** Fetches the current page from the server, and replaces the parts that have changed. */

import { morph } from "./morph.js";
import { localTimes } from "./times.js";

const DEBOUNCE_MS = 250;
const AT_MOST_EVERY_MS = 1_000;
const REFRESH_MS = 15_000;

/**
 * Keeps the page's live parts fresh: on request, soon but not often, and every 15 s while somebody
 * looks at it, for changes without an event (a second run of a busy crew, a worker that went away).
 * @param {() => void} onChange  called after the page has changed
 * @param {() => string | undefined} [shape]  what the page has, and need not be sent again
 * @returns {() => void} asks for an update
 */
export function refreshing(onChange, shape) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let last = 0;
  let running = false;

  const refresh = async () => {
    timer = undefined;
    running = true;
    last = Date.now();
    try {
      if (await update(shape?.() ?? "live")) onChange();
    } finally {
      running = false;
    }
  };
  const request = () => {
    if (timer || document.hidden) return;
    const earliest = Math.max(last + AT_MOST_EVERY_MS - Date.now(), DEBOUNCE_MS);
    timer = setTimeout(() => (running ? ((timer = undefined), request()) : refresh()), earliest);
  };
  setInterval(request, REFRESH_MS);
  document.addEventListener("visibilitychange", request);
  return request;
}

/**
 * @param {string} has
 * @returns {Promise<boolean>} whether the page was brought up to date
 */
async function update(has) {
  let response;
  let text;
  try {
    response = await fetch(location.href, { headers: { "X-Fragment": has } });
    text = await response.text();
  } catch {
    return false; // No connection: the live mark shows it, and the next tick tries again.
  }
  if (response.redirected || response.status === 404) {
    location.reload(); // Signed out, or not ours any more: the server says it better.
    return false;
  }
  if (!response.ok) return false;
  const fresh = new DOMParser().parseFromString(text, "text/html");
  for (const element of [...fresh.body.children]) {
    const current = element.id && document.getElementById(element.id);
    if (current) morph(current, element);
  }
  localTimes(document.body);
  return true;
}
