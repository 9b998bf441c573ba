import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { fraction, need, node, pod, request, whole } from '../../../test/build/facts.ts';
import { place } from '../gpu/fit.ts';
import type { GpuRequest } from '../gpu/request.ts';
import { Demand } from './demand.ts';
import { Forecast } from './forecast.ts';
import { judge } from './judge.ts';
import { Leftovers } from './leftovers.ts';
import { NodeTable } from './node-table.ts';
import type { PodFacts } from './pod-facts.ts';
import { shapeKey, shapeOf } from './shape.ts';
import { ShapeIndex } from './shape-index.ts';

const DEFAULTS = { nodePolicy: 'muster', devicePolicy: 'pack' } as const;
let table: NodeTable;

beforeEach(() => {
  table = new NodeTable();
});

/** Puts the pod on the node by the ledger alone; false if it does not fit. */
function occupy(on: string, each: PodFacts): boolean {
  if (each.ask.kind !== 'request') {
    table.add(on, { uid: each.uid, kind: 'held', claim: null, needs: each.needs, unclaimed: false });
    return true;
  }
  const placed = place(table.get(on)!.ledger, each.ask.request, 'pack', false);
  if (!placed.fits) return false;
  table.add(on, { uid: each.uid, kind: 'held', claim: placed.claim, needs: each.needs, unclaimed: false });
  return true;
}

describe('demand', () => {
  const arrive = (demand: Demand, times: number, asked: Parameters<typeof pod>[1]): void => {
    for (let at = 0; at < times; at++) demand.arrived(pod(`p${at}`, asked));
  };
  const counted = (demand: Demand) => demand.typical().shapes.map(({ count, milli, pods }) => ({ count, milli, pods }));

  it('is what covers 95 % of the pods, most popular first', () => {
    const demand = new Demand();
    arrive(demand, 4, fraction(300));
    arrive(demand, 30, fraction(500));
    arrive(demand, 66, null);
    expect(counted(demand)).toEqual([
      { count: 0, milli: 0, pods: 66 },
      { count: 1, milli: 500, pods: 30 },
    ]);
  });

  const sizes: [string, GpuRequest, { count: number; milli: number }][] = [
    ['whole GPUs', request([need(whole, 4)]), { count: 4, milli: 1000 }],
    ['memory alone', request([need({ milli: 0, memory: { milli: 250 } })]), { count: 1, milli: 250 }],
    [
      'two containers on one GPU each',
      request([need(fraction(500)), need(fraction(500), 1, { slot: 'c1' })]),
      { count: 2, milli: 500 },
    ],
  ];
  it.each(sizes)('knows the size of a request for %s', (_, asked, size) => {
    const demand = new Demand();
    arrive(demand, 1, asked);
    expect(counted(demand)).toEqual([{ ...size, pods: 1 }]);
  });

  it('is the same in whatever order pods were there, equally popular ones and more than are counted included', () => {
    const pods = Array.from({ length: 40_000 }, (_, at) => pod(`p${at}`, fraction(1 + ((at * at) % 997))));
    const known = (list: readonly PodFacts[]) => {
      const demand = new Demand();
      demand.known(list);
      return demand.typical().shapes;
    };
    expect(known(pods.toReversed())).toEqual(known(pods));
  });

  it('forgets what comes no more, and what is rare, however many kinds there were', () => {
    const demand = new Demand();
    arrive(demand, 1000, fraction(300));
    for (let at = 0; at < 200_000; at++)
      demand.arrived(pod(`n${at}`, fraction(1 + (at % 900)), { needs: { cpu: at % 777 } }));
    arrive(demand, 30_000, fraction(700));
    expect(demand.typical().shapes[0]).toMatchObject({ milli: 700 });
    expect(demand.typical().shapes.length).toBeLessThanOrEqual(1025);
  });
});

describe('leftovers', () => {
  it('are counted right whatever came and went', () => {
    const names = ['a', 'b', 'c'];
    const step = fc.record({
      on: fc.constantFrom(...names),
      milli: fc.integer({ min: 1, max: 1000 }),
      leave: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        table = new NodeTable();
        for (const name of names) table.setFacts(name, node(name, 2));
        const kept = new Leftovers();
        const here: [string, string][] = [];
        steps.forEach(({ on, milli, leave }, at) => {
          const gone = leave ? here.pop() : undefined;
          if (gone !== undefined) table.remove(...gone);
          else if (occupy(on, pod(`p${at}`, fraction(milli)))) here.push([on, `uid-p${at}`]);
          if (at % 3 === 0) kept.refresh(table);
        });
        kept.refresh(table);
        const fresh = new Leftovers();
        fresh.refresh(table);
        expect(kept.gpus).toEqual(fresh.gpus);
        expect(kept.cost).toEqual(fresh.cost);
        expect(kept.gpus.reduce((sum, gpus) => sum + gpus, 0)).toBe(6);
      }),
    );
  });

  it('cost more the more GPUs have them, and at most a multiple of their size', () => {
    const cost = (used: number): number => {
      table = new NodeTable();
      table.setFacts('a', node('a', 100));
      for (let at = 0; at < used; at++) occupy('a', pod(`p${at}`, fraction(810)));
      const leftovers = new Leftovers();
      leftovers.refresh(table);
      return leftovers.cost[190]!;
    };
    expect([cost(0), cost(1), cost(50)]).toEqual([0, 750, 760]);
  });
});

describe('a new outlook', () => {
  const NODES = 500;
  const asking = pod('asking', fraction(300));
  const asked = request([need(fraction(300))]);
  let forecast: Forecast;
  let index: ShapeIndex;

  const fresh = (slot: number): number => judge(index.shape, table.at(slot)!, { work: 0 }, forecast.outlook);
  const outdated = (): number[] =>
    Array.from({ length: NODES }, (_, slot) => slot).filter((slot) => index.ranking.value(slot) !== fresh(slot));

  beforeEach(() => {
    for (let at = 0; at < NODES; at++) table.setFacts(`n${at}`, node(`n${at}`, 1 + (at % 8)));
    forecast = new Forecast(table);
    index = new ShapeIndex(shapeOf(asking, asked, DEFAULTS, shapeKey(asking, asked, DEFAULTS)), table, forecast);
    index.refresh();
    const before = forecast.outlook;
    for (let at = 0; forecast.outlook === before; at++)
      forecast.arrived(pod(`p${at}`, at % 2 ? fraction(300) : request([need(whole, 4)])));
  });

  it('comes after a walk over all nodes and changes scores', () => {
    expect(outdated().length).toBeGreaterThan(NODES / 2);
  });

  it('is taken over a bounded number of scores at a time, until all stand on it', () => {
    const left = [outdated().length];
    while (left.at(-1)! > 0 && left.length < 20) {
      index.refresh();
      left.push(outdated().length);
    }
    expect(left.at(-1)).toBe(0);
    for (let at = 1; at < left.length; at++) expect(left[at - 1]! - left[at]!).toBeLessThanOrEqual(160);
  });

  it('leaves nodes judged right that change meanwhile', () => {
    occupy('n7', pod('q', request([need(whole, 8)])));
    index.refresh();
    expect(index.ranking.value(table.get('n7')!.slot)).toBe(fresh(table.get('n7')!.slot));
  });

  it('sees CPU that a pod without GPUs takes', () => {
    occupy('n7', pod('q', null, { needs: { cpu: 63_900 } }));
    index.refresh();
    expect(index.ranking.value(table.get('n7')!.slot)).toBe(fresh(table.get('n7')!.slot));
    expect(fresh(table.get('n7')!.slot)).not.toBe(fresh(table.get('n15')!.slot));
  });
});
