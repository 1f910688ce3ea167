/**
 * A SharedWorker: one connection for all pages of a session in this browser. Its name ends with the
 * session's tag. The server refuses the connection if the browser has another session by then, so
 * no page gets what another user may see.
 */

import { LiveConnection } from "./live_connection.js";
import { WorkerTab } from "./worker_tab.js";

/** @import {FromPage, FromWorker} from "./worker_tab.js"; */

const scope = /** @type {any} */ (globalThis);
const session = scope.name.split(":").at(-1);
const connection = new LiveConnection(null, { url: scope.location.origin, session, log: null });

/** Held as long as this worker lives. @type {Promise<string | undefined>} */
const ownLock = new Promise((resolve) => {
  const { locks } = navigator; // Missing without TLS.
  if (!locks) return resolve(undefined);
  const name = `${scope.name}:${crypto.randomUUID()}`;
  void locks.request(name, () => {
    resolve(name);
    return new Promise(() => {});
  });
});

/** @param {MessageEvent} event */
scope.onconnect = async ({ ports: [port] }) => {
  const tab = new WorkerTab(connection, (/** @type {FromWorker} */ message) =>
    port.postMessage(message),
  );
  /** @param {MessageEvent<FromPage>} event */
  port.onmessage = ({ data }) => {
    if (data.type === "alive") leaveAfter(data.lock);
    else tab.receive(data);
  };
  const leaveAfter = (/** @type {string} */ lock) =>
    // Granted when the page that holds it is gone, however it has ended.
    void navigator.locks.request(lock, () => tab.leave());
  port.postMessage({ type: "ready", lock: await ownLock });
};
