/** Chance as replays use it: the same seed gives the same order anywhere. */
import type { Rng } from '../../src/kube/ports.ts';

/** A whole number from 0 to `below` - 1. */
export const indexBelow = (rng: Rng, below: number): number => Math.min(below - 1, Math.floor(rng.next() * below));

/** In place. */
export function shuffle<T>(all: T[], rng: Rng): void {
  for (let at = all.length - 1; at > 0; at--) {
    const other = indexBelow(rng, at + 1);
    [all[at], all[other]] = [all[other]!, all[at]!];
  }
}
