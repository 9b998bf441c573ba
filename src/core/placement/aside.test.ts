import { describe, expect, it } from 'vitest';
import { node, pod } from '../../../test/build/facts.ts';
import type { Claim } from '../gpu/claim.ts';
import { withAside } from './aside.ts';
import { planGang } from './gang/plan-gang.ts';
import type { OccupantKind } from './node-info.ts';
import { NodeTable } from './node-table.ts';
import type { PodFacts } from './pod-facts.ts';

const claim: Claim = {
  containers: [
    { name: 'main', slot: 'c0', sidecar: false, devices: [{ uuid: 'GPU-n0-0', index: 0, mib: 80_000, milli: 1000 }] },
  ],
};
const occupant = (uid: string, kind: OccupantKind) => ({ uid, kind, claim, needs: { cpu: 100 }, unclaimed: false });

const tableOf = (devices: number): NodeTable => {
  const table = new NodeTable();
  table.setFacts('n0', node('n0', devices));
  return table;
};

const booksOf = (table: NodeTable) => {
  const { ledger, ...info } = table.get('n0')!;
  return {
    name: info.name,
    used: [...ledger.usedMilli, ...ledger.usedMib],
    awaited: [...ledger.awaitedMilli, ...ledger.awaitedMib],
    cpu: table.get('n0')!.used('cpu'),
    uids: [...table.get('n0')!.occupants()].map(({ uid, kind }) => `${uid} ${kind}`).sort(),
  };
};

describe('the books of a node', () => {
  const KINDS: readonly OccupantKind[] = ['bound', 'held', 'awaiting'];
  it.each(KINDS.flatMap((first) => KINDS.map((second) => [first, second] as const)))(
    'refuse a pod that is in them (%s) a second time (%s), and stay as they were',
    (first, second) => {
      const table = tableOf(1);
      table.add('n0', occupant('a', first));
      const before = booksOf(table);
      expect(() => table.add('n0', occupant('a', second))).toThrow(expect.objectContaining({ code: 'already-here' }));
      expect(() => table.putBack('n0', occupant('a', second))).toThrow(
        expect.objectContaining({ code: 'already-here' }),
      );
      expect(booksOf(table)).toEqual(before);
      table.remove('n0', 'a');
      expect(booksOf(table)).toMatchObject({ used: [0, 0], awaited: [0, 0], cpu: 0, uids: [] });
    },
  );
});

describe('who is set aside', () => {
  it('is there again after a search that throws, also a hold on a device that a bound pod overflows', () => {
    const table = tableOf(1);
    table.add('n0', occupant('held', 'held'));
    table.add('n0', occupant('waits', 'awaiting'));
    table.add('n0', occupant('bound', 'bound'));
    const before = booksOf(table);
    const { freed } = table;
    const search = (): void =>
      withAside(table, (aside) => {
        for (const uid of ['held', 'waits', 'bound', 'nobody']) aside.take('n0', uid);
        expect(booksOf(table).uids).toEqual([]);
        aside.putBack('bound');
        throw new Error('the search broke');
      });
    expect(search).toThrow('the search broke');
    expect(booksOf(table)).toEqual(before);
    expect(table.freed).toBe(freed);
  });
});

describe('a plan of a gang that throws', () => {
  it('leaves nobody that it tried in the books', () => {
    const table = new NodeTable();
    table.setFacts('n0', node('n0', 0, { managed: false }));
    const before = booksOf(table);
    let cpuInUse = 0;
    const never = () => {
      throw new Error('not asked for');
    };
    const allows = (each: PodFacts): boolean => {
      cpuInUse = table.get('n0')!.used('cpu');
      if (cpuInUse > 0) throw new Error(`no word on ${each.name}`);
      return true;
    };
    const members = ['a', 'b'].map((name) => pod(name, null, { needs: { cpu: 1 } }));
    const topology = { required: null, preferred: null, levels: [] };
    const gang = { name: 'g', needed: 2, members, settled: [], neededGroups: 0, children: [], topology };
    expect(() => planGang({ table, indexOf: never, outlook: never, allows }, gang)).toThrow('no word on b');
    expect(cpuInUse).toBe(1);
    expect(booksOf(table)).toEqual(before);
  });
});
