/**
 * One device as a bar of character cells. Every pod's share has its colour; two shares that meet inside a cell are drawn as an eighth
 * block with the one in front of the other, so a tenth of a device is visible in a bar of six cells.
 */
export type Segment = { readonly colour: number /** part of the device, 0…1 */; readonly size: number };

const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];
/** xterm-256 grey of what is free, and the red of what must not be */
const FREE = 237;
const OVER = 196;

/** xterm-256 colours that stand apart from each other on dark and on light */
const PALETTE = [36, 75, 178, 140, 71, 209, 110, 174, 66, 220, 98, 43];

export function colourOf(uid: string): number {
  let hash = 7;
  for (const char of uid) hash = (Math.imul(hash, 31) + char.charCodeAt(0)) >>> 0;
  return PALETTE[hash % PALETTE.length]!;
}

const paint = (front: number, back: number, text: string) => `\x1b[38;5;${front};48;5;${back}m${text}`;

/** @param width cells. Segments are drawn in order from the left; what is over 1 turns the bar red. */
export function colourBar(segments: readonly Segment[], width: number): string {
  const total = segments.reduce((sum, one) => sum + one.size, 0);
  const units = width * 8;
  // colour of each eighth of a cell
  const eighths: number[] = Array.from({ length: units }, () => FREE);
  let begin = 0;
  for (const { colour, size } of segments) {
    const end = begin + size;
    for (let at = Math.round(begin * units); at < Math.min(units, Math.round(end * units)); at += 1)
      eighths[at] = colour;
    begin = end;
  }
  if (total > 1.0005) eighths.fill(OVER);
  let text = '';
  for (let cell = 0; cell < width; cell += 1) {
    const inside = eighths.slice(cell * 8, cell * 8 + 8);
    const left = inside[0]!;
    const change = inside.findIndex((colour) => colour !== left);
    // a full cell is a character, so that it is there where a copy of the screen keeps no colours
    if (change < 0) text += paint(left, left, left === FREE ? ' ' : '█');
    else text += paint(left, inside[7]!, EIGHTHS[change]!);
  }
  return `${text}\x1b[0m`;
}

/** The same without colours: how full, not by whom. */
export function plainBar(segments: readonly Segment[], width: number): string {
  const total = segments.reduce((sum, one) => sum + one.size, 0);
  if (total > 1.0005) return '!'.repeat(width);
  const eighths = Math.round(total * width * 8);
  const full = '█'.repeat(eighths >> 3) + EIGHTHS[eighths & 7]!;
  return full + '·'.repeat(width - full.length);
}
