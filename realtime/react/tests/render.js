/** Renders components that draw nothing: hooks run as in a browser, and no DOM is needed. */

import { act } from "react";
import Reconciler from "react-reconciler";
import {
  ConcurrentRoot,
  DefaultEventPriority,
  NoEventPriority,
} from "react-reconciler/constants.js";

/** @import {ReactNode} from "react"; */

Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });

let priority = NoEventPriority;
const nothing = () => null;
const host = {
  isPrimaryRenderer: true,
  supportsMutation: true,
  noTimeout: -1,
  scheduleTimeout: setTimeout,
  cancelTimeout: clearTimeout,
  getRootHostContext: nothing,
  getChildHostContext: nothing,
  prepareForCommit: nothing,
  resetAfterCommit: nothing,
  clearContainer: nothing,
  preparePortalMount: nothing,
  detachDeletedInstance: nothing,
  maySuspendCommit: () => false,
  trackSchedulerEvent: nothing,
  resolveEventType: nothing,
  resolveEventTimeStamp: () => -1.1,
  shouldAttemptEagerTransition: () => false,
  requestPostPaintCallback: nothing,
  setCurrentUpdatePriority: (/** @type {number} */ wanted) => void (priority = wanted),
  getCurrentUpdatePriority: () => priority,
  resolveUpdatePriority: () => priority || DefaultEventPriority,
};
const renderer = Reconciler(/** @type {any} */ (host));

/** @param {(error: unknown) => void} [onError]  called with what a component throws */
export function root(onError = nothing) {
  const container = renderer.createContainer(
    {},
    ConcurrentRoot,
    null,
    false,
    null,
    "",
    onError,
    nothing,
    nothing,
    nothing,
  );
  /** @param {ReactNode} element */
  const render = (element) =>
    act(async () => void renderer.updateContainer(element, container, null, null));
  return { render, unmount: () => render(null) };
}
