/**
 * Colours of a terminal on the dark ground of an output, in both themes. Whatever a tool asks for,
 * text has a contrast of at least 4.5 : 1 (WCAG AA): no output can be hidden by its colours.
 */

/** @import {IBufferCell} from "@xterm/headless"; */

/**
 * @typedef {object} Style  the same object for the same look
 * @property {string} color  as CSS has it, or "" for the usual one
 * @property {string} background
 * @property {string} marks  class names
 */
/** @typedef {[number, number, number]} Rgb */

/** @type {Rgb} */
export const GROUND = [0x0f, 0x17, 0x22];
/** @type {Rgb} */
export const INK = [0xdb, 0xe4, 0xee];
export const CONTRAST = 4.5;
const STYLES_AT_MOST = 2_000; // kept
const DIM = 0.35; // of the ground

/** The first 16 colours. @type {Rgb[]} */
const NAMED = [
  [0x2b, 0x38, 0x4a],
  [0xf2, 0x77, 0x7a],
  [0x6c, 0xcb, 0x8e],
  [0xe6, 0xb4, 0x55],
  [0x6c, 0xa8, 0xf2],
  [0xc5, 0x93, 0xee],
  [0x5b, 0xc8, 0xcf],
  [0xc3, 0xce, 0xdb],
  [0x84, 0x94, 0xa7],
  [0xff, 0x9a, 0x9c],
  [0x8d, 0xe3, 0xa9],
  [0xff, 0xd5, 0x7a],
  [0x96, 0xc3, 0xff],
  [0xdb, 0xb4, 0xff],
  [0x86, 0xe3, 0xe8],
  [0xff, 0xff, 0xff],
];

/** @type {Map<string, Style>} */
const styles = new Map();

/**
 * @param {IBufferCell} cell
 * @returns {Style | null} null: no style
 */
export function styleOf(cell) {
  if (cell.isAttributeDefault()) return null;
  const flags =
    (cell.isBold() ? 1 : 0) |
    (cell.isItalic() ? 2 : 0) |
    (cell.isUnderline() ? 4 : 0) |
    (cell.isStrikethrough() ? 8 : 0) |
    (cell.isOverline() ? 16 : 0) |
    (cell.isDim() || cell.isInvisible() ? 32 : 0) |
    (cell.isInverse() ? 64 : 0);
  const [fg, bg] = [cell.getFgColor(), cell.getBgColor()];
  const key = `${flags} ${cell.getFgColorMode()} ${fg} ${cell.getBgColorMode()} ${bg}`;
  let style = styles.get(key);
  if (!style) {
    if (styles.size >= STYLES_AT_MOST) styles.clear();
    const front = cell.isFgDefault() ? null : rgb(fg, cell.isFgRGB());
    const back = cell.isBgDefault() ? null : rgb(bg, cell.isBgRGB());
    style = made(front, back, flags);
    styles.set(key, style);
  }
  return style;
}

/**
 * @param {Rgb | null} front
 * @param {Rgb | null} back
 * @param {number} flags
 * @returns {Style}
 */
function made(front, back, flags) {
  const isInverse = Boolean(flags & 64);
  const [text, ground] = isInverse ? [back ?? GROUND, front ?? INK] : [front, back];
  const behind = ground ?? GROUND;
  const seen = flags & 32 ? mixed(text ?? INK, behind, DIM) : (text ?? INK);
  const isOwn = text || ground || flags & 32;
  return {
    color: isOwn ? css(readable(seen, behind)) : "",
    background: ground ? css(ground) : "",
    marks: ["bold", "italic", "underline", "strike", "overline"]
      .filter((_, bit) => flags & (1 << bit))
      .map((name) => `tty-${name}`)
      .join(" "),
  };
}

/**
 * @param {number} color  of the palette, or 0xRRGGBB
 * @param {boolean} isRgb
 * @returns {Rgb}
 */
export function rgb(color, isRgb) {
  if (isRgb) return [(color >> 16) & 255, (color >> 8) & 255, color & 255];
  if (color < 16) return NAMED[color] ?? INK;
  const cube = color - 16;
  const level = (/** @type {number} */ step) => (step ? 55 + 40 * step : 0);
  if (color < 232)
    return [level(Math.floor(cube / 36)), level(Math.floor(cube / 6) % 6), level(cube % 6)];
  const grey = 8 + 10 * (color - 232);
  return [grey, grey, grey];
}

/**
 * `text`, as much lighter or darker as it takes to be read on `ground`.
 * @param {Rgb} text
 * @param {Rgb} ground
 * @returns {Rgb}
 */
export function readable(text, ground) {
  const towards = /** @type {Rgb} */ (luminance(ground) < 0.18 ? [255, 255, 255] : [0, 0, 0]);
  for (let share = 0; share < 1; share += 0.05) {
    const found = mixed(text, towards, share);
    if (contrast(found, ground) >= CONTRAST) return found;
  }
  return towards;
}

/**
 * @param {Rgb} one
 * @param {Rgb} other
 * @returns {number} from 1 to 21, as WCAG defines it
 */
export function contrast(one, other) {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

/** @param {Rgb} color */
function luminance(color) {
  const [red, green, blue] = color.map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/**
 * @param {Rgb} one
 * @param {Rgb} other
 * @param {number} share  of `other`
 * @returns {Rgb}
 */
function mixed(one, other, share) {
  const mix = (/** @type {0 | 1 | 2} */ at) => Math.round(one[at] + (other[at] - one[at]) * share);
  return [mix(0), mix(1), mix(2)];
}

/** @param {Rgb} color */
function css([red, green, blue]) {
  return `rgb(${red}, ${green}, ${blue})`;
}
