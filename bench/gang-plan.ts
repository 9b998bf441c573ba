/** Planning alone: one synchronous step on the books, during which nobody else is answered. No API, no writes. */
import { Picture } from '../src/cluster/picture.ts';
import type { PodFacts } from '../src/core/placement/pod-facts.ts';
import { fraction, gangSaid, need, pod, request, whole } from '../test/build/facts.ts';
import { atMost, type Measured, quantile } from './row.ts';
import { nodeFacts, World } from './world.ts';

const NODES = 5_000;
const PODS_PER_NODE = 6;
const MEMBERS = 512;
const NODES_PER_RACK = 50;
const ROUNDS = 30;
/** the rounds that nothing else on the machine disturbed */
const UNDISTURBED = 0.1;
const MOST_MS = 50;

const eight = request([need(whole, 8)]);

/** members differ in shape, as a driver and workers of several kinds do */
const mixed = (at: number): PodFacts['ask'] => ({
  kind: 'request',
  request: request([need([fraction(500), fraction(250), whole, fraction(100)][at % 4]!, 1 + (at % 3))]),
});

type Case = {
  readonly name: string;
  readonly members: number;
  readonly ask: (at: number) => PodFacts['ask'];
  readonly topology?: string;
  readonly fits: boolean;
};

const CASES: readonly Case[] = [
  { name: '512 × 8 GPUs', members: MEMBERS, ask: () => ({ kind: 'request', request: eight }), fits: true },
  { name: '512 of 12 shapes', members: MEMBERS, ask: mixed, fits: true },
  {
    name: '32 × 8 GPUs in one rack',
    members: 32,
    ask: () => ({ kind: 'request', request: eight }),
    topology: 'rack',
    fits: true,
  },
  { name: 'more than there is', members: NODES, ask: () => ({ kind: 'request', request: eight }), fits: false },
  {
    name: 'too large for any rack',
    members: 60,
    ask: () => ({ kind: 'request', request: eight }),
    topology: 'rack',
    fits: false,
  },
];

export async function gangPlan(): Promise<Measured[]> {
  const picture = new Picture();
  for (const [at, facts] of nodeFacts(NODES).entries())
    picture.nodes.setFacts(facts.name, {
      ...facts,
      labels: { ...facts.labels, rack: `rack-${String(Math.floor(at / NODES_PER_RACK)).padStart(3, '0')}` },
    });
  const world = new World(picture);
  world.fill(PODS_PER_NODE * NODES);
  return CASES.flatMap((one) => measured(world, one));
}

function measured({ books }: World, { name, members, ask, topology, fits }: Case): Measured[] {
  const key = 'team/gang';
  const { picture } = books;
  const pods = Array.from({ length: members }, (_, at) =>
    pod(`gang-${at}`, eight, { ask: ask(at), gangSaid: gangSaid('gang', members) }),
  );
  if (topology !== undefined)
    picture.gangs.upsertObject({
      key,
      dialect: 'muster',
      uid: 'gang',
      minMember: members,
      waitSeconds: null,
      queue: '',
      priorityClassName: '',
      topology: { required: topology, preferred: null },
      subGroups: [],
      onMemberLoss: 'keep',
      problem: null,
    });
  for (const each of pods) picture.upsertPod(each);
  const ms: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    // something came free, so that nothing is remembered of the last time
    picture.nodes.freed++;
    const begun = performance.now();
    const { kind } = books.planGang(key);
    ms.push(performance.now() - begun);
    if ((kind === 'planned') !== fits) throw new Error(`${name}: ${kind}`);
    picture.dropPlan(key);
  }
  for (const { uid } of pods) picture.removePod(uid);
  picture.gangs.removeObject(key, 'muster');
  const value = quantile(ms, UNDISTURBED);
  const row = `gang-plan, ${NODES} nodes, ${name}`;
  return [
    // looks at every node for each shape
    { name: `${row}: first`, value: ms[0]!, unit: 'ms' },
    { name: row, value, unit: 'ms', ...atMost('ms', value, MOST_MS) },
  ];
}
