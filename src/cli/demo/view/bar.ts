/**
 * One device as a bar of character cells, its memory from left to right. A share of a device is a solid block in its team's colour; two
 * shares that meet inside a cell are drawn as an eighth block with the one in front of the other. A whole device is a row of squares.
 * Without colours a team is its letter, in capitals where it has the whole device.
 */
import { colourOf, letterOf } from './teams.ts';

/** `size`: part of the device's memory, 0…1; `whole`: nobody else can get anything of the device */
export type Segment = { readonly team: string; readonly size: number; readonly whole: boolean };

const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
const FULL = '█';
export const WHOLE = '■';
/** xterm-256 grey of what is free, of the ground under a whole device, and the red of what must not be */
const FREE = 237;
const GROUND = 234;
const OVER = 196;
const OVER_LETTERS = 231;
export const FREE_LETTER = '·';

const paint = (front: number, back: number) => `\x1b[38;5;${front};48;5;${back}m`;
const PLAIN = '\x1b[39;49m';

/** @param width cells. @param over more was given away than there is: red all over. */
export function colourBar(segments: readonly Segment[], width: number, over: boolean): string {
  const [first] = segments;
  if (over) return `${paint(OVER_LETTERS, OVER)}${'!'.repeat(width)}${PLAIN}`;
  if (first?.whole) return `${paint(colourOf(first.team), GROUND)}${WHOLE.repeat(width)}${PLAIN}`;
  const units = width * 8;
  // colour of each eighth of a cell
  const eighths: number[] = Array.from({ length: units }, () => FREE);
  let begin = 0;
  for (const { team, size } of segments) {
    const end = begin + size;
    eighths.fill(colourOf(team), Math.round(begin * units), Math.min(units, Math.round(end * units)));
    begin = end;
  }
  let text = '';
  let style = '';
  for (let at = 0; at < units; at += 8) {
    const inside = eighths.slice(at, at + 8);
    const left = inside[0]!;
    const change = inside.findIndex((colour) => colour !== left);
    const wanted = paint(left, change < 0 ? left : inside[7]!);
    // said once for equal cells: every change costs the terminal, and ink before it
    if (wanted !== style) text += wanted;
    style = wanted;
    // a full cell is a character, so that it is there where a copy of the screen keeps no colours
    text += change < 0 ? (left === FREE ? ' ' : FULL) : EIGHTHS[change]!;
  }
  return `${text}${PLAIN}`;
}

/** The same without colours. */
export function plainBar(segments: readonly Segment[], width: number, over: boolean): string {
  if (over) return '!'.repeat(width);
  const letters: string[] = Array.from({ length: width }, () => FREE_LETTER);
  let begin = 0;
  for (const { team, size, whole } of segments) {
    const end = begin + size;
    const letter = letterOf(team);
    letters.fill(
      whole ? letter.toUpperCase() : letter,
      Math.round(begin * width),
      Math.min(width, Math.round(end * width)),
    );
    begin = end;
  }
  return letters.join('');
}
