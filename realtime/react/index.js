"use client";

/** CrewOps in React: `useRun`, `useCrew` and `useMission` below a `CrewOpsProvider`. */

import { createContext, createElement, useCallback, useContext, useSyncExternalStore } from "react";

import { NOTHING } from "./client.js";

/** @import {ReactNode} from "react"; */
/** @import {CrewOpsClient, Views} from "./client.js"; */

export { CrewOpsClient } from "./client.js";

/**
 * For TypeScript users.
 * @typedef {import("./client.js").ClientOptions} ClientOptions
 * @typedef {import("./crew.js").AgentView} AgentView
 * @typedef {import("./crew.js").CrewView} CrewView
 * @typedef {import("./mission.js").MissionView} MissionView
 * @typedef {import("./run.js").RunView} RunView
 */

const Context = createContext(/** @type {CrewOpsClient | null} */ (null));

/**
 * Gives the hooks below it their client.
 * @param {{client: CrewOpsClient, children?: ReactNode}} props
 */
export function CrewOpsProvider({ client, children }) {
  return createElement(Context.Provider, { value: client }, children);
}

/**
 * A run, as it is now.
 * @param {string | null | undefined} runId  without one, nothing is followed
 */
export function useRun(runId) {
  return useFollowed("run", runId);
}

/**
 * A crew's agents, and what they do now.
 * @param {string | null | undefined} crewId  without one, nothing is followed
 */
export function useCrew(crewId) {
  return useFollowed("crew", crewId);
}

/** The status of every crew that the user may see. */
export function useMission() {
  return useFollowed("mission", "");
}

/**
 * @template {keyof Views} Kind
 * @param {Kind} kind
 * @param {string | null | undefined} givenId  "" is an id of the mission alone
 * @returns {Views[Kind]}
 */
function useFollowed(kind, givenId) {
  const id = kind === "mission" ? "" : givenId || undefined;
  const client = useContext(Context);
  if (!client) throw new Error("No CrewOps client: put <CrewOpsProvider client={…}> around this.");
  const subscribe = useCallback(
    (/** @type {() => void} */ listener) =>
      id === undefined ? () => {} : client.follow(kind, id, listener),
    [client, kind, id],
  );
  return useSyncExternalStore(
    subscribe,
    () => (id === undefined ? NOTHING[kind] : client.snapshot(kind, id)),
    () => NOTHING[kind],
  );
}
