/** @import {Options, State} from "../static/realtime/options.js"; */
/** @import {LiveSocket} from "../static/realtime/socket.js"; */

/**
 * @typedef {object} Connection
 * @property {State} connection  `live`: everything is here, and what happens next comes at once
 * @property {{code: number | undefined, reason: string} | null} error  why `connection` is `failed`:
 *   with a close code of the server such as 4401 (sign in again) or 4404 (not found, or not yours)
 */

/** Options that all sockets of a client share. @typedef {Pick<Options, "url" | "WebSocket" | "log">} On */

/** @type {Connection} */
export const IDLE = Object.freeze({ connection: "idle", error: null });

/**
 * A socket and its state, from here until `stop`.
 * @template {{type: string}} Message
 */
export class Watched {
  /** @type {Connection} */
  connection = IDLE;
  #socket;
  #ends;

  /**
   * @param {LiveSocket<Message>} socket  not connected yet
   * @param {() => void} changed  called after each message and change of the state
   * @param {(message: Message) => void} receive
   */
  constructor(socket, changed, receive) {
    this.#socket = socket;
    this.#ends = [
      socket.subscribe((message) => {
        receive(message);
        changed();
      }),
      socket.onStateChange(({ state, code, reason = "" }) => {
        this.connection = {
          connection: state,
          error: state === "failed" ? { code, reason } : null,
        };
        changed();
      }),
    ];
    socket.connect();
  }

  stop() {
    for (const end of this.#ends) end();
    this.#socket.disconnect();
  }
}
