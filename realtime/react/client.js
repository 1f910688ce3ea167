import { LiveConnection } from "../static/realtime/live_connection.js";
import { followCrew, NO_CREW } from "./crew.js";
import { followMission, NO_MISSION } from "./mission.js";
import { followRun, NO_RUN } from "./run.js";
import { Store } from "./store.js";

/** @import {Options} from "../static/realtime/options.js"; */
/** @import {Token} from "../static/realtime/token.js"; */
/** @import {CrewView} from "./crew.js"; */
/** @import {MissionView} from "./mission.js"; */
/** @import {RunView} from "./run.js"; */
/** @import {On} from "./watched_socket.js"; */

/**
 * @typedef {Pick<Options, "url" | "WebSocket" | "log" | "msgpack"> & {token?: Token | null}} ClientOptions
 * @typedef {{run: RunView, crew: CrewView, mission: MissionView}} Views
 */

/** @type {{[Kind in keyof Views]: (id: string, on: On, changed: () => void) => {view: () => Views[Kind], stop: () => void}}} */
const FOLLOW = {
  run: followRun,
  crew: followCrew,
  mission: (_id, on, changed) => followMission(on, changed),
};
/** What is shown before anything is known, and on a server. @type {Views} */
export const NOTHING = { run: NO_RUN, crew: NO_CREW, mission: NO_MISSION };

/**
 * One connection to CrewOps for all hooks below a `CrewOpsProvider`. It opens with the first hook
 * that follows something, and closes a few seconds after the last. Make one for each user who signs
 * in, outside of a render.
 */
export class CrewOpsClient {
  #options;
  /** @type {LiveConnection | undefined} */
  #live;
  /** By kind and id. @type {Map<string, Store<any>>} */
  #stores = new Map();

  /** @param {ClientOptions} [options] */
  constructor(options = {}) {
    this.#options = options;
  }

  /**
   * Follows a run, a crew or the mission. All who follow the same share its data.
   * @template {keyof Views} Kind
   * @param {Kind} kind
   * @param {string} id  "" of the mission
   * @param {() => void} listener  called when the snapshot has changed
   * @returns {() => void} ends it
   */
  follow(kind, id, listener) {
    const store = this.#stores.get(`${kind} ${id}`) ?? this.#open(kind, id);
    return store.subscribe(listener);
  }

  /**
   * What is known now: the same object until something has changed.
   * @template {keyof Views} Kind
   * @param {Kind} kind
   * @param {string} id
   * @returns {Views[Kind]}
   */
  snapshot(kind, id) {
    return this.#stores.get(`${kind} ${id}`)?.snapshot ?? NOTHING[kind];
  }

  /** Ends the connection at once, for example after signing out. */
  close() {
    for (const store of [...this.#stores.values()]) store.stop();
    this.#live?.close();
    this.#live = undefined;
  }

  /**
   * @template {keyof Views} Kind
   * @param {Kind} kind
   * @param {string} id
   */
  #open(kind, id) {
    const key = `${kind} ${id}`;
    const { url, log = null } = this.#options;
    const on = { url, log, WebSocket: this.#connection.WebSocket };
    /** @type {Store<any>} */
    const store = new Store(
      (changed) => FOLLOW[kind](id, on, changed),
      () => {
        if (this.#stores.get(key) === store) this.#stores.delete(key); // else another has begun
      },
    );
    this.#stores.set(key, store);
    return store;
  }

  /** Not in the constructor: a server that renders the page has no WebSocket. */
  get #connection() {
    const { token, ...options } = this.#options;
    this.#live ??= new LiveConnection(token, options);
    return this.#live;
  }
}
