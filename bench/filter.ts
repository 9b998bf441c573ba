/**
 * The verbs that decide, over HTTP, against a bare echo of the same body and reply. 8 devices and 10 bound pods a node, mixed
 * shapes; 100 claims a second come and go, and what filter promised is dropped all the time, so that every call decides anew.
 */
import type { NodePolicy } from '../src/core/gpu/request.ts';
import { BODIES, filterBodies, fullNodeBodies, nominatedBodies, STRANGERS } from './bodies.ts';
import { type Child, EXTENDER_FLAGS, start } from './child.ts';
import { type Compared, compare } from './load.ts';
import { atLeast, atMost, type Measured } from './row.ts';
import { nodeNames, POLICY } from './world.ts';

const PODS_PER_NODE = 10;
const DECISIONS = 3_000;

const rows = (name: string, { value, floor, ratio, cpu, floorCpu }: Compared, target?: number): Measured[] => [
  { name, unit: 'req/s', value, floor, ratio, ...(target !== undefined && atLeast('ratio', ratio, target)) },
  { name: `${name}, server CPU each`, unit: 'µs', value: cpu, floor: floorCpu, ratio: floorCpu / cpu },
];

async function withServers(
  nodes: number,
  use: (url: string, echo: Child, extender: Child) => Promise<Measured[]>,
  policy: NodePolicy = POLICY,
): Promise<Measured[]> {
  const extender = await start('serve-extender.ts', { nodes, pods: PODS_PER_NODE * nodes, policy }, EXTENDER_FLAGS);
  const echo = await start('serve-echo.ts');
  try {
    return await use(await extender.ask<string>('url'), echo, extender);
  } finally {
    await echo.close();
    await extender.close();
  }
}

/** `target`: the least ratio to the echo, for one caller and lists in another order each time. */
export const filterAt = (nodes: number, target: number) => async (): Promise<Measured[]> => [
  ...(await filterBy(nodes, target)),
  ...(await filterBeside(nodes, 'pack')),
];

const filterBy = (nodes: number, target: number): Promise<Measured[]> =>
  withServers(nodes, async (url, echo, extender) => {
    const names = nodeNames(nodes);
    const name = `filter-${nodes}`;
    const shuffled = { url, path: '/filter', bodies: filterBodies(names, 'shuffled') };
    const same = { url, path: '/filter', bodies: filterBodies(names, 'same') };
    const all = [
      ...rows(name, await compare(shuffled, extender, echo, 1), target),
      ...rows(`${name}, the same list every time`, await compare(same, extender, echo, 1, 4)),
      ...rows(
        `${name}, pods not known yet`,
        await compare(
          { ...shuffled, bodies: filterBodies(names, 'shuffled', { first: STRANGERS }) },
          extender,
          echo,
          1,
          4,
        ),
      ),
      ...rows(
        `${name}, 16 callers`,
        await compare({ ...shuffled, bodies: shuffled.bodies.slice(0, 32) }, extender, echo, 16, 4),
      ),
    ];
    const [half, most] = await overTheBody(extender);
    all.push({ name: `${name}, CPU over the body, median`, value: half, unit: 'µs' });
    all.push({ name: `${name}, CPU over the body, p99`, value: most, unit: 'µs', ...atMost('µs', most, 1000) });
    return all;
  });

const overTheBody = (extender: Child): Promise<[number, number]> =>
  extender.ask('decisions', { order: 'shuffled', rounds: DECISIONS, quantiles: [0.5, 0.99] });

/** The same by another policy: what is learnt and weighed shows in the difference. */
const filterBeside = (nodes: number, policy: NodePolicy): Promise<Measured[]> =>
  withServers(
    nodes,
    async (url, echo, extender) => {
      const name = `filter-${nodes}, policy ${policy}`;
      const shuffled = { url, path: '/filter', bodies: filterBodies(nodeNames(nodes), 'shuffled') };
      const compared = await compare(shuffled, extender, echo, 1, 4);
      const [half, most] = await overTheBody(extender);
      return [
        ...rows(name, compared),
        { name: `${name}, CPU over the body, median`, value: half, unit: 'µs' },
        { name: `${name}, CPU over the body, p99`, value: most, unit: 'µs' },
      ];
    },
    policy,
  );

/**
 * One name. `filter-nominated`: the pod's place was decided ahead (by the placer, or by a filter before) and is in the books, as kube-scheduler
 * asks in production about a node that a status names; filter confirms it. `filter-one-name`: nothing is kept for the pod, the one node is
 * judged and held.
 */
export const filterNominated = (): Promise<Measured[]> =>
  withServers(1_000, async (url, echo, extender) => {
    const names = nodeNames(1_000);
    const oneNameEach = (first: number): Buffer[] =>
      Array.from(
        { length: BODIES },
        (_, at) => filterBodies([names[(at * 13) % names.length]!], 'same', { count: 1, first: first + at })[0]!,
      );
    const load = (bodies: readonly Buffer[]) => ({ url, path: '/filter', bodies });
    const onTheSpot = await compare(load(oneNameEach(BODIES)), extender, echo, 1, 5);
    const strangers = await compare(load(oneNameEach(STRANGERS)), extender, echo, 1, 4);
    const nominated = nominatedBodies(await extender.ask<string[]>('nominate', BODIES));
    return [
      ...rows('filter-nominated', await compare(load(nominated), extender, echo, 1, 9), 0.85),
      ...rows('filter-one-name, decided on the spot', onTheSpot),
      ...rows('filter-one-name, pods not known yet', strangers),
    ];
  });

/** A pod without GPUs: every node passes filter and gets a score. */
export const prioritize = (): Promise<Measured[]> =>
  withServers(1_000, async (url, echo, extender) => {
    const bodies = filterBodies(nodeNames(1_000), 'shuffled', { gpu: false });
    return [
      ...rows('filter-1000, a pod without GPUs', await compare({ url, path: '/filter', bodies }, extender, echo, 1, 4)),
      ...rows('prioritize-1000', await compare({ url, path: '/prioritize', bodies }, extender, echo, 1, 4)),
    ];
  });

/** A scheduler that is not nodeCacheCapable sends whole Node objects. */
export const fullNodes = (): Promise<Measured[]> =>
  withServers(1_000, async (url, echo, extender) => {
    const bodies = fullNodeBodies(nodeNames(1_000), 4);
    return [
      ...rows(
        'filter-1000, nodeCacheCapable false',
        await compare({ url, path: '/filter', bodies }, extender, echo, 1, 5),
      ),
    ];
  });
