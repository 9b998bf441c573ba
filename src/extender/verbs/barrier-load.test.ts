/** Two thousand binds that wait for each other, over real sockets: what they cost, and that every one of them is answered. */
import { Agent, request as httpRequest } from 'node:http';
import { afterEach, expect, it, vi } from 'vitest';
import { node } from '../../../test/build/facts.ts';
import { booksPicture } from '../../../test/kit/books-picture.ts';
import { eventually } from '../../../test/kit/eventually.ts';
import { projectPod } from '../../cluster/projection/pod.ts';
import type { PodFacts } from '../../core/placement/pod-facts.ts';
import { nodeClock, nodeRng } from '../../kube/node-adapter.ts';
import type { Transport } from '../../kube/ports.ts';
import { readConfig } from '../config.ts';
import { type Extender, startExtender } from '../start.ts';

const MEMBERS = 2_000;
const podOf = (at: number): object => ({
  metadata: {
    name: `g-${at}`,
    namespace: 'team',
    uid: `uid-g-${at}`,
    labels: { 'muster.dev/pod-group': 'g' },
    annotations: { 'muster.dev/gpu-count': '1', 'muster.dev/min-member': String(MEMBERS) },
  },
  spec: { schedulerName: 'muster-scheduler', containers: [{ name: 'main' }] },
});

let extender: Extender | undefined;
const agent = new Agent({ keepAlive: true });
afterEach(async () => {
  await extender?.close();
  agent.destroy();
});

const post = (url: string, body: object): Promise<string> =>
  new Promise((resolve, reject) => {
    const sent = httpRequest(
      url,
      { method: 'POST', agent, headers: { 'content-type': 'application/json' } },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk) => chunks.push(chunk));
        response.on('end', () => resolve(Buffer.concat(chunks).toString()));
      },
    );
    sent.on('error', reject);
    sent.end(JSON.stringify(body));
  });

it('cost a few KiB and one socket each, nobody else waits for them, and all go out together', async () => {
  const nodes = Array.from({ length: MEMBERS / 8 }, (_, at) => node(`n${at}`, 8));
  const members = Array.from({ length: MEMBERS }, (_, at) => projectPod(podOf(at))!);
  let bindings = 0;
  let most = 0;
  let underWay = 0;
  const transport: Transport = {
    request: async () => {
      bindings++;
      most = Math.max(most, ++underWay);
      await new Promise((resolve) => setTimeout(resolve, 1));
      underWay--;
      return { status: 201, body: Buffer.from('{}'), retryAfterSeconds: null };
    },
    stream: () => Promise.reject(new Error('no informer runs here')),
    close: async () => {},
  };
  const { picture, makePicture } = booksPicture(nodes, members);
  const config = readConfig({
    leadership: 'always',
    callDeadlineMs: 5_000,
    listen: { port: 0 },
    logLevel: 'silent',
    patienceMs: 0,
  });
  extender = await startExtender(config, { transport, clock: nodeClock, rng: nodeRng, makePicture });
  await eventually(() => extender!.deciding);
  await post(`${extender.url}/filter`, {
    Pod: podOf(0),
    NodeNames: nodes.map(({ name }) => name),
  });
  expect(picture.holds.countByCause().planned).toBe(MEMBERS);

  const bind = ({ uid, name, namespace }: PodFacts): Promise<string> =>
    post(`${extender!.url}/bind`, {
      PodName: name,
      PodNamespace: namespace,
      PodUID: uid,
      Node: picture.holds.get(uid)!.node,
    });
  const before = process.memoryUsage();
  const answered: string[] = [];
  const started = performance.now();
  const waiting = members.slice(1).map((each) => bind(each).then((text) => answered.push(text)));
  const gathering = async (): Promise<number> => {
    const text = await extender!.metrics.registry.getSingleMetricAsString('muster_gang_members_at_bind');
    return Number(/^muster_gang_members_at_bind (\d+)/m.exec(text)?.[1]);
  };
  await vi.waitFor(async () => expect(await gathering()).toBe(MEMBERS - 1), { timeout: 15_000, interval: 20 });
  const arrived = performance.now() - started;
  const cpu = process.cpuUsage();
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const { user, system } = process.cpuUsage(cpu);
  const busy = (user + system) / 1e6;
  expect(answered).toEqual([]);
  expect(bindings).toBe(0);
  const kib = (process.memoryUsage().rss - before.rss) / 1024 / MEMBERS;
  const opened = performance.now();
  const last = await bind(members[0]!);
  await Promise.all(waiting);
  const out = performance.now() - opened;
  console.log(
    `${MEMBERS} binds at the barrier: arrived in ${arrived.toFixed(0)} ms, ${kib.toFixed(0)} KiB each (client and server), ` +
      `${(100 * busy).toFixed(0)} % of a core while they wait, all answered ${out.toFixed(0)} ms after the last`,
  );
  expect([...new Set([...answered, last])]).toEqual(['{"Error":""}']);
  expect(bindings).toBe(MEMBERS);
  expect(await gathering()).toBe(0);
  // both ends of the socket are in this process
  expect(kib).toBeLessThan(128);
  // looking at every claim a few times a second takes all of it
  expect(busy).toBeLessThan(0.6);
}, 60_000);
