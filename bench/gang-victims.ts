/**
 * Victims for a whole gang, searched as the placer does: in slices, between which others are answered. What counts is the longest block,
 * not how long the search takes. And for a single pod, which is one block.
 */
import { Books } from '../src/cluster/books.ts';
import { Picture } from '../src/cluster/picture.ts';
import type { Claim } from '../src/core/gpu/claim.ts';
import type { Device } from '../src/core/gpu/device.ts';
import { nodeClock } from '../src/kube/node-adapter.ts';
import type { Clock } from '../src/kube/ports.ts';
import { Evictor } from '../src/placer/evict.ts';
import { bound, gangSaid, need, pod, request, whole } from '../test/build/facts.ts';
import { atMost, type Measured, quantile } from './row.ts';
import { nodeFacts, POLICY } from './world.ts';

const NODES = 5_000;
const GPUS = 8;
const LOW = 0;
const HIGH = 100;
/** the first one is a row of its own: nothing has been compiled for it */
const ROUNDS = 8;
/** the rounds that nothing else on the machine disturbed */
const UNDISTURBED = 0.3;
const MOST_MS = 20;

type Full = { readonly name: string; readonly size: number };
const FULL: readonly Full[] = [
  { name: '1-GPU pods', size: 1 },
  { name: '8-GPU pods', size: GPUS },
];
type Asks = { readonly name: string; readonly members: number; readonly size: number };
const GANGS: readonly Asks[] = [
  { name: '512 × 8', members: 512, size: GPUS },
  { name: '8 × 1', members: 8, size: 1 },
];

export async function gangVictims(): Promise<Measured[]> {
  const rows: Measured[] = [];
  for (const full of FULL)
    for (const priority of [LOW, HIGH]) {
      const books = fullBooks(full.size, priority);
      const where = `${full.name}, ${priority < HIGH ? 'all lower' : 'none lower'}`;
      for (const gang of GANGS) rows.push(...(await searched(books, where, gang, priority < HIGH)));
      rows.push(...single(books, where, priority < HIGH));
    }
  return rows;
}

/** Every GPU taken, by pods of one size. */
function fullBooks(size: number, priority: number): Books {
  const picture = new Picture();
  const books = new Books(picture, nodeClock, {
    nodePolicy: POLICY,
    devicePolicy: 'pack',
    holdMs: 600_000,
    envGuard: true,
  });
  const asked = request([need(whole, size)]);
  for (const facts of nodeFacts(NODES)) {
    picture.nodes.setFacts(facts.name, facts);
    for (let from = 0; from < GPUS; from += size) {
      const one = pod(`${facts.name}-${from}`, asked, { priority, startedMs: 1000 + from });
      picture.upsertPod(bound(one, facts.name, claimOn(facts.devices.slice(from, from + size))));
    }
  }
  return books;
}

const claimOn = (devices: readonly Device[]): Claim => ({
  containers: [
    {
      name: 'main',
      slot: 'c0',
      sidecar: false,
      devices: devices.map(({ uuid, index, mib }) => ({ uuid, index, mib, milli: 1000 })),
    },
  ],
});

async function searched(books: Books, where: string, asks: Asks, helps: boolean): Promise<Measured[]> {
  const { picture } = books;
  const key = 'team/gang';
  const asked = request([need(whole, asks.size)]);
  const members = Array.from({ length: asks.members }, (_, at) =>
    pod(`gang-${at}`, asked, { priority: HIGH, gangSaid: gangSaid('gang', asks.members) }),
  );
  for (const member of members) picture.upsertPod(member);
  if (books.planGang(key).kind === 'planned') throw new Error('there is room without anybody going');
  const longest: number[] = [];
  const took: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const blocks: number[] = [];
    const found = await search(books, key, blocks);
    if (found !== helps) throw new Error(`${where}, ${asks.name}: ${found ? 'found' : 'nobody'}`);
    longest.push(Math.max(...blocks));
    took.push(blocks.reduce((sum, ms) => sum + ms, 0));
    for (const { uid } of members) picture.dropHold(uid);
  }
  for (const { uid } of members) picture.removePod(uid);
  const name = `gang-victims, ${where}, ${asks.name}`;
  const searching: Measured = { name: `${name}: search`, value: quantile(took, UNDISTURBED), unit: 'ms' };
  return [searching, ...blockRows(name, longest)];
}

/** The first block, and what is usual afterwards. */
function blockRows(name: string, [first = Number.NaN, ...others]: readonly number[]): Measured[] {
  const usual = quantile(others, UNDISTURBED);
  return [
    { name: `${name}: first block`, value: first, unit: 'ms' },
    { name: `${name}: longest block`, value: usual, unit: 'ms', ...atMost('ms', usual, MOST_MS) },
  ];
}

/** True: victims were found. `blocks`: how long each turn of the thread took, ms. */
function search(books: Books, gang: string, blocks: number[]): Promise<boolean> {
  const measured = (run: () => void): void => {
    const begun = performance.now();
    run();
    blocks.push(performance.now() - begun);
  };
  const clock: Clock = { ...clockOf(), after: (ms, run) => nodeClock.after(ms, () => measured(run)) };
  // what is written, and when, is not measured: nobody answers
  const transport = {
    request: () => new Promise<never>(() => {}),
    stream: () => new Promise<never>(() => {}),
    close: () => Promise.resolve(),
  };
  const evictor = new Evictor({
    picture: books.picture,
    planner: books,
    transport,
    clock,
    rng: { next: () => 0.5 },
    mayDecide: () => true,
    onProblem: () => {},
  });
  return new Promise((resolve) => {
    measured(() =>
      evictor.makeRoomForGang(gang, {
        onFound: () => setImmediate(() => resolve(true)),
        onHelpless: () => setImmediate(() => resolve(false)),
      }),
    );
  });
}

const clockOf = (): Pick<Clock, 'now' | 'monotonic'> => ({
  now: () => nodeClock.now(),
  monotonic: () => nodeClock.monotonic(),
});

function single(books: Books, where: string, helps: boolean): Measured[] {
  const { picture } = books;
  const one = pod('single', request([need(whole, GPUS)]), { priority: HIGH });
  picture.upsertPod(one);
  const longest: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const begun = performance.now();
    const found = books.evictFor(one.uid);
    longest.push(performance.now() - begun);
    if ((found !== null) !== helps) throw new Error(`${where}, single: ${found === null ? 'nobody' : 'found'}`);
    if (found !== null) picture.dropHold(one.uid);
  }
  picture.removePod(one.uid);
  return blockRows(`gang-victims, ${where}, 1 pod × 8`, longest);
}
