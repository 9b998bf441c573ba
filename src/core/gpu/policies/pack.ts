/**
 * pack: the fullest device that still fits, so that empty devices stay empty for those who need a whole one. Among equally
 * full ones the one that keeps the least memory free afterwards: on mixed nodes the smallest device that does.
 */
import { fillOf, SECOND_KEY } from './fill.ts';

/** Smaller is better; equal ranks go to the lower position. `mib`: what the share takes of this device. */
export function packRank(deviceMib: number, freeMib: number, freeMilli: number, mib: number): number {
  return -fillOf(deviceMib, freeMib, freeMilli) * SECOND_KEY + (freeMib - mib);
}
