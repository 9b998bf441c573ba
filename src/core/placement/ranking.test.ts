import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Ranking } from './ranking.ts';

describe('Ranking', () => {
  it('enumerates exactly the fitting slots, by score, then by rank, after any changes', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 40 }),
        fc.array(fc.record({ slot: fc.nat(60), value: fc.integer({ min: -3, max: 5 }) }), { maxLength: 120 }),
        fc.shuffledSubarray([...Array(61).keys()], { minLength: 61, maxLength: 61 }),
        (slots, changes, ranks) => {
          const rank = Int32Array.from(ranks);
          const ranking = new Ranking(() => rank, slots);
          const values = new Map<number, number>();
          for (const { slot, value } of changes) {
            ranking.set(slot, value);
            values.set(slot, value);
          }
          const expected = [...values]
            .filter(([, value]) => value >= 0)
            .sort((a, b) => b[1] - a[1] || rank[a[0]]! - rank[b[0]]!)
            .map(([slot]) => slot);
          const walked: number[] = [];
          ranking.walk((slot) => walked.push(slot) > 0);
          expect(walked).toEqual(expected);
          expect(ranking.best()).toBe(expected[0] ?? -1);
        },
      ),
    );
  });

  it('stops walking when the visitor has enough', () => {
    const ranking = new Ranking(() => new Int32Array(0), 4);
    ranking.setAll(4, (slot) => slot);
    const walked: number[] = [];
    ranking.walk((slot) => walked.push(slot) < 2);
    expect(walked).toEqual([3, 2]);
  });
});
