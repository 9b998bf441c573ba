import { expect, it } from 'vitest';
import { Barred } from './barred.ts';

it('forgets those first that were barred longest ago, however often they are looked at', () => {
  const barred = new Barred();
  barred.add('first', 'n0', 0);
  barred.add('second', 'n0', 0);
  expect(barred.has('first', 'n0', 1)).toBe(true);
  expect(barred.nextEnd(['first'], 1)).toBe(300_000);
  for (let at = 0; at < 9_999; at++) barred.add(`other-${at}`, 'n0', 0);
  expect([barred.has('first', 'n0', 1), barred.has('second', 'n0', 1)]).toEqual([false, true]);
});

it('a node is barred until its time is over, and the next end is the first of those to come', () => {
  const barred = new Barred();
  barred.add('a', 'n0', 0, 10);
  barred.add('a', 'n1', 0, 20);
  expect([barred.has('a', 'n0', 9), barred.has('a', 'n0', 10), barred.has('a', 'n1', 10)]).toEqual([true, false, true]);
  expect([barred.nextEnd(['a'], 0), barred.nextEnd(['a'], 10), barred.nextEnd(['a'], 20)]).toEqual([10, 20, Infinity]);
});
