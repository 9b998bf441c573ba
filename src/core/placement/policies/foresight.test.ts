import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { device } from '../../../../test/build/gpu.ts';
import { fgd } from './fgd.ts';
import { muster } from './muster.ts';
import type { Room } from './room.ts';
import { Typical, type TypicalShape } from './typical.ts';

const residueFree = { before: 0, after: 0, taken: 0, residue: 0 };
const any = { allow: [], deny: [] };
const shape = (cpu: number, count: number, milli: number, pods = 1, models: readonly string[] = []): TypicalShape => ({
  cpu,
  count,
  milli,
  pods,
  models: { ...any, allow: models },
});
const room = (cpu: number, ...free: number[]): Room => ({ cpu, gpus: free.length, free: Int32Array.from(free) });
const lensOf = (shapes: readonly TypicalShape[], gpus: number, prices: readonly number[] | null = null) =>
  new Typical(shapes).lens(
    Array.from({ length: gpus }, (_, index) => device(index, 100, { model: 'A100' })),
    prices === null ? null : Float64Array.from(prices),
  );

describe('fgd', () => {
  // the first row is a fixture of the authors (frag_test.go): 2700 free thousandths, popularity 0.0933, 251.91
  const fragments: [string, TypicalShape, Room, number][] = [
    ['all of it for a pod that the CPU cannot feed', shape(6000, 1, 465), room(1000, 200, 1000, 1000, 500), 2700],
    ['what is left on GPUs too full for a pod that fits', shape(1000, 1, 465), room(1000, 200, 1000, 1000, 500), 200],
    ['all of it when too few GPUs have room', shape(0, 4, 465), room(1000, 200, 1000, 1000, 500), 2700],
    ['all of it for a pod without GPUs', shape(0, 0, 0), room(1000, 200, 1000), 1200],
    ['all of it when the model is refused', shape(0, 1, 100, 1, ['T4']), room(1000, 200, 1000), 1200],
  ];
  it.each(fragments)('counts as fragments %s', (_, typical, free, expected) => {
    expect(-fgd.worth(free, lensOf([typical], free.gpus))).toBe(expected);
  });

  it('weighs fragments by popularity', () => {
    const free = room(1000, 200, 1000, 1000, 500);
    const popular = [shape(6000, 1, 465, 933), shape(0, 1, 1, 9067)];
    expect(-fgd.worth(free, lensOf(popular, 4)) / 10_000).toBeCloseTo(251.91, 5);
  });

  it('scores as the sigmoid of the gain, in a hundred levels', () => {
    fc.assert(
      fc.property(fc.integer({ min: -6000, max: 6000 }), fc.integer({ min: 1, max: 50 }), (gain, pods) => {
        const exact = 100 / (1 + Math.exp(-gain / 1000));
        // beside a boundary of two levels floating point may fall to either side
        fc.pre(Math.abs(exact - Math.round(exact)) > 1e-6 || gain === 0);
        const change = { ...residueFree, before: 0, after: gain * pods };
        expect(fgd.score(change, lensOf([shape(0, 1, 1000, pods)], 1))).toBe(gain === 0 ? 50 : Math.floor(exact));
      }),
    );
  });
});

describe('muster', () => {
  const MILLI = 2 ** 20;
  /** The milli that one pod less of CPU and GPUs costs at these prices. */
  const worth = (typical: TypicalShape, free: Room): number =>
    muster.worth(free, lensOf([typical], free.gpus, [2 ** 16])) / MILLI;

  const rooms: [string, TypicalShape, Room, number][] = [
    ['whole shares of each GPU', shape(0, 1, 300), room(0, 1000, 500, 299), 900 + 300],
    ['nine sixteenths of what CPU cannot feed', shape(1000, 1, 500), room(1000, 1000, 1000), (9 * 2000 + 7 * 500) / 16],
    ['nothing without CPU for one pod', shape(1000, 1, 500), room(999, 1000), 0],
    ['nothing with too few GPUs', shape(0, 4, 1000), room(0, 1000, 1000, 1000), 0],
    ['whole GPUs in sets', shape(0, 2, 1000), room(0, 1000, 1000, 999), 2000],
    ['nothing of another model', shape(0, 1, 100, 1, ['T4']), room(0, 1000), 0],
  ];
  it.each(rooms)('a typical pod can use %s', (_, typical, free, expected) => {
    expect(worth(typical, free)).toBe(expected);
  });

  const none = lensOf([], 1);
  const changes: [string, object, object][] = [
    ['a smaller loss', { before: 1000 * MILLI, after: 900 * MILLI }, { before: 1000 * MILLI, after: 300 * MILLI }],
    ['a leftover that gets filled', { residue: -500 }, { residue: 0 }],
    ['no new common leftover', { residue: 0 }, { residue: 500 }],
  ];
  it.each(changes)('prefers %s', (_, better, worse) => {
    const score = (change: object): number => muster.score({ ...residueFree, ...change }, none);
    expect(score(better)).toBeGreaterThan(score(worse));
  });

  it('does not tell losses apart that differ by little', () => {
    const score = (loss: number): number => muster.score({ ...residueFree, before: loss * MILLI }, none);
    expect(score(10)).toBe(score(150));
  });
});
