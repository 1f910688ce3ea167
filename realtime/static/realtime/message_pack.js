/** Frames as MessagePack, with the functions of the package `@msgpack/msgpack`. */

/**
 * @typedef {object} MessagePack
 * @property {(value: unknown) => Uint8Array} encode
 * @property {(data: ArrayBuffer) => unknown} decode
 */

export const PACKED = "crewops.msgpack"; // the subprotocol

// Without the option a decoder drops a byte order mark at the beginning, which JSON keeps.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * The frame as its JSON has it: the server sends `output` as the bytes of its text.
 * @param {MessagePack} msgpack
 * @param {ArrayBuffer} data
 * @returns {any}
 */
export function unpacked({ decode }, data) {
  const frame = /** @type {any} */ (decode(data));
  if (frame?.output instanceof Uint8Array) frame.output = decoder.decode(frame.output);
  return frame;
}
