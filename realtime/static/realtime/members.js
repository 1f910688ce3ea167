/** @import {Loss} from "./connection.js"; */
/** @import {Frame} from "./frames.js"; */

/**
 * One who follows a stream on a shared connection.
 * @typedef {object} Member
 * @property {number} [since]  the last `seq` that it has; undefined: it begins anew
 * @property {string} [epoch]
 * @property {(text: string) => void} receive  takes the text of a frame
 * @property {(loss: Loss) => void} end  called when nothing more follows
 */

/**
 * @typedef {object} Progress
 * @property {string | null | undefined} epoch
 * @property {number | undefined} at  the last `seq`
 */

/** A frame of a live socket, which names its stream. @typedef {Frame & {stream: string}} Named */

export {};
