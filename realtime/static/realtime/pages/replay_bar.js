/** The scrubber: chooses a moment of a run's past, plays from there, and returns to the present. */

import { KnownPast } from "./replay_range.js";
import { isoUtc } from "./recording.js";
import { MomentAddress, momentIn } from "./replay_address.js";
import { nextOf } from "./replay_marks.js";
import { ReplayTimer } from "./replay_timer.js";
import { ReplayView } from "./replay_view.js";
import { copyText } from "./run_forms.js";

/** @import {Mark, Recording} from "./recording.js"; */

const POLL_MS = 2_000; // how often a live run is asked for its newest events, while looking back

/** @typedef {(at: string | null, recording: Recording) => Promise<unknown> | void} Show */

export class ReplayBar {
  #root;
  #show;
  #input;
  /** @type {KnownPast} */
  #known;
  /** The moment that is shown; null: the present. @type {string | null} */
  #at = null;
  #player = new ReplayTimer((milliseconds) => this.#playOn(milliseconds));
  #isShowing = false;
  #isChanged = false;
  #isLost = false;
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
    this.#known = new KnownPast(root.dataset.run ?? "", () => this.#paint());
    this.#input.addEventListener("input", () => this.#seek());
    this.#input.addEventListener("keydown", (event) => this.#onKey(event));
    root.addEventListener("click", (event) => this.#onClick(event));
    for (const type of ["pointerenter", "focusin"])
      root.addEventListener(type, () => !this.#known.about && this.#known.load());
    setInterval(
      () => this.#at !== null && !this.#known.about?.is_over && this.#known.load(),
      POLL_MS,
    );
    addEventListener("popstate", () => this.#followAddress());
    root.hidden = !this.runId;
    const at = momentIn(location.search);
    if (at && this.runId) this.go(at);
    else if (at) this.lost();
    else if (root.hasAttribute("data-over")) this.#known.load();
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
    this.#known = new KnownPast(runId, () => this.#paint());
    this.#input.value = this.#input.max;
    this.#paint();
    if (this.#root.matches(":hover, :focus-within")) this.#known.load();
  }

  /** The run has ended. */
  ended() {
    this.#root.setAttribute("data-over", "");
    this.#known.reload();
  }

  /** @param {string | null} at */
  async go(at) {
    this.#at = at;
    this.#isLost = false;
    this.#address();
    if (!this.#known.about) await this.#known.load();
    this.#change();
  }

  /** The moment is not known: the page shows the present. */
  lost() {
    this.#at = null;
    this.#isLost = true;
    this.#root.hidden = false;
    this.#input.value = this.#input.max;
    this.#pause();
    this.#address();
  }

  /** The reader has gone back or forward in the browser's history. */
  #followAddress() {
    if (this.#writer.isPending) return; // The page's moment is written over that of the address.
    const at = momentIn(location.search);
    const runId = new URLSearchParams(location.search).get("run");
    if (at && runId && this.#namesRun) this.use(runId);
    if (at === this.#at) return;
    this.#pause();
    this.go(at);
  }

  /** To the moment that the slider is at. Its end is the present. */
  async #seek() {
    const share = Number(this.#input.value) / Number(this.#input.max);
    this.#pause();
    if (!this.#known.about) await this.#known.load();
    if (!this.#known.about) return;
    this.#isLost = false;
    this.#at =
      share >= 1
        ? null
        : isoUtc(Math.round(this.#known.first + share * (this.#known.last - this.#known.first)));
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
        await this.#show(this.#at, this.#known.recording);
      }
    } finally {
      this.#isShowing = false;
    }
  }

  #paint() {
    this.#view.draw({
      about: this.#known.about,
      at: this.#at,
      last: this.#known.last,
      isPlaying: this.#player.isOn,
      note: this.#isLost ? "The past of this run is not known." : "",
    });
  }

  /** @param {MouseEvent} event */
  async #onClick({ target }) {
    const button = target instanceof Element ? target.closest("button[data-replay]") : null;
    switch (button?.getAttribute("data-replay")) {
      case "play":
        this.#playOrPause();
        break;
      case "error":
      case "handoff":
      case "approval":
      case "control":
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
    if (!event.repeat) this.#playOrPause();
  }

  #playOrPause() {
    if (this.#player.isOn) this.#pause();
    else this.#play();
  }

  /** To the next one after the moment; after the last, to the first. @param {Mark[1]} kind */
  #jump(kind) {
    this.#pause();
    const next = nextOf(this.#known.about?.marks ?? [], kind, this.#at);
    if (next) this.go(next);
  }

  /** From the moment on; at the end, from the beginning. */
  async #play() {
    if (!this.#known.about) await this.#known.load();
    if (!this.#known.about || this.#player.isOn) return; // Play was pressed again meanwhile.
    this.#at ??= isoUtc(this.#known.first);
    this.#isLost = false;
    this.#player.start();
    this.#paint();
  }

  /** @param {number} milliseconds  that have passed */
  #playOn(milliseconds) {
    const speed = Number(/** @type {HTMLSelectElement} */ (this.#view.part("speed")).value);
    const moment = Date.parse(this.#at ?? "") + milliseconds * speed;
    this.#at = moment < this.#known.last ? isoUtc(moment) : null;
    if (this.#at === null) this.#pause(); // It has caught up with the present.
    this.#change();
  }

  #pause() {
    this.#player.stop();
    this.#paint();
  }

  /** Whether the address says of which run the moment is. */
  get #namesRun() {
    return this.#root.hasAttribute("data-names-run");
  }

  #address() {
    this.#writer.set(this.#at, this.#namesRun ? this.runId : undefined);
  }
}
