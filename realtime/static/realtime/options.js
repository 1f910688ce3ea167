/**
 * The part of the browser's WebSocket that is used.
 * @typedef {object} WebSocketLike
 * @property {number} readyState
 * @property {((event: any) => void) | null} onmessage
 * @property {((event: any) => void) | null} onclose
 * @property {((event: any) => void) | null} onerror
 * @property {(data: string) => void} send
 * @property {(code?: number, reason?: string) => void} close
 */

/**
 * @typedef {object} Options
 * @property {string | URL} [url]  the server's address; else VITE_WS_URL, else the page's origin
 * @property {boolean} [autoReconnect]  true: reconnect for ever, with exponential back-off, also
 *   where the class would stop (run) or wait for `reconnect()` (graph)
 * @property {AbortSignal} [signal]  disconnects, and lets nothing connect again: a component's life
 * @property {(refusal: {code: number, reason: string}) => void} [onAuthFailed]  the server wants
 *   another login (4401) and no fresh token helped
 * @property {((message: string, error?: unknown) => void) | null | false} [log]  instead of the
 *   console; null or false for silence
 * @property {new (url: string, protocols?: string[]) => WebSocketLike} [WebSocket]  instead of the
 *   global one
 */

/**
 * - `idle`: not begun
 * - `connecting`: no greeting from the server yet
 * - `catching_up`: connected, but events that have happened are still to come
 * - `live`: connected, nothing missing
 * - `retrying`: connection lost, another attempt follows by itself
 * - `disconnected`: connection lost, waits for `connect()` or `reconnect()`
 * - `closed`: ended, by the server because all is told (1000), or by `disconnect()`
 * - `failed`: the server refuses (4400, 4401, 4403, 4404), or no socket could be made
 * @typedef {"idle" | "connecting" | "catching_up" | "live" | "retrying" | "disconnected" | "closed"
 *   | "failed"} State
 */

/**
 * @typedef {object} StateChange
 * @property {State} state
 * @property {State} previous
 * @property {number} [code]  the close code behind it; none where no close frame was seen
 * @property {string} [reason]
 * @property {number} [retryInMs]  in `retrying`: the wait before the next attempt
 */

export {};
