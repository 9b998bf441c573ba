import { beforeEach, describe, expect, it } from 'vitest';
import { fraction, memory, need, node, pod, request } from '../../../test/build/facts.ts';
import type { GpuRequest } from '../gpu/request.ts';
import { Forecast } from './forecast.ts';
import { judge, reasonOf } from './judge.ts';
import { NodeTable } from './node-table.ts';
import { shapeOf } from './shape.ts';
import { ShapeIndex } from './shape-index.ts';

const POLICIES = { nodePolicy: 'pack', devicePolicy: 'pack' } as const;
const NODES = 1_200;

let table: NodeTable;
beforeEach(() => {
  table = new NodeTable();
  // known in another order than that of their names
  for (let at = NODES - 1; at >= 0; at--) {
    const name = `n${String(at).padStart(4, '0')}`;
    table.setFacts(name, node(name, 8));
  }
});

const indexOf = (gpu: GpuRequest): ShapeIndex =>
  new ShapeIndex(shapeOf(pod('p', gpu), gpu, POLICIES, 'key'), table, new Forecast(table));
const notCompared = (index: ShapeIndex): string[] =>
  [...table.values()].filter(({ slot }) => index.reason(slot) === 'gpu-not-compared').map(({ name }) => name);
/** 64 containers, no two alike: nearly milliseconds for each node */
const hostile = request(
  Array.from({ length: 64 }, (_, at) =>
    need(memory(900 + 11 * at, 5 + ((at * 7) % 31)), 4, { name: `c${at}`, slot: `c${at}` }),
  ),
);

describe('one refresh', () => {
  it.each<[string, GpuRequest]>([
    ['one container', request([need(fraction(500))])],
    ['two containers', request([need(fraction(500)), need(fraction(300), 1, { name: 'b', slot: 'c1' })])],
  ])('judges every node for %s', (_, gpu) => {
    const index = indexOf(gpu);
    index.refresh();
    expect(index.incomplete).toBe(false);
    expect(notCompared(index)).toEqual([]);
  });

  it('of a costly shape judges the first nodes by name and leaves the rest to the next ones', () => {
    const index = indexOf(hostile);
    index.refresh();
    const left = notCompared(index);
    expect(index.incomplete).toBe(true);
    expect(left.length).toBeGreaterThan(NODES / 2);
    expect(left.toSorted()).toEqual(
      [...table.values()]
        .map(({ name }) => name)
        .sort()
        .slice(-left.length),
    );
    let rounds = 1;
    for (; index.incomplete; rounds++) index.refresh();
    expect(rounds).toBeLessThan(60);
    for (const info of [...table.values()].slice(0, 20))
      expect(index.ranking.value(info.slot)).toBe(judge(index.shape, info, { work: 0 }));
  });

  it('never ranks a node that changed and was not judged again', () => {
    const index = indexOf(hostile);
    do index.refresh();
    while (index.incomplete);
    const best = index.ranking.best();
    for (const info of table.values()) table.setFacts(info.name, node(info.name, 8, { cordoned: true }));
    table.setFacts('n0000', node('n0000', 8));
    index.refresh();
    index.ranking.walk((slot) => {
      expect(table.at(slot)!.facts!.cordoned).toBe(false);
      return true;
    });
    expect(best).toBeGreaterThanOrEqual(0);
  });

  it('judges the nodes that are asked for, whatever else is left', () => {
    const index = indexOf(hostile);
    index.refresh();
    const last = table.get(`n${NODES - 1}`)!;
    expect(index.reason(last.slot)).toBe('gpu-not-compared');
    index.compare([last.slot]);
    expect(index.reason(last.slot)).toBe(reasonOf(judge(index.shape, last, { work: 0 })));
  });

  it('forgets a node that went while it was left', () => {
    const index = indexOf(hostile);
    index.refresh();
    const { slot } = table.get(`n${NODES - 1}`)!;
    table.setFacts(`n${NODES - 1}`, null);
    table.setFacts('newcomer', node('newcomer', 0));
    while (index.incomplete) index.refresh();
    expect(table.get('newcomer')!.slot).toBe(slot);
    expect(index.reason(slot)).toBe('gpu-none');
  });
});
