import { ABNORMAL } from "./close_codes.js";

/** @import {Member} from "./members.js"; */
/** @import {Measurement} from "./stream_socket.js"; */
/** @import {FromPage, FromWorker} from "./worker_tab.js"; */

const VERSION = 1; // of the messages between pages and worker: pages of two versions share none
const READY_MS = 10_000;
const REPORT_CHARS = 64 * 1024; // read by the page, until it says so

/** A page's way to the connection that all pages of its session share. */
export class WorkerConnection {
  #port;
  /** @type {Map<number, Member>} */
  #members = new Map();
  /** Who gets the answer to the last `ping`. @type {Map<number, (text: string) => void>} */
  #answers = new Map();
  #opened = 0;
  #read = 0;
  #onEnd;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #readyTimer;

  /**
   * @param {string} session  the tag of the page's session
   * @param {(isUsable: boolean) => void} onEnd  the worker has ended; `isUsable`: another one will do
   */
  constructor(session, onEnd) {
    this.#onEnd = onEnd;
    const worker = new SharedWorker(new URL("./live_worker.js", import.meta.url), {
      type: "module",
      name: `crewops-live:${VERSION}:${session}`,
    });
    worker.onerror = () => this.#end(false);
    this.#readyTimer = setTimeout(() => this.#end(false), READY_MS);
    this.#port = worker.port;
    /** @param {MessageEvent<FromWorker>} event */
    this.#port.onmessage = ({ data }) => this.#receive(data);
    this.#sayAlive();
    addEventListener("pagehide", ({ persisted }) => {
      this.#post({ type: "bye" });
      // The browser may bring the page back later. Its sockets connect again then.
      if (persisted) this.#endAll("the page was left");
    });
  }

  /**
   * @param {string} name
   * @param {Member} member
   * @returns {() => void}
   */
  follow(name, member) {
    this.#opened += 1;
    const id = this.#opened;
    this.#members.set(id, member);
    this.#post({ type: "open", id, name, since: member.since, epoch: member.epoch });
    return () => {
      if (this.#members.delete(id)) this.#post({ type: "close", id });
    };
  }

  /**
   * @param {Measurement} frame
   * @param {(text: string) => void} answer
   */
  sendMeasurement(frame, answer) {
    this.#opened += 1;
    const id = this.#opened;
    // The number is that of no stream.
    if (frame.type === "ping") this.#answers = new Map([[id, answer]]);
    this.#post({ type: "measurement", id, frame });
  }

  /** @param {FromWorker} message */
  #receive(message) {
    switch (message.type) {
      case "ready":
        clearTimeout(this.#readyTimer);
        // Granted when the worker that holds it is gone.
        if (message.lock)
          void navigator.locks.request(message.lock, { mode: "shared" }, () => this.#end(true));
        break;
      case "frame":
        this.#reportRead(message.text.length);
        this.#members.get(message.id)?.receive(message.text);
        this.#answers.get(message.id)?.(message.text);
        break;
      case "end": {
        const member = this.#members.get(message.id);
        this.#members.delete(message.id);
        const { code, reason, impossible } = message;
        member?.end({ code, reason, impossible });
      }
    }
  }

  /** @param {number} chars */
  #reportRead(chars) {
    this.#read += chars;
    if (this.#read < REPORT_CHARS) return;
    this.#post({ type: "read", chars: this.#read });
    this.#read = 0;
  }

  /** The worker waits for a lock that this page holds until it is gone. */
  #sayAlive() {
    if (!navigator.locks) return;
    const lock = `crewops-page:${crypto.randomUUID()}`;
    void navigator.locks.request(lock, () => {
      this.#post({ type: "alive", lock });
      return new Promise(() => {});
    });
  }

  /** @param {boolean} isUsable */
  #end(isUsable) {
    clearTimeout(this.#readyTimer);
    this.#post({ type: "bye" }); // A slow worker reads later that this page has opened streams.
    this.#port.close();
    this.#onEnd(isUsable);
    this.#endAll("the worker has ended");
  }

  /** @param {string} reason */
  #endAll(reason) {
    const members = [...this.#members.values()];
    this.#members.clear();
    for (const member of members) member.end({ code: ABNORMAL, reason });
  }

  /** @param {FromPage} message */
  #post(message) {
    this.#port.postMessage(message);
  }
}
