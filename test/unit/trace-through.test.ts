/** A slice of a real trace the whole way: API, webhook, kube-scheduler's model, extender, placer. All of it: `npm run bench:trace -- --through`. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { arrivalsOf, replayArrivals } from '../../bench/trace/arrivals.ts';
import { TraceCluster } from '../../bench/trace/cluster.ts';
import { named } from '../../bench/trace/through/names.ts';
import { replayThrough, type Through } from '../../bench/trace/through/replay.ts';
import { SETUPS } from '../../bench/trace/through/setups.ts';
import { readNodes, readPods, type TracePod } from '../../bench/trace/trace.ts';
import type { NodePolicy } from '../../src/core/gpu/request.ts';
import type { NodeFacts } from '../../src/core/placement/node-facts.ts';

const DATA = resolve(import.meta.dirname, '../../../shared/data/alibaba-openb');
/** kube-scheduler samples from a hundred nodes on: of these 181 it offers a hundred that may do. Small ones, so that few pods fill them. */
const MOST_GPUS = 2;
const EVERY = 3;
const SEED = 42;

type Way = (typeof SETUPS)[number]['name'];

const TITLE = 'some of the small nodes of the openb trace (skipped where ../shared/data is absent)';

describe.skipIf(!existsSync(DATA))(TITLE, { timeout: 60_000 }, () => {
  const small = existsSync(DATA) ? readNodes(DATA).filter(({ devices }) => devices.length <= MOST_GPUS) : [];
  const nodes = small.filter((_, at) => at % EVERY === 0);
  const pods = existsSync(DATA) ? readPods(DATA, 'default').filter(({ gpus }) => gpus > 0) : [];

  const through = (
    name: Way,
    policy: NodePolicy,
    arrivals: readonly TracePod[],
    among: readonly NodeFacts[] = nodes,
  ): Promise<Through> => {
    const setup = SETUPS.find((known) => known.name === name)!;
    return replayThrough({ setup, policy, nodes: among, arrivals, seed: SEED });
  };

  function direct(policy: NodePolicy): { arrivals: TracePod[]; percent: number; placed: (string | null)[] } {
    const cluster = new TraceCluster(nodes, policy, null);
    const arrivals = arrivalsOf(pods, SEED, cluster.gpuMilli);
    const placed: (string | null)[] = [];
    const place = cluster.place.bind(cluster);
    cluster.place = (...args) => {
      placed.push(place(...args));
      return placed.at(-1)!;
    };
    return { arrivals, percent: replayArrivals(cluster, arrivals)[100]!, placed };
  }

  describe('pack', () => {
    let alone: ReturnType<typeof direct>;
    beforeAll(() => {
      alone = direct('pack');
    });

    it.each(['filter', 'gated'] as const)('goes pod by pod where the decision alone puts them: %s', async (name) => {
      const whole = await through(name, 'pack', alone.arrivals);
      expect(whole.placed).toEqual(alone.placed);
      expect(whole.late).toBe(0);
    });
  });

  it.each(['pack', 'muster'] as const)(
    '%s allocates with the placer what the decision alone does, though kube-scheduler offers only a sample',
    async (policy) => {
      const alone = direct(policy);
      const whole = await through('placer', policy, alone.arrivals);
      // a device more or less is 0.3 points here, and ties go otherwise
      expect(Math.abs(whole.curve[100]! - alone.percent)).toBeLessThan(1);
      expect(whole.late).toBe(0);
      // some were refused for a better node, and sent there by a nomination
      expect(whole.placerWrites).toBeGreaterThan(0);
      // but a sample is most often as good
      expect(whole.placerWrites).toBeLessThan(whole.bound / 10);
    },
  );

  it('names what the API would not take, in the same order', async () => {
    const few = nodes.slice(0, 3);
    const { arrivals } = direct('pack');
    const some = arrivals.slice(0, 12);
    const odd = named(
      few.map((node) => ({ ...node, name: `Rack 1/${node.name}` })),
      some.map((pod) => ({ ...pod, facts: { ...pod.facts, name: `${pod.facts.name}_Ä` } })),
    );
    const plain = await through('filter', 'pack', some, few);
    const renamed = await through('filter', 'pack', odd.pods, odd.nodes);
    const at = (placed: readonly (string | null)[], among: readonly NodeFacts[]): number[] =>
      placed.map((node) => among.findIndex(({ name }) => name === node));
    expect(at(renamed.placed, odd.nodes)).toEqual(at(plain.placed, few));
  });
});
