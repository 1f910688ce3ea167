import { FakeWebSocket, hello } from "./fake_websocket.js";

/** The server's end of live connections: runs with any number of events. */
export class LiveServer {
  /** How many events each run has. @type {Map<string, number>} */
  heads = new Map();
  epoch = "e1";
  /** @type {Map<FakeWebSocket, Map<string, number>>} */
  #subscribed = new Map();
  /** Frames of clients that were handled, by connection. @type {Map<FakeWebSocket, number>} */
  #handled = new Map();

  /** @param {string} id @param {number} count */
  append(id, count = 1) {
    this.heads.set(id, (this.heads.get(id) ?? 0) + count);
  }

  /** A backup is restored: the same events have another numbering, and the server starts anew. */
  restore() {
    this.epoch = `e${Number(this.epoch.slice(1)) + 1}`;
    const socket = FakeWebSocket.all.at(-1);
    if (socket && socket.readyState !== 3) socket.lose(1006);
  }

  /** Accepts what has connected and handles what clients have sent; the newest connection counts. */
  step() {
    const socket = FakeWebSocket.all.at(-1);
    if (!socket || socket.readyState === 3) return;
    if (!this.#subscribed.has(socket)) {
      this.#subscribed.set(socket, new Map());
      socket.receive({ ...hello("", 0), stream: null, epoch: null });
    }
    const frames = socket.sent.slice(this.#handled.get(socket) ?? 0);
    this.#handled.set(socket, socket.sent.length);
    for (const frame of frames) this.#take(socket, frame);
  }

  /** Sends each stream's new events. */
  deliver() {
    for (const [socket, streams] of this.#subscribed) {
      if (socket.readyState === 3) continue;
      for (const [stream, sent] of streams) {
        const id = stream.slice("run:".length);
        const head = this.heads.get(id) ?? 0;
        for (let seq = sent + 1; seq <= head; seq++)
          socket.receive({ type: "task_start", stream, run_id: id, crew_id: "c", seq });
        streams.set(stream, head);
      }
    }
  }

  /** @param {FakeWebSocket} socket @param {any} frame */
  #take(socket, frame) {
    const streams = /** @type {Map<string, number>} */ (this.#subscribed.get(socket));
    for (const entry of frame.streams ?? []) {
      const stream = entry.stream ?? entry;
      if (frame.type === "unsubscribe") {
        if (!streams.delete(stream)) throw new Error(`${stream} was not subscribed`);
        socket.receive({ type: "unsubscribed", stream });
      } else {
        if (streams.has(stream)) throw new Error(`${stream} was subscribed already`);
        const head = this.heads.get(stream.slice("run:".length)) ?? 0;
        const { epoch } = this;
        const isPast = entry.since !== undefined && (entry.epoch ?? epoch) !== epoch;
        streams.set(stream, isPast ? 0 : (entry.since ?? 0));
        socket.receive(hello(stream, head, epoch));
        if (isPast) socket.receive({ type: "reset", stream, epoch, head, reason: "epoch_changed" });
      }
    }
  }
}
