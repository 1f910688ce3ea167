/** @import {Loss} from "./connection.js"; */
/** @import {LiveConnection} from "./live_connection.js"; */
/** @import {Measurement} from "./stream_socket.js"; */

/**
 * What a page says to the worker.
 * @typedef {{type: "open", id: number, name: string, since?: number, epoch?: string}
 *   | {type: "measurement", id: number, frame: Measurement}
 *   | {type: "close", id: number} | {type: "read", chars: number}
 *   | {type: "alive", lock: string} | {type: "bye"}} FromPage
 */

/**
 * What the worker says to a page. `lock` is held as long as the worker lives.
 * @typedef {{type: "ready", lock?: string} | {type: "frame", id: number, text: string}
 *   | ({type: "end", id: number} & Loss)} FromWorker
 */

const READS_NOTHING = { code: 4408, reason: "The page reads nothing." };
// What was sent to a page and not read. A browser may freeze a tab in the background for days.
const UNREAD_LIMIT = 32 * 1024 * 1024; // characters

/** A page, as the worker sees it: its streams, until the page is gone. */
export class WorkerTab {
  #connection;
  #post;
  /** How to leave each stream, by the page's number for it. @type {Map<number, () => void>} */
  #streams = new Map();
  #unread = 0;

  /**
   * @param {LiveConnection} connection
   * @param {(message: FromWorker) => void} post
   */
  constructor(connection, post) {
    this.#connection = connection;
    this.#post = post;
  }

  /** @param {FromPage} message */
  receive(message) {
    switch (message.type) {
      case "open":
        this.#open(message);
        break;
      case "close":
        this.#streams.get(message.id)?.();
        this.#streams.delete(message.id);
        break;
      case "measurement":
        this.#connection.sendMeasurement(message.frame, (text) => this.#send(message.id, text));
        break;
      case "read":
        this.#unread -= message.chars;
        break;
      case "bye":
        this.leave();
        break;
    }
  }

  /** The page is gone, or frozen. */
  leave() {
    for (const leave of this.#streams.values()) leave();
    this.#streams.clear();
  }

  /** @param {Extract<FromPage, {type: "open"}>} message */
  #open({ id, name, since, epoch }) {
    if (this.#unread > UNREAD_LIMIT) return this.#end(id, READS_NOTHING);
    const leave = this.#connection.follow(name, {
      since,
      epoch,
      receive: (text) => this.#send(id, text),
      end: (loss) => this.#end(id, loss),
    });
    this.#streams.set(id, leave);
  }

  /** @param {number} id @param {string} text */
  #send(id, text) {
    this.#unread += text.length;
    this.#post({ type: "frame", id, text });
    if (this.#unread <= UNREAD_LIMIT) return;
    for (const stream of [...this.#streams.keys()]) {
      this.#streams.get(stream)?.();
      this.#end(stream, READS_NOTHING);
    }
  }

  /** @param {number} id @param {Loss} loss */
  #end(id, loss) {
    this.#streams.delete(id);
    this.#post({ type: "end", id, ...loss });
  }
}
