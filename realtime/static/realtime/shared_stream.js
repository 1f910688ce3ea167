import { ABNORMAL } from "./close_codes.js";

/** @import {Loss} from "./connection.js"; */
/** @import {Frame, HelloFrame} from "./frames.js"; */
/** @import {Member, Named, Progress} from "./members.js"; */

/**
 * A stream (or all streams of a kind) of one connection, and those who follow it. Each gets what it
 * would get on a socket of its own.
 *
 * The server sends a stream once. If somebody needs an earlier part, the stream is unsubscribed and
 * subscribed again from there, and the others do not get again what they have.
 */
export class SharedStream {
  /** Members, and the number of the subscription with which each has begun. @type {Map<Member, number>} */
  #members = new Map();
  /** Members that need a new subscription. @type {Set<Member>} */
  #waiting = new Set();
  /** What each member has of each stream. @type {Map<Member, Map<string, Progress>>} */
  #progress = new Map();
  /** What was received of each stream. @type {Map<string, Progress>} */
  #received = new Map();
  /** @type {HelloFrame | undefined} */
  #hello;
  #isSubscribed = false;
  #unsubscribed = 0;
  #answered = 0; // of the unsubscribed
  #greeted = false; // whether the frame before was a `hello`
  /** @type {number | undefined} */
  #since;

  /** @param {string} name */
  constructor(name) {
    this.name = name;
  }

  /** Whether nobody follows it, and nothing of it is to come. */
  get isOver() {
    return !this.#members.size && !this.#isSubscribed && this.#answered === this.#unsubscribed;
  }

