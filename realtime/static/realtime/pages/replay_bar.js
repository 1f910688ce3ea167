/** The scrubber: chooses a moment of a run's past, plays from there, and returns to the present. */

import { Recording, stamp } from "./recording.js";
import { MomentAddress, momentIn } from "./replay_address.js";
import { ReplayView } from "./replay_view.js";
import { copyText } from "./run_forms.js";

/** @import {About, Mark} from "./recording.js"; */

const LOOK_MS = 2_000; // how often a live run is asked for its newest events, while looking back
const FRAME_MS = 100; // between two moments that are shown while playing

/** @typedef {(at: string | null, recording: Recording) => Promise<unknown> | void} Show */

export class ReplayBar {
  #root;
  #show;
  #input;
  /** @type {Recording} */
  #recording;
  /** @type {About | undefined} */
  #about;
  /** The request for what is known of the run, while it is under way. @type {Promise<void> | undefined} */
  #loading;
  /** How far the server's clock is ahead of ours. */
  #ahead = 0;
  /** The moment that is shown; null: the present. @type {string | null} */
  #at = null;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #playing;
  #isShowing = false;
  #isChanged = false;
  #view;
  #writer = new MomentAddress();

  /**
   * @param {HTMLElement} root  `#replay`
   * @param {Show} show  draws the moment, or the present
   */
  constructor(root, show) {
    this.#root = root;
    this.#show = show;
    this.#input = /** @type {HTMLInputElement} */ (root.querySelector("input"));
    this.#view = new ReplayView(root, this.#input);
    this.#recording = new Recording(root.dataset.run ?? "");
    this.#input.addEventListener("input", () => this.#seek());
    this.#input.addEventListener("keydown", (event) => this.#onKey(event));
    root.addEventListener("click", (event) => this.#onClick(event));
    for (const type of ["pointerenter", "focusin"])
      root.addEventListener(type, () => !this.#about && this.#load());
    setInterval(() => this.#at !== null && !this.#about?.is_over && this.#load(), LOOK_MS);
    root.hidden = !this.runId;
    const at = momentIn(location.search);
    if (at) this.go(at);
    else if (root.hasAttribute("data-over")) this.#load();
    this.#paint();
  }

  get runId() {
    return this.#root.dataset.run;
  }

  get isPast() {
    return this.#at !== null;
  }

  /** Another run is the one to look back at. @param {string} runId */
  use(runId) {
    if (runId === this.runId) return;
    this.#root.hidden = false;
    this.#root.removeAttribute("data-over");
    this.#root.dataset.run = runId;
    this.#recording = new Recording(runId);
    this.#about = undefined;
    this.#paint();
  }

  /** The run has ended. */
  async ended() {
    this.#root.setAttribute("data-over", "");
    await this.#loading; // It may have been asked for before the end.
    this.#about = undefined;
    this.#load();
  }

  /** @param {string | null} at */
  async go(at) {
    this.#at = at;
    this.#address();
    if (!this.#about) await this.#load();
    this.#change();
  }

  /** The moment is not known: the page shows the present. */
  lost() {
    this.#at = null;
    this.#pause();
    this.#address();
    this.#view.say("The past of this run is not known.");
  }

  #load() {
    this.#loading ??= this.#read().finally(() => (this.#loading = undefined));
    return this.#loading;
  }

  async #read() {
    do {
      const recording = this.#recording;
      const about = await recording.about();
      if (!about || recording !== this.#recording) break;
      this.#ahead = Date.parse(about.now) - Date.now();
      this.#about = about.first ? about : undefined;
      this.#paint();
    } while (this.#about && !this.#about.is_complete);
  }

  get #first() {
    return Date.parse(this.#about?.first ?? "");
  }

  get #last() {
    return this.#about?.is_over ? Date.parse(this.#about.last) : Date.now() + this.#ahead;
  }

  /** To the moment that the slider is at. Its end is the present. */
  async #seek() {
    const share = Number(this.#input.value) / Number(this.#input.max);
    this.#pause();
    if (!this.#about) await this.#load();
    if (!this.#about) return;
    this.#at =
      share >= 1 ? null : stamp(Math.round(this.#first + share * (this.#last - this.#first)));
    this.#change();
  }

  /** Shows the moment. While one is being drawn, only the newest of those that follow waits. */
  async #change() {
    this.#paint();
    this.#address();
    this.#isChanged = true;
    if (this.#isShowing) return;
    this.#isShowing = true;
    try {
      while (this.#isChanged) {
        this.#isChanged = false;
        await this.#show(this.#at, this.#recording);
      }
    } finally {
      this.#isShowing = false;
    }
  }

  #paint() {
    const isPlaying = this.#playing !== undefined;
    this.#view.draw({ about: this.#about, at: this.#at, last: this.#last, isPlaying });
  }

  /** @param {MouseEvent} event */
  async #onClick({ target }) {
    const button = target instanceof Element ? target.closest("button[data-replay]") : null;
    switch (button?.getAttribute("data-replay")) {
      case "play":
        if (this.#playing === undefined) this.#play();
        else this.#pause();
        break;
      case "error":
      case "handoff":
      case "approval":
        this.#jump(/** @type {Mark[1]} */ (button?.getAttribute("data-replay")));
        break;
      case "live":
        this.#pause();
        this.go(null);
        this.#input.focus();
        break;
      case "copy":
        this.#writer.write();
        this.#view.say(
          (await copyText(location.href))
            ? "The address of this moment was copied."
            : "Copy the address from the address bar.",
        );
        break;
    }
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if (event.key !== " ") return;
    event.preventDefault();
    if (event.repeat) return;
    if (this.#playing === undefined) this.#play();
    else this.#pause();
  }

  /** To the next one after the moment; after the last, to the first. @param {Mark[1]} kind */
  #jump(kind) {
    this.#pause();
    const times = (this.#about?.marks ?? []).filter(([, own]) => own === kind).map(([at]) => at);
    const next = times.find((at) => at > (this.#at ?? "9")) ?? times[0];
    if (next) this.go(next);
  }

  /** From the moment on; at the end, from the beginning. */
  async #play() {
    if (!this.#about) await this.#load();
    if (!this.#about || this.#playing !== undefined) return; // Play was pressed again meanwhile.
    this.#at ??= stamp(this.#first);
    let then = performance.now();
    this.#playing = setInterval(() => {
      const now = performance.now();
      const speed = Number(/** @type {HTMLSelectElement} */ (this.#view.part("speed")).value);
      const moment = Date.parse(this.#at ?? "") + (now - then) * speed;
      then = now;
      this.#at = moment < this.#last ? stamp(moment) : null;
      if (this.#at === null) this.#pause(); // It has caught up with the present.
      this.#change();
    }, FRAME_MS);
    this.#paint();
  }

  #pause() {
    clearInterval(this.#playing);
    this.#playing = undefined;
    this.#paint();
  }

  #address() {
    const names = this.#root.hasAttribute("data-names-run");
    this.#writer.set(this.#at, names ? this.runId : undefined);
  }
}
