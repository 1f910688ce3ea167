/**
 * Calls `callback` when the network or the reader comes back: waiting longer is pointless then.
 * Does nothing where there is no such event (Node).
 * @param {() => void} callback
 * @param {AbortSignal} signal  ends it
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
