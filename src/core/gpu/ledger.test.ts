import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { device, devices, ledgerOf } from '../../../test/build/gpu.ts';
import type { Claim, DeviceShare } from './claim.ts';
import { LedgerError } from './errors.ts';
import { DeviceLedger } from './ledger.ts';
import { peakOf } from './peak.ts';
import type { ContainerSlot } from './request.ts';

const share = (index: number, mib: number, milli: number): DeviceShare => ({ uuid: `GPU-${index}`, index, mib, milli });

describe('the books of a node', () => {
  it('refuse a claim above 100 % and stay as they were', () => {
    const ledger = ledgerOf(devices(2, 100), [[50, 500]]);
    const before = ledger.clone();
    expect(() => ledger.take([share(1, 10, 10), share(0, 10, 501)])).toThrow(
      expect.objectContaining({ name: 'LedgerError', code: 'over-allocated' }),
    );
    expect(ledger.usedMib).toEqual(before.usedMib);
    expect(ledger.usedMilli).toEqual(before.usedMilli);
    expect(() => ledger.take([share(0, 51, 0)])).toThrow(LedgerError);
    expect(ledger.take([share(0, 50, 500)])).toEqual([]);
  });

  it('book what was found although it is above 100 %, say so, and give it back exactly', () => {
    const ledger = ledgerOf(devices(1, 100), [[80, 800]]);
    const forged = [share(0, 2 ** 24, 1000)];
    for (let i = 0; i < 1000; i++) expect(ledger.observe(forged)).toEqual({ over: true, missing: [] });
    expect(ledger.freeMib(0)).toBe(20 - 1000 * 2 ** 24);
    for (let i = 0; i < 1000; i++) ledger.give(forged);
    expect([ledger.usedMib[0], ledger.usedMilli[0]]).toEqual([80, 800]);
    expect(ledger.observe([share(0, 20, 200)])).toEqual({ over: false, missing: [] });
  });

  it('never give back more than was taken', () => {
    const ledger = ledgerOf(devices(1, 100), [[10, 100]]);
    expect(() => ledger.give([share(0, 10, 101)])).toThrow(expect.objectContaining({ code: 'under-flow' }));
    expect(() => ledger.unawait([share(0, 1, 0)])).toThrow(expect.objectContaining({ code: 'under-flow' }));
    expect([ledger.usedMib[0], ledger.usedMilli[0]]).toEqual([10, 100]);
  });

  it('name shares of devices that are gone, on the way in and on the way out', () => {
    const ledger = ledgerOf(devices(1, 100));
    const gone = share(7, 1, 1);
    expect(ledger.take([gone, share(0, 5, 50)])).toEqual([gone]);
    expect(ledger.observe([gone])).toEqual({ over: false, missing: [gone] });
    expect(ledger.await([gone])).toEqual([gone]);
    expect(ledger.unawait([gone])).toEqual([gone]);
    expect(ledger.give([gone, share(0, 5, 50)])).toEqual([gone]);
    expect(ledger.isIdle(0)).toBe(true);
  });

  it('let a preemptor await what its victims still use', () => {
    const ledger = ledgerOf(devices(1, 100), [[100, 1000]]);
    ledger.await([share(0, 60, 600)]);
    expect([ledger.freeMib(0), ledger.freeMilli(0), ledger.isOver(0)]).toEqual([-60, -600, false]);
    ledger.give([share(0, 100, 1000)]);
    ledger.unawait([share(0, 60, 600)]);
    expect(ledger.take([share(0, 60, 600)])).toEqual([]);
  });

  const named = [device(0, 10), device(3, 10, { uuid: null })];
  it.each([
    ['by uuid, whatever the index says', { uuid: 'GPU-0', index: 3 }, 0],
    ['by index without uuid', { uuid: null, index: 0 }, 0],
    ['by index to a device without uuid', { uuid: null, index: 3 }, 1],
    ['by index when the inventory lost its uuids', { uuid: 'GPU-x', index: 3 }, 1],
    ['never to another uuid at the same index', { uuid: 'GPU-x', index: 0 }, -1],
    ['unknown index', { uuid: null, index: 1 }, -1],
  ])('find a device %s', (_, ref, position) => {
    expect(new DeviceLedger(named).positionOf(ref)).toBe(position);
  });

  it('refuse the same device twice', () => {
    expect(() => new DeviceLedger([device(0, 1), device(0, 1, { uuid: 'GPU-b' })])).toThrow(
      expect.objectContaining({ code: 'duplicate-device' }),
    );
    expect(() => new DeviceLedger([device(0, 1), device(1, 1, { uuid: 'GPU-0' })])).toThrow(LedgerError);
  });

  it('a copy has books of its own', () => {
    const ledger = ledgerOf(devices(1, 100), [[10, 100]]);
    const copy = ledger.clone();
    copy.take([share(0, 5, 50)]);
    expect([ledger.usedMib[0], copy.usedMib[0]]).toEqual([10, 15]);
  });

  const anyPeak = fc.uniqueArray(
    fc.record({ index: fc.nat(3), mib: fc.integer({ min: 1, max: 90 }), milli: fc.nat(900) }),
    { selector: (entry) => entry.index, minLength: 1, maxLength: 3 },
  );

  it('are as before after any interleaving of takes, observations, awaits and their inverses', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ peak: anyPeak, kind: fc.constantFrom('take', 'observe', 'await'), end: fc.nat(100) }), {
          maxLength: 20,
        }),
        (steps) => {
          const ledger = ledgerOf(devices(3, 100)); // index 3 is missing
          const open: { undo: () => void; end: number }[] = [];
          steps.forEach(({ peak: entries, kind, end }, at) => {
            const peak = entries.map(({ index, mib, milli }) => share(index, mib, milli));
            if (kind === 'await') {
              ledger.await(peak);
              open.push({ undo: () => ledger.unawait(peak), end: end + at });
            } else {
              try {
                if (kind === 'take') ledger.take(peak);
                else ledger.observe(peak);
                open.push({ undo: () => ledger.give(peak), end: end + at });
              } catch (error) {
                expect(error).toBeInstanceOf(LedgerError);
              }
            }
            for (const entry of open.filter((o) => o.end <= at)) {
              entry.undo();
              open.splice(open.indexOf(entry), 1);
            }
          });
          for (const entry of open.toSorted((a, b) => a.end - b.end)) entry.undo();
          for (const books of [ledger.usedMib, ledger.usedMilli, ledger.awaitedMib, ledger.awaitedMilli]) {
            expect(Array.from(books)).toEqual([0, 0, 0]);
          }
        },
      ),
    );
  });

  it('takes alone never pass 100 %', () => {
    fc.assert(
      fc.property(fc.array(anyPeak, { maxLength: 30 }), (peaks) => {
        const ledger = ledgerOf(devices(3, 100));
        for (const entries of peaks) {
          try {
            ledger.take(entries.map(({ index, mib, milli }) => share(index, mib, milli)));
          } catch (error) {
            expect(error).toBeInstanceOf(LedgerError);
          }
          for (let position = 0; position < 3; position++) expect(ledger.isOver(position)).toBe(false);
        }
      }),
    );
  });
});

