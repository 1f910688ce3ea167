const STREAMS_IN_A_FRAME = 80; // each with its position; the server takes 16 KiB

/**
 * The frames that begin or end these streams.
 * @param {"subscribe" | "unsubscribe"} type
 * @param {unknown[]} streams
 */
export function framesOf(type, streams) {
  const frames = [];
  for (let at = 0; at < streams.length; at += STREAMS_IN_A_FRAME)
    frames.push({ type, streams: streams.slice(at, at + STREAMS_IN_A_FRAME) });
  return frames;
}
