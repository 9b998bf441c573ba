import fc from 'fast-check';
import { expect, it } from 'vitest';
import { atOnce, sortedInSlices } from './slices.ts';

it('sorts in slices what sorting at once would, and stops on the way', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer(), { minLength: 0, maxLength: 3000 }), (numbers) => {
      const compare = (a: number, b: number): number => a - b;
      expect(atOnce(sortedInSlices(numbers, compare))).toEqual(numbers.toSorted(compare));
    }),
    { numRuns: 30 },
  );
  const steps = sortedInSlices(
    Array.from({ length: 5000 }, (_, at) => -at),
    (a, b) => a - b,
  );
  let stops = 0;
  while (steps.next().done !== true) stops++;
  expect(stops).toBeGreaterThan(5);
});