describe('the peak of a claim', () => {
  type Row = readonly ['init' | 'sidecar' | 'app', ...(readonly [number, number, number])[]];
  const claimOf = (rows: readonly Row[]): Claim => {
    let apps = 0;
    let inits = 0;
    return {
      containers: rows.map(([role, ...shares]) => {
        const slot: ContainerSlot = role === 'app' ? `c${apps++}` : `i${inits++}`;
        return { name: slot, slot, sidecar: role === 'sidecar', devices: shares.map((s) => share(...s)) };
      }),
    };
  };

  it.each<[string, Row[], [number, number, number][]]>([
    [
      'apps add up',
      [
        ['app', [0, 10, 100]],
        ['app', [0, 20, 200], [1, 5, 50]],
      ],
      [
        [0, 30, 300],
        [1, 5, 50],
      ],
    ],
    [
      'an init container counts where it is larger',
      [
        ['init', [0, 50, 100]],
        ['app', [0, 20, 200]],
      ],
      [[0, 50, 200]],
    ],
    [
      'init containers do not add up',
      [
        ['init', [0, 50, 500]],
        ['init', [0, 60, 400]],
      ],
      [[0, 60, 500]],
    ],
    [
      'a sidecar counts beside apps',
      [
        ['sidecar', [0, 10, 100]],
        ['app', [0, 20, 200]],
      ],
      [[0, 30, 300]],
    ],
    [
      'a sidecar counts beside init containers started after it',
      [
        ['sidecar', [0, 10, 100]],
        ['init', [0, 50, 500]],
        ['app', [0, 20, 200]],
      ],
      [[0, 60, 600]],
    ],
    [
      'and not beside those before it',
      [
        ['init', [0, 50, 500]],
        ['sidecar', [0, 10, 100]],
        ['app', [0, 20, 200]],
      ],
      [[0, 50, 500]],
    ],
    ['a device named twice counts twice', [['init', [0, 10, 100], [0, 10, 100]]], [[0, 20, 200]]],
  ])('%s', (_, rows, expected) => {
    expect(peakOf(claimOf(rows))).toEqual(expected.map((s) => share(...s)));
  });

  it('is what a simulated start of the containers reaches', () => {
    const anyRow = fc.tuple(
      fc.constantFrom('init' as const, 'sidecar' as const, 'app' as const),
      fc.uniqueArray(fc.tuple(fc.nat(2), fc.integer({ min: 1, max: 9 }), fc.nat(9)), {
        selector: ([index]) => index,
        minLength: 1,
        maxLength: 3,
      }),
    );
    fc.assert(
      fc.property(fc.array(anyRow, { minLength: 1, maxLength: 6 }), (unordered) => {
        const rows = unordered.toSorted((a, b) => Number(a[0] === 'app') - Number(b[0] === 'app'));
        const now = [0, 1, 2].map(() => ({ mib: 0, milli: 0 }));
        const most = [0, 1, 2].map(() => ({ mib: 0, milli: 0 }));
        const run = (shares: (readonly [number, number, number])[], sign: number): void => {
          for (const [index, mib, milli] of shares) {
            now[index]!.mib += sign * mib;
            now[index]!.milli += sign * milli;
            most[index]!.mib = Math.max(most[index]!.mib, now[index]!.mib);
            most[index]!.milli = Math.max(most[index]!.milli, now[index]!.milli);
          }
        };
        for (const [role, shares] of rows) {
          run(shares, 1);
          if (role === 'init') run(shares, -1);
        }
        const peak = peakOf(claimOf(rows.map(([role, shares]) => [role, ...shares])));
        const byIndex = peak.toSorted((a, b) => a.index - b.index);
        expect(byIndex).toEqual(most.flatMap(({ mib, milli }, index) => (mib === 0 ? [] : [share(index, mib, milli)])));
      }),
      { numRuns: 500 },
    );
  });
});
