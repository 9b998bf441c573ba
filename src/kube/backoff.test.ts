import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backoffMs } from './backoff.ts';

describe('the pause after a failure', () => {
  it('is between half and all of 200 ms doubled per failure, at most 30 s', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1_000 }),
        fc.double({ min: 0, max: 0.999999, noNaN: true }),
        (failures, chance) => {
          const ceiling = Math.min(30_000, 200 * 2 ** (failures - 1));
          const pause = backoffMs(failures, null, { next: () => chance });
          expect(pause).toBeGreaterThanOrEqual(ceiling / 2);
          expect(pause).toBeLessThanOrEqual(ceiling);
        },
      ),
    );
  });

  it.each([
    [1, 5, 5_000],
    [1, 0, 100],
    [20, 5, 15_000],
    [1, 86_400, 120_000],
  ])('after %i failures, asked for %i s, is %i ms', (failures, asked, pause) => {
    expect(backoffMs(failures, asked, { next: () => 0 })).toBe(pause);
  });
});
