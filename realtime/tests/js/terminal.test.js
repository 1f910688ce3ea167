import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import {
  COLUMNS,
  LINES_MOVED_AT_MOST,
  ROWS,
  STRING_AT_MOST,
  TerminalInput,
} from "../../static/realtime/pages/terminal_input.js";
import { TerminalScreen, webAddress } from "../../static/realtime/pages/terminal_screen.js";
import {
  CONTRAST,
  GROUND,
  contrast,
  readable,
  rgb,
} from "../../static/realtime/pages/terminal_style.js";

/** @import {Line} from "../../static/realtime/pages/terminal_screen.js"; */

/** @type {{name: string, output: string, lines: string[]}[]} */
const VECTORS = JSON.parse(
  readFileSync(new URL("../../../runs/tests/output/vectors.json", import.meta.url), "utf8"),
);
const MANY = 200_000; // characters: what a page keeps of an output

/** @param {string[]} chunks */
async function shown(...chunks) {
  const screen = new TerminalScreen();
  /** @type {Line[]} */
  let left = [];
  for (const chunk of chunks) {
    await screen.write(chunk);
    left = left.concat(screen.takeLines());
  }
  const lines = left.concat(screen.screen());
  screen.dispose();
  while (lines.length && !lines[lines.length - 1].length) lines.pop();
  return lines;
}

/** @param {Line[]} lines */
const texts = (lines) => lines.map((line) => line.map(({ text }) => text).join(""));

/** @param {string} sequence */
const repeated = (sequence) => sequence.repeat(Math.floor(MANY / sequence.length));

for (const { name, output, lines } of VECTORS) {
  test(`${name}: as a terminal ends up, cut anywhere`, async () => {
    assert.deepEqual(texts(await shown(output)), lines);
    const size = Math.ceil(output.length / 150);
    const pieces = output.match(new RegExp(`.{1,${size}}`, "gs")) ?? [];
    assert.deepEqual(texts(await shown(...pieces)), lines);
    for (let cut = 1; cut < Math.min(output.length, 60); cut += 1)
      assert.deepEqual(texts(await shown(output.slice(0, cut), output.slice(cut))), lines);
  });
}

test("the text of an output without controls is the output itself", async () => {
  for (const output of [
    "",
    "a",
    "a\n",
    "a\n\n",
    "\n\na\n\nb\n\n\n",
    "ä\n".repeat(120),
    "\n".repeat(200),
  ]) {
    const screen = new TerminalScreen();
    await screen.write(output);
    const lines = [...screen.takeLines(), ...screen.screen()];
    assert.equal(texts(lines).join("\n"), output);
  }
});

test("what has scrolled off the screen comes once, in its order, however it is cut", async () => {
  const numbers = Array.from({ length: 5_000 }, (_, number) => `line ${number}`);
  const output = numbers.join("\n");
  assert.deepEqual(texts(await shown(output)), numbers);
  assert.deepEqual(texts(await shown(...(output.match(/.{1,997}/gs) ?? []))), numbers);
});

test("a line that is wider than the screen is one line, up to its bound", async () => {
  const words = Array.from({ length: 2_000 }, (_, number) => `word${number}`).join(" ");
  assert.deepEqual(texts(await shown(`${words}\nend`)), [words, "end"]);
  const endless = texts(await shown("x".repeat(MANY)));
  assert.equal(endless.join("").length, MANY);
  for (const line of endless) assert.ok(line.length <= COLUMNS * (100 + ROWS + 10));
});

test("colours, marks and links of the text around", async () => {
  const link = "\x1b]8;id=1;https://example.org/a\x1b\\here\x1b]8;;\x1b\\";
  const [line] = await shown(`\x1b[1;31mred\x1b[0m \x1b[38;2;0;255;0mtrue\x1b[m ${link} end`);
  assert.deepEqual(
    line.map(({ text, style, href }) => [text, style?.color ?? null, href]),
    [
      ["red", "rgb(242, 119, 122)", ""],
      [" ", null, ""],
      ["true", "rgb(0, 255, 0)", ""],
      [" ", null, ""],
      ["here", "", "https://example.org/a"],
      [" end", null, ""],
    ],
  );
  assert.equal(line[0].style?.marks, "tty-bold");
});

test("a link is one to a web page, or none", async () => {
  assert.equal(webAddress("http://example.org"), "http://example.org/");
  for (const uri of [
    "javascript:alert(1)",
    " java\tscript:alert(1)",
    "data:text/html,x",
    "file:///x",
  ])
    assert.equal(webAddress(uri), "", uri);
  for (const uri of ["/relative", "", "mailto:a@b", "https://", undefined])
    assert.equal(webAddress(uri), "");
  const [line] = await shown("\x1b]8;;javascript:alert(1)\x1b\\x\x1b]8;;\x1b\\");
  assert.deepEqual(
    line.map(({ text, href }) => [text, href]),
    [["x", ""]],
  );
});

test("a string that does not end, or is too long, hides no more than its introducer", async () => {
  const text = "x".repeat(STRING_AT_MOST + 1);
  for (const introducer of ["]8;;", "]0;", "P", "X", "^", "_"]) {
    const [line] = texts(await shown(`\x1b${introducer}${text}`, "end"));
    assert.ok(line.endsWith(`${text}end`), introducer);
    assert.deepEqual(texts(await shown(`\x1b${introducer}one\ntwo`)).at(-1), "two");
  }
});

