/** The moment of a run's past in the page's address: `?at=2026-01-31T12:00:00.000000Z`. */

import { isoUtc } from "./recording.js";

const AT_MOST_EVERY_MS = 500; // a browser refuses to change the address very often

/** A tool or task that `at` names as well is no time. @param {string} search */
export function momentIn(search) {
  for (const text of new URLSearchParams(search).getAll("at")) {
    const milliseconds = /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) : NaN;
    if (Number.isNaN(milliseconds)) continue;
    return /\.\d{6}Z$/.test(text) ? text : isoUtc(milliseconds);
  }
  return null;
}

/**
 * @param {string} href
 * @param {string | null} at  null: the present
 * @param {string} [runId]  of a page that shows several runs
 */
export function withMoment(href, at, runId) {
  const url = new URL(href);
  const others = url.searchParams.getAll("at").filter((text) => !momentIn(`?at=${text}`));
  url.searchParams.delete("at");
  for (const text of others) url.searchParams.append("at", text);
  if (at !== null) url.searchParams.append("at", at);
  if (runId !== undefined) url.searchParams.delete("run");
  if (runId !== undefined && at !== null) url.searchParams.set("run", runId);
  return url.href;
}

/** Writes the address, now and then. */
export class MomentAddress {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {[at: string | null, runId: string | undefined] | undefined} */
  #wanted;

  /** Whether the address is that of an earlier moment than the page's. */
  get isPending() {
    return this.#wanted !== undefined;
  }

  /**
   * @param {string | null} at
   * @param {string} [runId]
   */
  set(at, runId) {
    const isWritten = withMoment(location.href, at, runId) === location.href;
    this.#wanted = isWritten ? undefined : [at, runId];
    this.#timer ??= setTimeout(() => this.write(), AT_MOST_EVERY_MS);
  }

  write() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    // The page may have gone to another part of itself meanwhile.
    const href = this.#wanted ? withMoment(location.href, ...this.#wanted) : location.href;
    this.#wanted = undefined;
    if (href !== location.href) history.replaceState(history.state, "", href);
  }
}
