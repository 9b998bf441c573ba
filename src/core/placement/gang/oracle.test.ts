/** The planner against trying everything, on clusters that are small enough for that. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { boardOf } from '../../../../test/build/board.ts';
import { fraction, need, node, pod, request } from '../../../../test/build/facts.ts';
import type { PodFacts } from '../pod-facts.ts';
import { ANYWHERE, type GangGroup } from './gang-request.ts';
import { planGang } from './plan-gang.ts';
import type { Board } from './trial.ts';

type SmallNode = { readonly devices: readonly number[]; readonly cpu: number; readonly rack: number };
type Member = { readonly milli: number; readonly count: number; readonly cpu: number; readonly sub: 0 | 1 };
type Small = {
  readonly nodes: readonly SmallNode[];
  readonly members: readonly Member[];
  /** members that may be left out */
  readonly surplus: number;
  readonly required: boolean;
  /** two sub-groups, each within one rack; `enough`: one of them does */
  readonly subGroups: 'none' | 'both' | 'enough';
};

const small: fc.Arbitrary<Small> = fc.record({
  nodes: fc.array(
    fc.record({
      devices: fc.array(fc.constantFrom(250, 500, 750, 1000), { minLength: 1, maxLength: 3 }),
      cpu: fc.integer({ min: 1, max: 4 }),
      rack: fc.integer({ min: 0, max: 1 }),
    }),
    { minLength: 1, maxLength: 4 },
  ),
  members: fc.array(
    fc.record({
      milli: fc.constantFrom(0, 250, 500, 750, 1000),
      count: fc.integer({ min: 1, max: 2 }),
      cpu: fc.integer({ min: 1, max: 3 }),
      sub: fc.constantFrom(0 as const, 1 as const),
    }),
    { minLength: 1, maxLength: 4 },
  ),
  surplus: fc.integer({ min: 0, max: 1 }),
  required: fc.boolean(),
  subGroups: fc.constantFrom('none' as const, 'none' as const, 'both' as const, 'enough' as const),
});

const nameOf = (at: number): string => `n${at}`;

function boardFor({ nodes }: Small): Board {
  const board = boardOf(
    nodes.map(({ devices, cpu, rack }, at) =>
      node(nameOf(at), devices.length, {
        labels: { rack: `r${rack}` },
        allocatable: { cpu, memory: 2 ** 40, pods: 110, 'muster.dev/gpu-milli': 1000 * devices.length },
      }),
    ),
  );
  for (const [at, { devices }] of nodes.entries()) {
    const { ledger } = board.table.get(nameOf(at))!;
    const shares = devices.flatMap((free, index) => {
      const { uuid, mib } = ledger.devices[index]!;
      return free === 1000 ? [] : [{ uuid, index, milli: 1000 - free, mib: ((1000 - free) * mib) / 1000 }];
    });
    if (shares.length === 0) continue;
    const claim = { containers: [{ name: 'k', slot: 'c0' as const, sidecar: false, devices: shares }] };
    board.table.add(nameOf(at), { uid: `there-${at}`, kind: 'bound', claim, needs: {}, unclaimed: false });
  }
  return board;
}

function gangFor({ members, surplus, required, subGroups }: Small): GangGroup {
  const pods = members.map(
    ({ milli, count, cpu }, at): PodFacts =>
      pod(`m${at}`, milli === 0 ? null : request([need(fraction(milli), count)]), {
        needs: { cpu, memory: 1, pods: 1 },
      }),
  );
  const topology = required ? { ...ANYWHERE, required: 'rack' } : ANYWHERE;
  const root: GangGroup = { name: 'g', needed: 0, members: [], settled: [], neededGroups: 0, children: [], topology };
  if (subGroups === 'none') return { ...root, needed: Math.max(1, pods.length - surplus), members: pods };
  const children = [0, 1].flatMap((sub): GangGroup[] => {
    const mine = pods.filter((_, at) => members[at]!.sub === sub);
    if (mine.length === 0) return [];
    return [
      { ...root, name: `s${sub}`, needed: mine.length, members: mine, topology: { ...ANYWHERE, required: 'rack' } },
    ];
  });
  return { ...root, children, neededGroups: subGroups === 'both' ? children.length : 1 };
}

/** Is there any placement? Tries every member on every set of devices of every node. */
function exists(given: Small): boolean {
  const { nodes, members, surplus, required, subGroups } = given;
  const free = nodes.map(({ devices }) => [...devices]);
  const cpu = nodes.map((each) => each.cpu);
  const all = [0, 1, 2, 3].filter((at) => at < members.length);
  const place = (rest: readonly number[], mayUse: (member: number, node: number) => boolean): boolean => {
    const [member, ...others] = rest;
    if (member === undefined) return true;
    const { milli, count, cpu: cores } = members[member]!;
    for (const [at, devices] of free.entries()) {
      if (!mayUse(member, at) || cpu[at]! < cores) continue;
      cpu[at]! -= cores;
      for (const set of milli === 0 ? [[]] : setsOf(devices.length, count)) {
        if (set.some((device) => devices[device]! < milli)) continue;
        for (const device of set) devices[device]! -= milli;
        const done = place(others, mayUse);
        for (const device of set) devices[device]! += milli;
        if (done) {
          cpu[at]! += cores;
          return true;
        }
      }
      cpu[at]! += cores;
    }
    return false;
  };
  const racks = [0, 1];
  const inRack = (rack: number | null) => (node: number) => rack === null || nodes[node]!.rack === rack;
  const roots = required ? racks : [null];
  if (subGroups === 'none') {
    const needed = Math.max(1, members.length - surplus);
    return roots.some((root) => setsOf(members.length, needed).some((set) => place(set, (_, at) => inRack(root)(at))));
  }
  const present = ([0, 1] as const).filter((sub) => members.some((member) => member.sub === sub));
  const choices = subGroups === 'both' ? [present] : present.map((sub) => [sub]);
  return roots.some((root) =>
    choices.some((subs) =>
      racks.some((first) =>
        racks.some((second) =>
          place(
            all.filter((at) => (subs as readonly number[]).includes(members[at]!.sub)),
            (member, at) => inRack(root)(at) && inRack(members[member]!.sub === 0 ? first : second)(at),
          ),
        ),
      ),
    ),
  );
}

/** Subsets of 0 … n-1 of this size. */
function setsOf(n: number, size: number): number[][] {
  if (size === 0) return [[]];
  if (n < size) return [];
  return [...setsOf(n - 1, size), ...setsOf(n - 1, size - 1).map((set) => [...set, n - 1])];
}

it('finds a placement wherever there is one', () => {
  let placeable = 0;
  fc.assert(
    fc.property(small, (given) => {
      const found = planGang(boardFor(given), gangFor(given)).kind === 'planned';
      const there = exists(given);
      if (there) placeable++;
      expect(found).toBe(there);
    }),
    { numRuns: 1_000 },
  );
  expect(placeable).toBeGreaterThan(200);
});
