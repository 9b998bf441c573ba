/**
 * pack: open as few idle devices as possible, then leave the smallest hole on the devices touched, then prefer the fuller node,
 * so that empty devices and empty nodes stay whole for the jobs that need them whole. Holes count in hundredths: among nearly
 * equal nodes the fixed order fills the first one, which is worth more than the last thousandth
 * (coarse levels with fixed ties: Weng et al., ATC'23, as re-measured on their trace).
 */
import type { NodeFit } from './node-fit.ts';

const LEVELS = 101;

export function packScore(fit: NodeFit): number {
  const opened = 64 - Math.min(fit.openedIdle, 64);
  const tight = 100 - Math.ceil(fit.leftover / 10);
  const full = Math.floor(fit.nodeFill / 10);
  return (opened * LEVELS + tight) * LEVELS + full;
}

/** Two scores that open as many devices, and leave holes and fill nodes alike but for ten hundredths. */
export function sameButForATenth(a: number, b: number): boolean {
  const [openedA, tightA, fullA] = parts(a);
  const [openedB, tightB, fullB] = parts(b);
  return openedA === openedB && Math.abs(tightA - tightB) <= 10 && Math.abs(fullA - fullB) <= 10;
}

function parts(score: number): readonly [opened: number, tight: number, full: number] {
  const rest = Math.floor(score / LEVELS);
  return [Math.floor(rest / LEVELS), rest % LEVELS, score % LEVELS];
}
