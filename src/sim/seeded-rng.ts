/** Chance from a seed: the same seed, the same sequence. */
import { uniformFloat32 } from 'pure-rand/distribution/uniformFloat32';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import type { Rng } from '../kube/ports.ts';

/** @param seed any 32-bit integer */
export function seededRng(seed: number): Rng {
  const generator = xoroshiro128plus(seed);
  return { next: () => uniformFloat32(generator) };
}

/** One of `choices` by weight. Weights need not add up to anything. */
export function weighted<T>(rng: Rng, choices: readonly (readonly [weight: number, choice: T])[]): T {
  let left = rng.next() * choices.reduce((sum, [weight]) => sum + weight, 0);
  for (const [weight, choice] of choices) {
    left -= weight;
    if (left < 0) return choice;
  }
  return choices.at(-1)![1];
}
