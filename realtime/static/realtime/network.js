/**
 * Calls `callback` when the network is back or the page becomes visible: reconnect at once then.
 * Does nothing if there are no such events (Node).
 * @param {() => void} callback
 * @param {AbortSignal} signal  removes the listeners
 */
export function onReturn(callback, signal) {
  if (typeof globalThis.addEventListener !== "function") return;
  globalThis.addEventListener("online", callback, { signal });
  globalThis.addEventListener(
    "visibilitychange",
    () => {
      if (globalThis.document?.visibilityState !== "hidden") callback();
    },
    { signal },
  );
}
