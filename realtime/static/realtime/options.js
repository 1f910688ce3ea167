/** @import {MessagePack} from "./message_pack.js"; */

/**
 * The part of the browser's WebSocket that is used.
 * @typedef {object} WebSocketLike
 * @property {number} readyState
 * @property {string} [protocol]
 * @property {"blob" | "arraybuffer"} [binaryType]
 * @property {((event: any) => void) | null} onmessage
 * @property {((event: any) => void) | null} onclose
 * @property {((event: any) => void) | null} onerror
 * @property {(data: any) => void} send
 * @property {(code?: number, reason?: string) => void} close
 */

/**
 * `server`: the address of the server, if the class has one of its own.
 * @typedef {{new (url: string, protocols?: string[]): WebSocketLike, server?: string}} WebSocketClass
 */

/**
 * @typedef {object} Options
 * @property {string | URL} [url]  default: that of `WebSocket`, else VITE_WS_URL, else the page's origin
 * @property {boolean} [autoReconnect]  true: always reconnect, with exponential back-off, even
 *   if the class would stop (run) or wait for `reconnect()` (graph)
 * @property {AbortSignal} [signal]  disconnects finally, for example at the end of a component
 * @property {(refusal: {code: number, reason: string}) => void} [onAuthFailed]  the server
 *   requires another login (4401), and a new token did not help
 * @property {((message: string, error?: unknown) => void) | null | false} [log]  instead of the
 *   console; null or false: no log
 * @property {WebSocketClass} [WebSocket]  instead of the global one
 * @property {MessagePack} [msgpack]  `encode` and `decode` of `@msgpack/msgpack`: frames are then
 *   MessagePack instead of JSON; listeners get the same messages
 */

/**
 * - `idle`: not connected yet
 * - `connecting`: no `hello` from the server yet
 * - `catching_up`: connected, but earlier events are still missing
 * - `live`: connected, no event missing
 * - `retrying`: connection lost, another attempt follows automatically
 * - `disconnected`: connection lost, waits for `connect()` or `reconnect()`
 * - `closed`: ended by the server after the last event (1000), or by `disconnect()`
 * - `failed`: the server refuses (4400, 4401, 4403, 4404), or no socket could be made
 * @typedef {"idle" | "connecting" | "catching_up" | "live" | "retrying" | "disconnected" | "closed"
 *   | "failed"} State
 */

/**
 * @typedef {object} StateChange
 * @property {State} state
 * @property {State} previous
 * @property {number} [code]  the close code, if a close frame was received
 * @property {string} [reason]
 * @property {number} [retryInMs]  in `retrying`: the delay before the next attempt
 */

export {};
