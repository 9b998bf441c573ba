/** A slice of a real trace through the real decision code. The whole of it is `npm run bench:trace`. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { arrivalsOf, replayArrivals } from '../../bench/trace/arrivals.ts';
import { TraceCluster, typicalOf } from '../../bench/trace/cluster.ts';
import { shuffle } from '../../bench/trace/shuffle.ts';
import { readNodes, readPods, renamed } from '../../bench/trace/trace.ts';
import type { NodePolicy } from '../../src/core/gpu/request.ts';
import type { NodeFacts } from '../../src/core/placement/node-facts.ts';
import { seededRng } from '../../src/sim/seeded-rng.ts';

const DATA = resolve(import.meta.dirname, '../../../shared/data/alibaba-openb');
const EVERY = 12;
const SEED = 42;

describe.skipIf(!existsSync(DATA))('a twelfth of the openb trace (skipped where ../shared/data is absent)', () => {
  const slice = existsSync(DATA) ? readNodes(DATA).filter((_, at) => at % EVERY === 0) : [];
  const pods = existsSync(DATA) ? readPods(DATA, 'default') : [];

  function replay(
    policy: NodePolicy,
    nodes: readonly NodeFacts[],
  ): { curve: readonly number[]; placed: readonly string[] } {
    const cluster = new TraceCluster(nodes, policy, policy === 'fgd' ? typicalOf(pods) : null);
    const placed: string[] = [];
    const place = cluster.place.bind(cluster);
    cluster.place = (pod, ...more) => {
      const node = place(pod, ...more);
      placed.push(`${pod.facts.uid} ${node}`);
      return node;
    };
    return { curve: replayArrivals(cluster, arrivalsOf(pods, SEED, cluster.gpuMilli)), placed };
  }

  /** per cent of GPUs allocated when the demand that arrived first reaches all of them */
  const BANDS: readonly [NodePolicy, number, number][] = [
    ['pack', 93.5, 95],
    ['spread', 85, 88.5],
    ['fgd', 93.5, 96],
    ['muster', 94.5, 96],
  ];
  const allocated = new Map(BANDS.map(([policy]) => [policy, replay(policy, slice).curve[100]!]));

  it.each(BANDS)('%s allocates between %d and %d per cent', (policy, least, most) => {
    expect(allocated.get(policy)).toBeGreaterThan(least);
    expect(allocated.get(policy)).toBeLessThan(most);
  });

  it.each(['pack', 'spread', 'fgd', 'muster'] as const)(
    '%s does not care in which order it heard of the nodes',
    (policy) => {
      expect(replay(policy, inAnotherOrder())).toEqual(replay(policy, slice));
    },
  );

  it.each(BANDS)(
    '%s stays between them where ties go elsewhere: nodes under one another’s names',
    (policy, least, most) => {
      const percent = replay(policy, renamed(slice, 7)).curve[100]!;
      expect(percent).toBeGreaterThan(least);
      expect(percent).toBeLessThan(most);
    },
  );

  it('gives the same twice', () => {
    expect(replay('muster', slice)).toEqual(replay('muster', slice));
  });

  function inAnotherOrder(): NodeFacts[] {
    const others = [...slice];
    shuffle(others, seededRng(7));
    return others;
  }
});
