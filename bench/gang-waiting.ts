/** What one pod that comes and goes costs the extender's thread while thousands of members wait for room that does not come. No API. */
import { Picture } from '../src/cluster/picture.ts';
import { PLACEMENT_GATE } from '../src/core/names.ts';
import type { Transport } from '../src/kube/ports.ts';
import { Placer } from '../src/placer/placer.ts';
import { fraction, gangSaid, need, pod, request, whole } from '../test/build/facts.ts';
import { ManualClock } from '../test/build/manual-clock.ts';
import { atMost, type Measured } from './row.ts';
import { nodeFacts, World } from './world.ts';

const NODES = 5_000;
const MEMBERS = 10_000;
const GANG = 64;
const CHURN_PER_SECOND = 20;
const SECONDS = 10;
/** per cent of a core, of what the waiting add */
const MOST = 2;

export async function gangWaiting(): Promise<Measured[]> {
  const alone = await perSecond(0, 'gang');
  const gangs = await perSecond(MEMBERS, 'gang');
  const singles = await perSecond(MEMBERS, 'single');
  const row = (what: string, ms: number): Measured => {
    const per = (ms - alone) / 10;
    const name = `${MEMBERS} ${what} wait, ${CHURN_PER_SECOND} others/s`;
    return { name, value: ms / 10, unit: '% core', floor: alone / 10, ...atMost('more than the floor by', per, MOST) };
  };
  return [row('members', gangs), row('pods', singles)];
}

/** ms of the thread in a second of churn. */
async function perSecond(waiting: number, kind: 'gang' | 'single'): Promise<number> {
  const picture = new Picture();
  for (const facts of nodeFacts(NODES)) picture.nodes.setFacts(facts.name, facts);
  const world = new World(picture);
  world.fill(NODES);
  const clock = new ManualClock();
  const transport: Transport = {
    request: () => Promise.resolve({ status: 200, body: Buffer.from('{}'), retryAfterSeconds: null }),
    stream: () => Promise.reject(new Error('no streams here')),
    close: () => Promise.resolve(),
  };
  const placer = new Placer({
    picture,
    planner: world.books,
    transport,
    clock,
    rng: { next: () => 0.5 },
    config: {
      concurrency: 64,
      nominateSeconds: 3,
      nominateLeast: 256,
      minNodes: 1_000,
      minBacklog: 100,
      exposeHead: 4,
    },
    callDeadlineMs: 4_000,
    schedulerNames: ['muster-scheduler'],
    mayDecide: () => true,
    onProblem: () => {},
  });
  placer.begin();
  const nowhere = { nodeSelector: { zone: 'nowhere' }, requiredTerms: null, preferredTerms: [], tolerations: [] };
  for (let at = 0; at < waiting; at++) {
    const asked = request([need(whole, 8)]);
    const over = { gated: true, gates: [PLACEMENT_GATE], constraints: nowhere };
    const gang = kind === 'gang' ? { gangSaid: gangSaid(`g${Math.floor(at / GANG)}`, GANG) } : {};
    picture.upsertPod(pod(`waits-${at}`, asked, { ...over, ...gang }));
  }
  const settle = async (ms: number): Promise<void> => {
    const end = clock.monotonic() + ms;
    while (clock.monotonic() < end) {
      clock.advance(5);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await settle(10_000);
  const offered = world.books.resolve([...picture.nodes.values()].map(({ name }) => name));
  const before = process.cpuUsage();
  for (let at = 0; at < SECONDS * CHURN_PER_SECOND; at++) {
    const comes = pod(`churn-${at}`, fraction(100));
    picture.upsertPod(comes);
    const { fits } = world.books.filter(comes, offered, 1);
    const plan = world.books.beginBind(comes, fits[0]!);
    if (plan.kind !== 'bind') throw new Error(JSON.stringify(plan));
    world.books.bindLanded(comes.uid);
    picture.upsertPod({ ...comes, nodeName: fits[0]!, claim: plan.claim });
    await settle(1000 / CHURN_PER_SECOND / 2);
    picture.removePod(comes.uid);
    await settle(1000 / CHURN_PER_SECOND / 2);
  }
  const { user, system } = process.cpuUsage(before);
  await placer.close();
  return (user + system) / 1000 / SECONDS;
}
