/** Updates the run page from the server, with one request at a time. */

import { morph } from "./morph.js";
import { momentIn } from "./replay_address.js";
import { localTimes } from "./times.js";

const AT_MOST_EVERY_MS = 300;
const LARGE_AT_MOST_EVERY_MS = 1_000;
const COST_FACTOR = 80; // an open page of a large run takes 2 % of a core of the server, its sockets included
const OPENED_AT_MOST = 20;

/** The part of the run that this page shows, for `runs/pages/run_window.py`. */
export class Opened {
  #ids = new Set();

  /** @param {string} id  of a task or tool whose content is wanted */
  add(id) {
    this.#ids.delete(id);
    this.#ids.add(id);
    const [oldest] = this.#ids;
    if (this.#ids.size > OPENED_AT_MOST) this.#ids.delete(oldest);
  }

  /**
   * @param {string} url
   * @param {string | null} moment  of the past; null: the present
   * @param {string[]} [read]  tasks that the reader has open
   */
  addressOf(url, moment, read = []) {
    const { searchParams } = new URL(location.href);
    const query = new URLSearchParams();
    for (const name of ["page", "at", "lanes", "events", "tools"]) {
      // What the address says of the moment may be old.
      const value = searchParams.getAll(name).find((text) => !momentIn(`?at=${text}`));
      if (value) query.set(name, value);
    }
    if (moment !== null) query.append("at", moment);
    const open = [...new Set([...read, ...this.#ids])].slice(-OPENED_AT_MOST);
    if (open.length) query.set("open", open.join(","));
    return query.size ? `${url}?${query}` : url;
  }
}

/**
 * @param {() => string} url  of the part of the page that changes
 * @param {() => void} onChange  called after each update
 * @param {() => boolean} isWanted  whether the page shows the present
 * @returns {(evenHidden?: boolean) => void} asks for an update; what is asked for during one is done
 *   after it, and what is asked for in a hidden tab when it is seen again, unless it is urgent
 */
export function refresher(url, onChange, isWanted) {
  let wanted = false;
  let urgent = false;
  let busy = false;
  let endPause = () => {};

  const run = async () => {
    busy = true;
    try {
      while (wanted && (urgent || !document.hidden)) {
        wanted = false;
        urgent = false;
        if (!isWanted()) break;
        const { isNew, isLarge, costMs } = await update(url(), isWanted);
        const pauseMs = isLarge
          ? Math.max(costMs * COST_FACTOR, LARGE_AT_MOST_EVERY_MS)
          : AT_MOST_EVERY_MS;
        if (isNew) onChange();
        await new Promise((resolve) => {
          endPause = () => resolve(undefined);
          setTimeout(endPause, urgent ? AT_MOST_EVERY_MS : pauseMs);
        });
      }
    } finally {
      busy = false;
    }
  };
  const request = (evenHidden = false) => {
    wanted = true;
    urgent ||= evenHidden;
    // What a reader has asked for does not wait.
    if (evenHidden) endPause();
    if (!busy) run();
  };
  document.addEventListener("visibilitychange", () => {
    if (!busy && wanted) run();
  });
  return request;
}

let knows = true; // whether the page has the parts whose versions it has

/** The next update brings every part anew. */
export function forgetParts() {
  knows = false;
}

/**
 * Brings the page up to date, once. `costMs`: what that has cost the server.
 * @param {string} url
 * @param {() => boolean} isWanted  asked again when the answer is there
 */
export async function update(url, isWanted) {
  const failed = { isNew: false, isLarge: false, costMs: 0 };
  const parts = knows ? [...document.querySelectorAll("#run-live [data-version]")] : [];
  const versions = parts.map((part) => part.getAttribute("data-version"));
  let response;
  let text;
  try {
    response = await fetch(url, { cache: "no-store", headers: { "X-Has": versions.join(",") } });
    text = await response.text();
  } catch {
    return failed; // No connection: the live mark shows it, and a later call tries again.
  }
  if (response.status === 404) {
    withdraw();
    return failed;
  }
  if (!response.ok) return failed;
  if (!isWanted()) return failed;
  const fresh = new DOMParser().parseFromString(text, "text/html");
  const wanted = fresh.getElementById("run-live");
  const current = document.getElementById("run-live");
  if (!wanted || !current) return failed;
  knows = morph(current, wanted);
  localTimes(document.body);
  const cost = /cpu;dur=(\d+)/.exec(response.headers.get("Server-Timing") ?? "");
  return {
    isNew: true,
    isLarge: wanted.hasAttribute("data-large"),
    costMs: Number(cost?.[1] ?? 0),
  };
}

/** Signed out, or no longer shared: members sign in again; a guest's page shows that it ended. */
export function withdraw() {
  const root = document.getElementById("run");
  const notice = document.getElementById("sharing-ended");
  if (root?.hasAttribute("data-crew-id") || !(notice instanceof HTMLTemplateElement))
    location.reload();
  else root?.replaceChildren(notice.content.cloneNode(true));
}
