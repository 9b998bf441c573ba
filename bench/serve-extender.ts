/** The extender over a cluster in memory: real books, pods really bound, claims coming and going while it serves. */

import { Books } from '../src/cluster/books.ts';
import { projectPod } from '../src/cluster/projection/pod.ts';
import type { NodePolicy } from '../src/core/gpu/request.ts';
import { NameLists } from '../src/extender/codec/name-lists.ts';
import { readConfig } from '../src/extender/config.ts';
import { startExtender } from '../src/extender/start.ts';
import { filter } from '../src/extender/verbs/filter.ts';
import { nodeClock, nodeRng } from '../src/kube/node-adapter.ts';
import type { KubeRequest, Transport } from '../src/kube/ports.ts';
import { connect } from '../src/kube/undici-adapter.ts';
import { booksPicture } from '../test/kit/books-picture.ts';
import { BODIES, filterBodies, KNOWN_PODS, nominatedPod, type Order, WITHOUT_GPUS } from './bodies.ts';
import { answer, argument } from './child.ts';
import { podFacts, resourceVersionOf } from './pods.ts';
import { quantile } from './row.ts';
import { nodeFacts, nodeNames, POLICY, World } from './world.ts';

export type ExtenderArgument = {
  readonly nodes: number;
  readonly pods: number;
  /** of an API server for Bindings; none: there is none */
  readonly api?: string;
  /** claims that come and go, a second */
  readonly claims?: number;
  readonly policy?: NodePolicy;
};

const TICK_MS = 10;
const { nodes, pods, api, claims = 100, policy = POLICY } = argument<ExtenderArgument>();

const none: Transport = {
  request: async () => ({ status: 500, body: Buffer.alloc(0), retryAfterSeconds: null }),
  stream: async () => {
    throw new Error('not used');
  },
  close: async () => {},
};
const calls: Record<string, number> = {};
const counted = (transport: Transport): Transport => ({
  ...transport,
  request: (request: KubeRequest) => {
    const kind = `${request.method} ${request.path.split('?')[0]!.split('/').at(-1)}`;
    calls[kind] = (calls[kind] ?? 0) + 1;
    return transport.request(request);
  },
  close: () => transport.close(),
});

const { picture, makePicture } = booksPicture(nodeFacts(nodes), [], { envGuard: true });
const world = new World(picture, policy);
world.fill(pods);
for (let serial = 0; serial < KNOWN_PODS; serial++) picture.upsertPod(podFacts(serial), resourceVersionOf(serial));
for (let serial = WITHOUT_GPUS; serial < WITHOUT_GPUS + BODIES; serial++)
  picture.upsertPod(podFacts(serial, null), resourceVersionOf(serial));
const transport = counted(api === undefined ? none : await connect({ server: api, component: 'bench' }));
const config = readConfig({
  leadership: 'always',
  callDeadlineMs: 4_000,
  holdSeconds: 600,
  nodePolicy: policy,
  listen: { port: 0 },
  logLevel: api === undefined ? 'info' : 'silent',
});
const extender = await startExtender(config, {
  transport,
  clock: nodeClock,
  rng: nodeRng,
  makePicture: (options) => {
    const parts = makePicture(options);
    if (!(parts.decider instanceof Books)) throw new TypeError('not the real books');
    // from now on the extender itself decides where pods go that come: it learns from them, as it does in a cluster
    world.books = parts.decider;
    world.books.restoreAwaiting();
    return parts;
  },
  log: { write: () => {} },
});
await new Promise<void>((resolve) => {
  const look = (): void => void (extender.deciding ? resolve() : setTimeout(look, 20));
  look();
});
let due = 0;
const ticking = setInterval(() => {
  if (claims === 0) return;
  world.dropHolds();
  for (due += (claims * TICK_MS) / 1000; due >= 1; due--) world.turn();
}, TICK_MS);

answer(
  {
    cpu: () => process.cpuUsage(),
    url: () => extender.url,
    calls: () => calls,
    /** Places so many of the known pods ahead, as the placer does. Their nodes, which the pods as the informer shows them name. */
    nominate: (count: number): readonly string[] =>
      Array.from({ length: count }, (_, serial) => {
        const { uid } = podFacts(serial);
        const outcome = world.books.planPod(uid);
        if (outcome.kind !== 'planned') throw new Error(`not placed ahead: ${outcome.kind}`);
        const { node } = outcome.hold;
        picture.upsertPod(projectPod(nominatedPod(serial, node))!, resourceVersionOf(serial));
        return node;
      }),
    /** µs of whole filter calls, body in hand to reply in hand: the p-th quantiles */
    decisions: ({ order, rounds, quantiles }: { order: Order; rounds: number; quantiles: number[] }) => {
      const bodies = filterBodies(nodeNames(nodes), order);
      const context = {
        decider: world.books,
        lists: new NameLists(world.books),
        projectPod,
        knownPod: (uid: string, resourceVersion: string) => picture.podInState(uid, resourceVersion),
        shortList: 1,
        deciding: () => true,
      };
      const spent: number[] = [];
      for (let at = -rounds; at < rounds; at++) {
        if (at % 8 === 0) {
          world.dropHolds();
          world.turn();
        }
        const body = bodies[(at + rounds) % bodies.length]!;
        const begun = performance.now();
        const { outcome } = filter(body, context);
        const micros = 1000 * (performance.now() - begun);
        if (outcome !== 'ok') throw new Error(`filter: ${outcome}`);
        if (at >= 0) spent.push(micros);
      }
      return quantiles.map((q) => quantile(spent, q));
    },
  },
  async () => {
    clearInterval(ticking);
    await extender.close();
    await transport.close();
  },
);
