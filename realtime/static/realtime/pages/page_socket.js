/**
 * The sockets of a page share one connection, and all pages of a session share it through a worker.
 * Where the browser has no SharedWorker, each page has a connection of its own.
 */

import { LiveConnection } from "../live_connection.js";
import { socketsOn } from "../stream_socket.js";
import { WorkerConnection } from "../worker_connection.js";

/** @import {SharedConnection} from "../stream_socket.js"; */

const { session } = document.documentElement.dataset;
let hasWorkers = "SharedWorker" in globalThis;
/** @type {WorkerConnection | LiveConnection | undefined} */
let connection;

/** @param {string} tag */
function connect(tag) {
  if (!hasWorkers) return new LiveConnection(null, { session: tag, log: null });
  try {
    return new WorkerConnection(tag, (isUsable) => {
      hasWorkers &&= isUsable;
      connection = undefined;
    });
  } catch {
    hasWorkers = false;
    return new LiveConnection(null, { session: tag, log: null });
  }
}

/** @type {SharedConnection} */
const shared = {
  follow(name, member) {
    connection ??= connect(session ?? "");
    return connection.follow(name, member);
  },
  sendMeasurement(frame, answer) {
    connection?.sendMeasurement(frame, answer);
  },
};

/**
 * For the sockets' `options.WebSocket`. Who has not signed in has no live connection: a shared run
 * opens a socket of its own.
 */
export const PageSocket = session ? socketsOn(shared) : undefined;
