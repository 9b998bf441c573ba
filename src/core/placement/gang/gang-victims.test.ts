import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { boardOf } from '../../../../test/build/board.ts';
import { fraction, need, node, pod, request, whole } from '../../../../test/build/facts.ts';
import type { ShareNeed } from '../../gpu/request.ts';
import { placeOn } from '../judge.ts';
import type { PodFacts } from '../pod-facts.ts';
import { ANYWHERE, type GangGroup } from './gang-request.ts';
import { gangVictims, type RunningPods, type VictimsVerdict } from './gang-victims.ts';
import { planGang } from './plan-gang.ts';
import type { GangSpare, RunningPod } from './running-pod.ts';
import type { Board } from './trial.ts';

type Runs = { on: string; share?: ShareNeed; count?: number } & Partial<RunningPod>;
type Scene = {
  nodes: Record<string, number>;
  runs: Record<string, Runs>;
  spare?: Record<string, number>;
  budgets?: readonly number[];
};

/** The books with these pods on them, but for some. */
function booksOf({ nodes, runs }: Scene, without: readonly string[] = []): Board {
  const board = boardOf(Object.entries(nodes).map(([name, gpus]) => node(name, gpus)));
  // the devices are given in the given order, whoever is left out: as they stand
  const full = boardOf(Object.entries(nodes).map(([name, gpus]) => node(name, gpus)));
  for (const [name, { on, share = whole, count = 1 }] of Object.entries(runs)) {
    const facts = pod(name, request([need(share, count)]));
    const { shape } = full.indexOf(facts, false);
    const placed = placeOn(shape, full.table.get(on)!);
    if (!placed.fits) throw new Error(`${name} does not fit ${on}`);
    const occupant = { uid: name, kind: 'bound', claim: placed.claim, needs: facts.needs, unclaimed: false } as const;
    full.table.add(on, occupant);
    if (!without.includes(name)) board.table.add(on, occupant);
  }
  return board;
}

function runningOf({ runs, spare = {}, budgets = [] }: Scene): RunningPods {
  const pods = Object.entries(runs).map(
    ([
      uid,
      { on, priority = 0, startedMs = 1, terminating = false, gang = null, subGroup = null, budgets: mine = [] },
    ]) => ({
      uid,
      node: on,
      priority,
      startedMs,
      terminating,
      gang,
      subGroup,
      budgets: mine,
    }),
  );
  const most = new Map(
    Object.entries(spare).map(([gang, total]): [string, GangSpare] => [gang, { total, subGroups: new Map() }]),
  );
  return { pods, spare: most, budgets };
}

const gangOf = (count: number, share: ShareNeed = whole, gpus = 1): GangGroup => {
  const members = Array.from({ length: count }, (_, at) =>
    pod(`m${at}`, request([need(share, gpus)]), { priority: 10 }),
  );
  return { name: 'g', needed: count, members, settled: [], neededGroups: 0, children: [], topology: ANYWHERE };
};

const search = (scene: Scene, gang: GangGroup): VictimsVerdict => gangVictims(booksOf(scene), gang, runningOf(scene));

function victimsOf(verdict: VictimsVerdict): string[] {
  if (verdict.kind === 'none') throw new Error('no victims were found');
  return verdict.victims.map(({ uid }) => uid).sort();
}

