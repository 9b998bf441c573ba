import { describe, expect, it } from 'vitest';
import { Chance, EVERY_FAULT } from './chance.ts';

const draws = (chance: Chance, purpose: string, count: number): number[] =>
  Array.from({ length: count }, () => chance.draw(purpose));

describe('chance', () => {
  it('is the same for the same seed, another one for another', () => {
    expect(draws(new Chance(5), 'a', 20)).toEqual(draws(new Chance(5), 'a', 20));
    expect(draws(new Chance(5), 'a', 20)).not.toEqual(draws(new Chance(6), 'a', 20));
  });

  it('one purpose does not shift another', () => {
    const busy = new Chance(5);
    draws(busy, 'b', 100);
    expect(draws(busy, 'a', 20)).toEqual(draws(new Chance(5), 'a', 20));
  });

  it('is uniform enough', () => {
    const buckets = new Array<number>(10).fill(0);
    for (const value of draws(new Chance(1), 'a', 100_000)) buckets[Math.floor(value * 10)]!++;
    for (const count of buckets) expect(Math.abs(count - 10_000)).toBeLessThan(500);
  });

  it('a fault that is left out shifts no other', () => {
    const rates = [['k', 0.3]] as const;
    const met = (without: string[]): (string | null)[] => {
      const chance = new Chance(9, { ...EVERY_FAULT, without: new Set(without) });
      return Array.from({ length: 50 }, () => chance.fault('x', rates)?.id ?? null);
    };
    const every = met([]);
    const [first] = every.filter((id) => id !== null);
    expect(met([first!])).toEqual(every.map((id) => (id === first ? null : id)));
  });

  it('rates are kept, and none happens once faults stop', () => {
    const chance = new Chance(2);
    let hits = 0;
    for (let at = 0; at < 20_000; at++) if (chance.fault('x', [['k', 0.05]]) !== null) hits++;
    expect(Math.abs(hits - 1_000)).toBeLessThan(120);
    chance.stopFaults();
    expect(Array.from({ length: 1_000 }, () => chance.fault('x', [['k', 1]])).every((fault) => fault === null)).toBe(
      true,
    );
  });
});
