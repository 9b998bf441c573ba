import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyDevices, device, devices } from '../../../../test/build/gpu.ts';
import { fillOf } from './fill.ts';
import { bestLinkedSet, isIsland, linkLoss, linkWeight, nvlinkIslands } from './link.ts';
import { numaGroups } from './numa.ts';
import { packRank } from './pack.ts';
import { spreadRank } from './spread.ts';

describe('pack and spread', () => {
  // [MiB, free MiB, free milli], best first for pack when 10 MiB are asked
  const tightestFirst: [number, number, number][] = [
    [100, 10, 900],
    [100, 90, 101],
    [50, 40, 1000],
    [100, 100, 999],
    [50, 50, 1000],
    [100, 100, 1000],
  ];

  it('pack prefers the fuller device, then the one with less left', () => {
    const sorted = tightestFirst.toReversed().sort((a, b) => packRank(...a, 10) - packRank(...b, 10));
    expect(sorted).toEqual(tightestFirst);
  });

  it('spread is the reverse', () => {
    const sorted = tightestFirst.toSorted((a, b) => spreadRank(...a, 10) - spreadRank(...b, 10));
    expect(sorted).toEqual(tightestFirst.toReversed());
  });

  it('a device is as full as the scarcer of its memory and compute', () => {
    expect(fillOf(100, 100, 1000)).toBe(0);
    expect(fillOf(100, 40, 900)).toBe(600);
    expect(fillOf(100, 90, 300)).toBe(700);
    expect(fillOf(2 ** 24, 0, 0)).toBe(1000);
  });
});

describe('link', () => {
  const sumOf = (list: ReturnType<typeof devices>, set: readonly number[]): number =>
    set.reduce((sum, a) => set.reduce((inner, b) => inner + (a < b ? linkWeight(list, a, b) : 0), sum), 0);

  function* sets(from: readonly number[], count: number): Generator<readonly number[]> {
    if (count === 0) yield [];
    for (let at = 0; count > 0 && at <= from.length - count; at++) {
      for (const rest of sets(from.slice(at + 1), count - 1)) yield [from[at]!, ...rest];
    }
  }

  it('finds the first of the best sets, as trying all of them does', () => {
    fc.assert(
      fc.property(anyDevices(8), fc.integer({ min: 1, max: 8 }), fc.boolean(), (list, count, required) => {
        let best: readonly number[] | null = null;
        for (const set of sets([...list.keys()], count)) {
          if (required && !isIsland(list, set)) continue;
          if (best === null || sumOf(list, set) > sumOf(list, best)) best = set;
        }
        expect(bestLinkedSet(list, [...list.keys()], count, required)).toEqual(best);
      }),
      { numRuns: 500 },
    );
  });

  it('is exact and quick for half of 16 devices with links of every weight', () => {
    const list = devices(16, 100).map((entry, a) => ({
      ...entry,
      links: Array.from({ length: 16 }, (_, b) =>
        a === b ? 0 : ((a * b * 7 + a + b) % 13) + (a % 2 === b % 2 ? 9 : 0),
      ),
    }));
    let best: readonly number[] = [];
    for (const set of sets([...list.keys()], 8)) if (sumOf(list, set) > sumOf(list, best)) best = set;
    expect(bestLinkedSet(list, [...list.keys()], 8, false)).toEqual(best);
  });

  it('on a uniform fabric takes the lowest of many devices', () => {
    const list = devices(64, 100).map((entry) => ({ ...entry, links: new Array(64).fill(300) }));
    expect(bestLinkedSet(list, [...list.keys()].slice(5), 4, true)).toEqual([5, 6, 7, 8]);
  });

  it('NVLink makes islands over any number of hops; PCIe does not, however close', () => {
    const nvlink = [
      [0, 3],
      [3, 5],
      [1, 4],
    ];
    const joined = (a: number, b: number): boolean => nvlink.some((pair) => pair.includes(a) && pair.includes(b));
    const list = devices(6, 1).map((entry, a) => ({
      ...entry,
      links: [0, 1, 2, 3, 4, 5].map((b) => (a === b ? 0 : joined(a, b) ? 100 : 60)),
    }));
    expect(nvlinkIslands(list, [0, 1, 2, 3, 4, 5])).toEqual([[0, 3, 5], [1, 4], [2]]);
    expect(isIsland(list, [0, 3, 5])).toBe(true);
    // 0 and 5 meet only over 3
    expect(isIsland(list, [0, 5])).toBe(false);
    expect(bestLinkedSet(list, [0, 1, 2, 3, 4, 5], 3, true)).toEqual([0, 3, 5]);
    expect(bestLinkedSet(list, [0, 1, 2, 4, 5], 3, true)).toBeNull();
    expect(bestLinkedSet(list, [0, 1, 2, 4, 5], 3, false)).not.toBeNull();
  });

  it('takes a link that only one side reports', () => {
    const list = [device(0, 1, { links: [] }), device(1, 1, { links: [7, 0] })];
    expect([linkWeight(list, 0, 1), linkWeight(list, 1, 0)]).toEqual([7, 7]);
  });

  it('a device in use costs the idle ones nothing', () => {
    const list = devices(3, 1).map((entry, a) => ({ ...entry, links: [0, 1, 2].map((b) => (a === b ? 0 : a + b)) }));
    expect([0, 1, 2].map((position) => linkLoss(list, [0, 2], position))).toEqual([2, 0, 2]);
  });
});

describe('numa', () => {
  it('puts the tightest node first, the lowest of equals before others, and leaves unknown ones out', () => {
    const list = [1, null, 0, 1, 2, 0].map((numa, index) => device(index, 100, { numa }));
    const mib = new Float64Array(6).fill(100);
    const free = Float64Array.from([900, 1000, 1000, 300, 1000, 200]);
    expect(numaGroups(list, [0, 1, 2, 3, 4, 5], mib, free)).toEqual([[4], [0, 3], [2, 5]]);
  });

  it('counts memory as much as compute: shares of memory alone fill a node too', () => {
    const list = [0, 1].map((numa, index) => device(index, 100, { numa }));
    expect(numaGroups(list, [0, 1], Float64Array.of(90, 20), Float64Array.of(1000, 1000))).toEqual([[1], [0]]);
  });
});