describe('victims for a whole gang', () => {
  it.each<[name: string, scene: Scene, gang: GangGroup, victims: readonly string[]]>([
    [
      'the least important go, as many as it takes',
      {
        nodes: { a: 2, b: 2 },
        runs: {
          a0: { on: 'a', priority: 5 },
          a1: { on: 'a', priority: 1 },
          b0: { on: 'b', priority: 1 },
          b1: { on: 'b', priority: 5 },
        },
      },
      gangOf(2),
      ['a1', 'b0'],
    ],
    [
      'pods that stand for themselves before any gang, whatever their priority',
      {
        nodes: { a: 4 },
        runs: {
          low0: { on: 'a', gang: 'x/low' },
          low1: { on: 'a', gang: 'x/low' },
          one0: { on: 'a', priority: 7 },
          one1: { on: 'a', priority: 8 },
        },
        spare: { 'x/low': 0 },
      },
      gangOf(2),
      ['one0', 'one1'],
    ],
    [
      'one gang before two, even a larger one',
      {
        nodes: { a: 2, b: 3 },
        runs: {
          p0: { on: 'a', gang: 'x/p' },
          p1: { on: 'b', gang: 'x/p' },
          q0: { on: 'a', gang: 'x/q' },
          q1: { on: 'b', gang: 'x/q' },
          r0: { on: 'b', gang: 'x/r' },
        },
        spare: { 'x/p': 0, 'x/q': 0, 'x/r': 0 },
      },
      gangOf(2),
      ['p0', 'p1'],
    ],
    [
      'a gang that falls below its minimum goes whole, wherever its members are',
      {
        nodes: { a: 1, b: 1, c: 1 },
        runs: {
          p0: { on: 'a', gang: 'x/p' },
          p1: { on: 'b', gang: 'x/p' },
          keep: { on: 'c', priority: 20, budgets: [0] },
        },
        spare: { 'x/p': 0 },
        budgets: [0],
      },
      gangOf(1),
      ['p0', 'p1'],
    ],
    [
      'the surplus of elastic gangs before breaking one',
      {
        nodes: { a: 2, b: 2 },
        runs: {
          p0: { on: 'a', gang: 'x/p', startedMs: 1 },
          p1: { on: 'a', gang: 'x/p', startedMs: 2 },
          q0: { on: 'b', gang: 'x/q', startedMs: 1 },
          q1: { on: 'b', gang: 'x/q', startedMs: 2 },
        },
        spare: { 'x/p': 1, 'x/q': 1 },
      },
      gangOf(2),
      ['p1', 'q1'],
    ],
    [
      'who started last goes among equals',
      { nodes: { a: 2 }, runs: { old: { on: 'a', startedMs: 1 }, young: { on: 'a', startedMs: 9 } } },
      gangOf(1),
      ['young'],
    ],
    [
      'one large pod before many small ones',
      {
        nodes: { a: 2, b: 2 },
        runs: { a0: { on: 'a' }, a1: { on: 'a' }, big: { on: 'b', count: 2 } },
      },
      gangOf(1, whole, 2),
      ['big'],
    ],
    [
      'whom a budget protects stays, if others will do',
      { nodes: { a: 2 }, runs: { safe: { on: 'a', budgets: [0] }, loose: { on: 'a', priority: 5 } }, budgets: [0] },
      gangOf(1),
      ['loose'],
    ],
    [
      'who is going anyway need not be evicted',
      { nodes: { a: 2 }, runs: { going: { on: 'a', terminating: true }, stays: { on: 'a' } } },
      gangOf(1),
      [],
    ],
  ])('%s', (_, scene, gang, victims) => {
    expect(victimsOf(search(scene, gang))).toEqual(victims);
  });

  it('evicts nobody for a gang that would not start even then', () => {
    const scene: Scene = { nodes: { a: 2 }, runs: { a0: { on: 'a' }, a1: { on: 'a' } } };
    expect(search(scene, gangOf(3))).toEqual({ kind: 'none', gaveUp: false });
  });

  it('evicts nobody when budgets allow fewer than it takes', () => {
    const scene: Scene = {
      nodes: { a: 2 },
      runs: { a0: { on: 'a', budgets: [0] }, a1: { on: 'a', budgets: [0] } },
      budgets: [1],
    };
    expect(search(scene, gangOf(2))).toEqual({ kind: 'none', gaveUp: false });
    expect(victimsOf(search(scene, gangOf(1)))).toHaveLength(1);
  });

  it('finds the one that a budget of one allows on the right node', () => {
    const scene: Scene = {
      nodes: { a: 1, b: 2 },
      runs: { young: { on: 'a', startedMs: 9, budgets: [0] }, old: { on: 'b', count: 2, budgets: [0] } },
      budgets: [1],
    };
    expect(victimsOf(search(scene, gangOf(1, whole, 2)))).toEqual(['old']);
  });

  it('breaks no gang that a budget keeps from going whole', () => {
    const scene: Scene = {
      nodes: { a: 1, b: 1 },
      runs: { p0: { on: 'a', gang: 'x/p', budgets: [0] }, p1: { on: 'b', gang: 'x/p', budgets: [0] } },
      spare: { 'x/p': 0 },
      budgets: [1],
    };
    expect(search(scene, gangOf(1))).toEqual({ kind: 'none', gaveUp: false });
  });

  it('stops when its budget is spent, and leaves the books as they were', () => {
    const scene: Scene = { nodes: { a: 2 }, runs: { a0: { on: 'a' }, a1: { on: 'a' } } };
    const board = booksOf(scene);
    const before = [...board.table.get('a')!.ledger.usedMilli];
    expect(gangVictims(board, gangOf(1), runningOf(scene), 40)).toEqual({ kind: 'none', gaveUp: true });
    expect([...board.table.get('a')!.ledger.usedMilli]).toEqual(before);
  });
});