test("what passes to the emulator holds no question, title, mode or number beyond its bound", () => {
  const input = new TerminalInput();
  /** @type {[string, string][]} */
  const passed = [
    ["\x1b[99999999S", `\x1b[${ROWS}S`],
    ["\x1b[1;99999999H", `\x1b[1;${COLUMNS}H`],
    ["\x1b[99999999b", `\x1b[${COLUMNS}b`],
    ["\x1b[?1049h", "\x1b[?1049h"],
    ["\x1b[38;2;1;2;3m", "\x1b[38;2;1;2;3m"],
  ];
  for (const [output, wanted] of passed) assert.equal(input.feed(output), wanted);
  const refused = ["\x1b[c", "\x1b[>c", "\x1b[6n", "\x1b[8;9;9t", "\x1b[?3h", "\x1b[?1000h"];
  refused.push(
    "\x1b]0;t\x07",
    "\x1b]52;c;eA==\x07",
    "\x1bPq#0\x1b\\",
    "\x1bc",
    "\x1b[3J",
    "\x1b#8",
  );
  for (const output of refused) assert.equal(input.feed(output), "\x18", JSON.stringify(output));
  // What is removed does not join what is around it.
  for (const output of ["\x1b\x9b[9999999S", "\x1b\0[9999999S", "\x1b\x1b]0;t\x07[9999999S"])
    assert.doesNotMatch(input.feed(output), /\x1b\[\d{4}/);
  assert.doesNotMatch(input.feed(`\x1b[${"9".repeat(5_000)}S`), /\x1b\[9/);
  assert.doesNotMatch(input.feed("\x1b[99999\n99S"), /\x1b\[9/);
});

test("the lines that an output may move have a bound", () => {
  const input = new TerminalInput();
  const moves = input.feed("\x1b[50L".repeat(1_000)).split("\x1b[50L").length - 1;
  assert.equal(moves, LINES_MOVED_AT_MOST / 50);
  assert.equal(input.feed("\x1b[2J\x1b[9b\x1b[?1049h"), "\x18\x18\x18");
  assert.equal(input.feed("\x1b[2K\x1b[5A"), "\x1b[2K\x1b[5A");
});

const HOSTILE = {
  scrolling: "\x1b[9999999S",
  "scrolling back": "\x1b[9999999T",
  inserting: "\x1b[9999999L",
  deleting: "\x1b[9999999M",
  erasing: "\x1b[2J",
  repeating: "x\x1b[9999999b",
  columns: "\x1b[9999999@",
  tabs: "\x1b[9999999I",
  moves: "\x1b[9999999;9999999H",
  "alternate screens": "\x1b[?1049h\x1b[?1049l",
  lines: "\n",
  "reverse index": "\x1bM",
  titles: "\x1b]0;title\x07",
  links: "\x1b]8;;https://example.org\x07x",
  "strings without an end": "\x1b]",
  "sequences without an end": "\x1b[",
  rainbow: "\x1b[38;2;1;2;3mx\x1b[31my",
};

for (const [name, sequence] of Object.entries(HOSTILE)) {
  test(`200,000 characters of nothing but ${name} are read in bounded time`, async () => {
    const began = process.cpuUsage();
    const lines = await shown(`before\n${repeated(sequence)}`);
    const { user, system } = process.cpuUsage(began);
    // About half a second at most; without bounds, from minutes to for ever.
    assert.ok((user + system) / 1e6 < 15, `${(user + system) / 1e6} s`);
    assert.ok(lines.length <= MANY + ROWS);
    assert.ok(texts(lines).join("").length <= 8 * MANY);
  });
}

test("the alternate screen shows what is on it, below what was there before", async () => {
  assert.deepEqual(texts(await shown("one\n\x1b[?1049h\x1b[Heditor\x1b[?1049ltwo")), [
    "one",
    "two",
  ]);
  assert.deepEqual(texts(await shown("one\n\x1b[?1049h\x1b[Hend")).filter(Boolean), ["one", "end"]);
});

test("hidden text is shown", async () => {
  const [line] = await shown("\x1b[8mhidden\x1b[m");
  assert.equal(line[0].text, "hidden");
  assert.ok(contrastOf(line[0].style) >= CONTRAST);
});

/** @param {import("../../static/realtime/pages/terminal_style.js").Style | null} style */
function contrastOf(style) {
  const numbers = (/** @type {string} */ css) =>
    /** @type {[number, number, number]} */ ((css.match(/\d+/g) ?? []).map(Number));
  return contrast(
    style?.color ? numbers(style.color) : [0xdb, 0xe4, 0xee],
    style?.background ? numbers(style.background) : GROUND,
  );
}

test("every colour on every ground is read: 4.5 : 1 at least, also dim and reversed", async () => {
  const grounds = ["", "48;5;0", "48;5;7", "48;5;15", "48;5;46", "48;5;203", "48;2;119;119;119"];
  for (const ground of grounds) {
    for (const mark of ["", "2", "7", "2;7"]) {
      const sequences = Array.from(
        { length: 256 },
        (_, color) => `\x1b[0;${[mark, ground, `38;5;${color}`].filter(Boolean).join(";")}mx`,
      );
      const [line] = await shown(sequences.join("").slice(0, 100_000));
      for (const { style } of line) assert.ok(contrastOf(style) >= CONTRAST, `${ground} ${mark}`);
    }
  }
  for (let number = 0; number < 2_000; number += 1) {
    const ground = rgb((number * 7_919_317) % 0x1000000, true);
    const text = rgb((number * 104_729_111) % 0x1000000, true);
    assert.ok(contrast(readable(text, ground), ground) >= CONTRAST, `${text} on ${ground}`);
  }
});
