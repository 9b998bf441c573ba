import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { device, fraction, memory, need, node, request, whole } from '../../../test/build/facts.ts';
import { NodeTable } from './node-table.ts';
import { StartedRoom, takes } from './started-room.ts';

const holding = (uid: string, gpu: number, milli: number) => ({
  uid,
  kind: 'held' as const,
  claim: {
    containers: [
      {
        name: 'main',
        slot: 'c0' as const,
        role: 'app' as const,
        sidecar: false,
        devices: [{ uuid: null, index: gpu, mib: 80 * milli, milli }],
      },
    ],
  },
  needs: {},
  unclaimed: false,
});

describe('room on started and on fresh nodes', () => {
  it('counts shares large enough, sick GPUs and unmanaged nodes left out', () => {
    const table = new NodeTable();
    table.setFacts('a', node('a', 2));
    table.setFacts('b', node('b', [device(0), device(1, { healthy: false })]));
    table.setFacts('c', node('c', 4, { managed: false }));
    const room = new StartedRoom();
    room.refresh(table);
    expect([room.startedMilli(1), room.freshMilli]).toEqual([0, 3000]);
    table.add('a', holding('x', 0, 700));
    room.refresh(table);
    expect([room.startedMilli(1), room.startedMilli(301), room.freshMilli]).toEqual([1300, 1000, 1000]);
    table.setFacts('b', null);
    table.remove('a', 'x');
    room.refresh(table);
    expect([room.startedMilli(1), room.freshMilli]).toEqual([0, 2000]);
  });

  it('kept up to date is the same as counted anew', () => {
    const step = fc.record({
      name: fc.constantFrom('a', 'b', 'c'),
      gpu: fc.nat(1),
      milli: fc.integer({ min: 0, max: 1000 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        const table = new NodeTable();
        const kept = new StartedRoom();
        for (const name of ['a', 'b', 'c']) table.setFacts(name, node(name, 2));
        for (const [at, { name, gpu, milli }] of steps.entries()) {
          const uid = `${name}${gpu}`;
          table.remove(name, uid);
          if (milli > 0) table.add(name, holding(uid, gpu, milli));
          if (at % 3 === 0) kept.refresh(table);
        }
        kept.refresh(table);
        const anew = new StartedRoom();
        anew.refresh(table);
        for (const milli of [1, 250, 1000]) expect(kept.startedMilli(milli)).toBe(anew.startedMilli(milli));
        expect([kept.freshMilli, kept.allMilli]).toEqual([anew.freshMilli, 6000]);
        expect(kept.freshMilli + kept.startedMilli(0)).toBe(
          [...table.values()].reduce((sum, { ledger }) => sum + 2000 - ledger.usedMilli[0]! - ledger.usedMilli[1]!, 0),
        );
      }),
    );
  });
});

describe('what a pod takes', () => {
  it.each([
    ['a share of several', [need(fraction(300), 2)], 600, 300],
    ['containers side by side', [need(whole), need(fraction(250), 1, { slot: 'c1' })], 1250, 1000],
    ['an init container ends before', [need(whole, 1, { role: 'init', slot: 'i0' }), need(fraction(250))], 250, 1000],
    ['memory by amount', [need(memory(8192))], 0, 0],
  ])('%s', (_, containers, milli, largest) => {
    expect(takes(request(containers))).toEqual({ milli, largest });
  });
});