describe('laws of victims', () => {
  const share = fc.constantFrom(fraction(250), fraction(500), whole);
  const running = fc.record({
    on: fc.integer({ min: 0, max: 2 }),
    share,
    priority: fc.integer({ min: 0, max: 3 }),
    startedMs: fc.integer({ min: 1, max: 5 }),
    gang: fc.option(fc.constantFrom('x/p', 'x/q'), { nil: null }),
    terminating: fc.boolean(),
    budget: fc.option(fc.integer({ min: 0, max: 1 }), { nil: null }),
  });
  const scenes = fc.record({
    runs: fc.array(running, { minLength: 1, maxLength: 9 }),
    members: fc.array(share, { minLength: 1, maxLength: 4 }),
    budgets: fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 3 })),
    spare: fc.tuple(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 0, max: 2 })),
  });

  it('the plan fits exactly once they are gone, none is protected, and none is named for nothing', () => {
    let found = 0;
    fc.assert(
      fc.property(scenes, ({ runs, members, budgets, spare }) => {
        const nodes = { n0: 2, n1: 2, n2: 1 };
        const scene: Scene = { nodes, runs: {}, spare: { 'x/p': spare[0], 'x/q': spare[1] }, budgets };
        for (const [at, { on, budget, ...run }] of runs.entries()) {
          scene.runs[`r${at}`] = { ...run, on: `n${on}`, budgets: budget === null ? [] : [budget] };
          try {
            booksOf(scene);
          } catch {
            delete scene.runs[`r${at}`];
          }
        }
        const waiting = members.map((one, at): PodFacts => pod(`m${at}`, one, { priority: 10 }));
        const gang: GangGroup = { ...gangOf(0), needed: waiting.length, members: waiting };
        const board = booksOf(scene);
        const before = textOf(board);
        const verdict = gangVictims(board, gang, runningOf(scene));
        expect(textOf(board)).toBe(before);
        if (verdict.kind === 'none') return;
        found++;
        const away = Object.keys(scene.runs).filter(
          (uid) => scene.runs[uid]!.terminating || verdict.victims.some((victim) => victim.uid === uid),
        );
        const after = booksOf(scene, away);
        for (const placed of verdict.placed) {
          const there = after.table.get(placed.node)!;
          expect(there.lacks(placed.pod.needs)).toBeNull();
          // throws where a device would be given twice
          after.table.add(placed.node, {
            ...placed,
            uid: placed.pod.uid,
            kind: 'held',
            needs: placed.pod.needs,
            unclaimed: false,
          });
        }
        const spent = budgets.map(
          (allowed, at) => allowed - verdict.victims.filter((one) => one.budgets.includes(at)).length,
        );
        expect(Math.min(...spent)).toBeGreaterThanOrEqual(0);
        // dropping one pod, or one gang that goes whole, leaves the gang without room
        const units = verdict.brokenGangs.map((key) => verdict.victims.filter((one) => one.gang === key));
        for (const one of verdict.victims)
          if (one.gang === null || !verdict.brokenGangs.includes(one.gang)) units.push([one]);
        for (const unit of units) {
          const others = away.filter((uid) => !unit.some((one) => one.uid === uid));
          const without = planGang(booksOf(scene, others), gang).kind;
          expect(without, `${unit.map(({ uid }) => uid)} need not go`).toBe('refused');
        }
        for (const { gang: key } of verdict.victims)
          if (key !== null && verdict.brokenGangs.includes(key))
            expect(away).toEqual(
              expect.arrayContaining(Object.keys(scene.runs).filter((uid) => scene.runs[uid]!.gang === key)),
            );
      }),
      { numRuns: 400 },
    );
    // it is about something
    expect(found).toBeGreaterThan(30);
  });
});

const textOf = ({ table }: Board): string =>
  JSON.stringify([...table.values()].map(({ ledger }) => [[...ledger.usedMib], [...ledger.usedMilli]]));
