import { describe, expect, it } from 'vitest';
import { isAsGood } from './as-good.ts';
import { packScore } from './pack.ts';
import { spreadScore } from './spread.ts';

type Fit = Parameters<typeof packScore>[0];
const fit = (openedIdle: number, leftover: number, nodeFill: number): Fit => ({ openedIdle, leftover, nodeFill });

describe('a node that was offered', () => {
  it.each([
    ['is as good as itself', fit(1, 500, 500), fit(1, 500, 500), true],
    ['though its hole is a tenth larger', fit(0, 600, 500), fit(0, 500, 500), true],
    ['though it is a tenth emptier', fit(0, 500, 400), fit(0, 500, 500), true],
    ['not if it opens one device more', fit(1, 500, 500), fit(0, 500, 500), false],
    ['not if its hole is larger by more', fit(0, 700, 500), fit(0, 500, 500), false],
    ['nor if it is much emptier', fit(0, 500, 300), fit(0, 500, 500), false],
  ])('by pack: %s', (_, offered, best, good) => {
    expect(isAsGood('pack', packScore(offered), packScore(best))).toBe(good);
  });

  it.each([
    ['spread', spreadScore(fit(1, 500, 500)), spreadScore(fit(1, 500, 500)), true],
    ['spread', spreadScore(fit(1, 500, 510)), spreadScore(fit(1, 500, 500)), false],
    ['muster', 100, 100, true],
    ['muster', 99, 100, false],
    ['fgd', 50, 49, true],
  ] as const)('by %s: %i against %i', (policy, offered, best, good) => {
    expect(isAsGood(policy, offered, best)).toBe(good);
  });
});