  /** @param {Member} member */
  add(member) {
    this.#progress.set(member, new Map());
    const { epoch, at } = this.#received.get(this.name) ?? {};
    const { since, epoch: own = epoch } = member;
    const isUpToDate = since !== undefined && since === at && own === epoch;
    const isSettled = this.#isSubscribed && this.#answered === this.#unsubscribed;
    if (isUpToDate && isSettled && this.#hello) {
      this.#members.set(member, -1);
      this.#progress.get(member)?.set(this.name, { epoch, at });
      const hello = JSON.stringify({ ...this.#hello, head: at });
      queueMicrotask(() => member.receive(hello)); // Its listeners come after this call.
      return;
    }
    this.#members.set(member, Number.POSITIVE_INFINITY);
    this.#waiting.add(member);
  }

  /** @param {Member} member */
  remove(member) {
    this.#members.delete(member);
    this.#waiting.delete(member);
    this.#progress.delete(member);
  }

  /** Whether the subscription has to end now. If so, it has ended for us. */
  unsubscribe() {
    if (!this.#isSubscribed || (this.#members.size && !this.#waiting.size)) return false;
    this.#isSubscribed = false;
    this.#unsubscribed += 1;
    return true;
  }

  /**
   * The subscription that has to begin now, from where all members get what they lack.
   * @returns {{stream: string, since?: number, epoch?: string} | undefined}
   */
  subscribe() {
    if (this.#isSubscribed || !this.#members.size) return undefined;
    this.#isSubscribed = true;
    for (const member of this.#waiting) this.#members.set(member, this.#unsubscribed);
    const positions = [...this.#members.keys()].map((member) => this.#positionOf(member));
    this.#waiting.clear();
    this.#since = undefined;
    if (positions.some(({ since }) => since === undefined)) return { stream: this.name };
    const epochs = new Set(positions.flatMap(({ epoch }) => epoch ?? []));
    if (epochs.size > 1) return { stream: this.name }; // One of two numberings is past.
    const [epoch] = epochs;
    this.#since = Math.min(...positions.map(({ since }) => since ?? 0));
    return { stream: this.name, since: this.#since, ...(epoch && { epoch }) };
  }

  /**
   * @param {Named} frame
   * @param {string} text
   */
  receive(frame, text) {
    switch (frame.type) {
      case "unsubscribed":
        this.#answered += 1;
        this.#received.clear();
        return;
      case "error_message": // It had ended by itself when we ended it.
        if (frame.code === "not_subscribed") this.#answered += 1;
        return;
      case "close":
        if (this.#answered === this.#unsubscribed) this.#isSubscribed = false;
        for (const member of this.#current()) {
          this.#end(member, { code: frame.code, reason: frame.reason });
        }
        return;
    }
    const wasGreeted = this.#greeted;
    this.#greeted = frame.type === "hello";
    this.#note(frame);
    for (const member of this.#current()) {
      if (!this.#members.has(member)) continue; // Ended by one who has received the frame before.
      const isPast = frame.type === "hello" && this.#hasPastEpoch(member, frame);
      if (this.#needs(member, frame, wasGreeted)) member.receive(text);
      if (isPast && this.#members.has(member)) this.#reset(member, frame);
    }
  }

  /**
   * Whether the member resumes with a past epoch that the server was not sent, as another member
   * needs the stream from its start.
   * @param {Member} member
   * @param {HelloFrame} hello
   */
  #hasPastEpoch(member, { epoch }) {
    if (this.#since !== undefined || !this.#begins(member)) return false;
    const { since, epoch: past } = this.#positionOf(member);
    return since !== undefined && Boolean(past) && past !== epoch;
  }

  /** As the server does it. @param {Member} member @param {HelloFrame} hello */
  #reset(member, { stream, epoch, head }) {
    this.#progress.get(member)?.set(stream ?? "", { epoch, at: undefined });
    const reason = "epoch_changed";
    member.receive(JSON.stringify({ type: "reset", stream, epoch, head, reason }));
  }

  /** @param {string} timestamp @param {Record<string, number>} heads */
  beat(timestamp, heads) {
    for (const member of this.#current()) {
      const own = [...(this.#progress.get(member)?.keys() ?? [])].filter((name) => name in heads);
      const shown = Object.fromEntries(own.map((name) => [name, heads[name]]));
      member.receive(JSON.stringify({ type: "ping", timestamp, heads: shown }));
    }
  }

  /** The connection has ended. @param {Loss} loss */
  end(loss) {
    for (const member of [...this.#members.keys()]) this.#end(member, loss);
  }

  /** Whether the member begins with the subscription that is answered now. @param {Member} member */
  #begins(member) {
    return this.#members.get(member) === this.#answered;
  }

  /** Those whom the frames that come now are for. */
  #current() {
    return [...this.#members].filter(([, begun]) => begun <= this.#answered).map(([who]) => who);
  }

  /** @param {Member} member @returns {{member: Member, since?: number, epoch?: string}} */
  #positionOf(member) {
    if (!this.name.includes(":")) return { member };
    const { epoch, at } = this.#progress.get(member)?.get(this.name) ?? {};
    if (at === undefined) return { member, since: member.since, epoch: member.epoch };
    return { member, since: at, epoch: epoch ?? undefined };
  }

  /** @param {Named} frame */
  #note(frame) {
    if (frame.type === "hello") {
      this.#hello = frame;
      this.#received.set(frame.stream, { epoch: frame.epoch, at: this.#since });
    } else if (frame.type === "reset") {
      this.#received.set(frame.stream, { epoch: frame.epoch, at: undefined });
    } else if ("seq" in frame) {
      const { epoch } = this.#received.get(frame.stream) ?? {};
      this.#received.set(frame.stream, { epoch, at: frame.seq });
    }
  }

  /**
   * Whether the member lacks this frame. If so, it has it now.
   * @param {Member} member
   * @param {Named} frame
   * @param {boolean} wasGreeted  whether the frame before was a `hello`
   */
  #needs(member, frame, wasGreeted) {
    const progress = /** @type {Map<string, Progress>} */ (this.#progress.get(member));
    const has = progress.get(frame.stream);
    const begins = this.#begins(member);
    switch (frame.type) {
      case "hello":
        if (has && !begins) {
          if (has.epoch !== frame.epoch) this.#lose(member);
          return false;
        }
        progress.set(frame.stream, { epoch: frame.epoch, at: has?.at ?? member.since });
        return true;
      case "reset":
        // After a hello it answers the position of another, unless it changes the numbering.
        if (wasGreeted && !begins && has?.epoch === frame.epoch && (has.at ?? 0) <= frame.head)
          return false;
        progress.set(frame.stream, { epoch: frame.epoch, at: undefined });
        return true;
      case "gone":
        progress.delete(frame.stream);
        return true;
      default:
        if (!("seq" in frame)) return true;
        if (has?.at !== undefined && frame.seq <= has.at && !(begins && isState(frame)))
          return false;
        progress.set(frame.stream, { epoch: has?.epoch, at: frame.seq });
        return true;
    }
  }

  /** It connects again, and resumes. @param {Member} member */
  #lose(member) {
    this.#end(member, { code: ABNORMAL, reason: "another numbering" });
  }

  /** @param {Member} member @param {Loss} loss */
  #end(member, loss) {
    if (!this.#members.has(member)) return;
    this.remove(member);
    member.end(loss);
  }
}

/** @param {Frame} frame */
function isState(frame) {
  return frame.type === "snapshot";
}
