/** Draws the outputs of a moment of the past that only a terminal can show (`data-raw`). */

import { OutputBlocks } from "./output_blocks.js";

/** What was drawn into each output. @type {WeakMap<Element, {raw: string, blocks: OutputBlocks}>} */
const drawn = new WeakMap();

/** @param {HTMLElement} root */
export async function drawPast(root) {
  for (const text of root.querySelectorAll(".output-text[data-raw]")) {
    const raw = text.getAttribute("data-raw") ?? "";
    const last = drawn.get(text);
    if (last?.raw === raw && last.blocks.element.parentNode === text) continue;
    const { TerminalScreen } = await import("./terminal_screen.js");
    const screen = new TerminalScreen();
    await screen.write(JSON.parse(raw));
    // The reader may have gone on to another moment meanwhile, which is drawn in its turn.
    if (text.getAttribute("data-raw") !== raw) continue;
    const blocks = new OutputBlocks();
    blocks.add([...screen.takeLines(), ...screen.screen()], true);
    screen.dispose();
    text.replaceChildren(blocks.element);
    drawn.set(text, { raw, blocks });
  }
}
