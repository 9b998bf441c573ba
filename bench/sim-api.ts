/**
 * What the embedded API carries: loading 5,000 nodes and 50,000 pods, listing them in pages and whole while another request waits,
 * and binds per second, all over HTTP on loopback.
 */
import { randomUUID } from 'node:crypto';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { nodeClock } from '../src/kube/node-adapter.ts';
import type { KubeRequest } from '../src/kube/ports.ts';
import { connect } from '../src/kube/undici-adapter.ts';
import { Api } from '../src/sim/api/api.ts';
import { listen } from '../src/sim/api/server.ts';
import { arrivingPod } from '../src/sim/arrivals.ts';
import { mixedNodes } from '../src/sim/nodes.ts';
import { seededRng } from '../src/sim/seeded-rng.ts';
import { atLeast, atMost, type Measured } from './row.ts';

const NODES = 5_000;
const PODS = 50_000;
const BINDS = 10_000;
const CLIENTS = 32;
const TIMEOUT_MS = 60_000;

export async function simApi(): Promise<Measured[]> {
  const server = await listen(new Api({ clock: nodeClock, newUid: randomUUID }));
  const transport = await connect({ server: server.url, component: 'bench' });

  async function call(request: Omit<KubeRequest, 'timeoutMs'>): Promise<Buffer> {
    const answer = await transport.request({ ...request, timeoutMs: TIMEOUT_MS });
    if (answer.status >= 300) throw new Error(`${request.method} ${request.path}: ${answer.status} ${answer.body}`);
    return answer.body;
  }

  /** Sends all requests with so many at a time; seconds from first to last answer. */
  async function timed(requests: readonly Omit<KubeRequest, 'timeoutMs'>[]): Promise<number> {
    const begun = performance.now();
    let next = 0;
    const worker = async () => {
      for (let at = next++; at < requests.length; at = next++) await call(requests[at]!);
    };
    await Promise.all(Array.from({ length: CLIENTS }, worker));
    return (performance.now() - begun) / 1000;
  }

  const rng = seededRng(1);
  const objects = mixedNodes(NODES);
  const options = { namespace: 'default', meanRunSeconds: 60 };
  const pods = Array.from({ length: PODS }, (_, at) => arrivingPod(rng, at, options));
  const loadNodes = await timed([
    ...objects.map(({ node }) => ({ method: 'POST' as const, path: '/api/v1/nodes', body: node })),
    ...objects.flatMap(({ slices }) =>
      slices.map((slice) => ({
        method: 'POST' as const,
        path: '/apis/resource.k8s.io/v1/resourceslices',
        body: slice,
      })),
    ),
  ]);
  const loadPods = await timed(
    pods.map((pod) => ({ method: 'POST' as const, path: '/api/v1/namespaces/default/pods', body: pod })),
  );

  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  let token = '';
  const pagesBegun = performance.now();
  do {
    const page = await call({ method: 'GET', path: `/api/v1/pods?limit=500&continue=${encodeURIComponent(token)}` });
    token = /"continue":"([^"]+)"/.exec(page.subarray(0, 400).toString())?.[1] ?? '';
  } while (token !== '');
  const pages = (performance.now() - pagesBegun) / 1000;
  const pagesBlocked = delay.max / 1e6;
  delay.reset();
  const wholeBegun = performance.now();
  const whole = await call({ method: 'GET', path: '/api/v1/pods' });
  const wholeSeconds = (performance.now() - wholeBegun) / 1000;
  const wholeBlocked = delay.max / 1e6;
  delay.disable();

  const list = JSON.parse(whole.toString()) as { items: { metadata: { name: string; uid: string } }[] };
  const bind = await timed(
    list.items.slice(0, BINDS).map(({ metadata: { name, uid } }, at) => ({
      method: 'POST' as const,
      path: `/api/v1/namespaces/default/pods/${name}/binding`,
      body: {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { name, uid, annotations: { 'muster.dev/claim': '{"containers":[]}' } },
        target: { apiVersion: 'v1', kind: 'Node', name: `n${at % NODES}` },
      },
    })),
  );

  const { rss } = process.memoryUsage();
  const name = (what: string): string => `sim-api, ${what}`;
  const rows: Measured[] = [
    { name: name(`load ${NODES} nodes`), value: loadNodes, unit: 's' },
    {
      name: name(`load ${PODS} pods`),
      value: loadPods,
      unit: 's',
      ...atMost('nodes and pods', loadNodes + loadPods, 10),
    },
    { name: name('list pods in pages of 500'), value: pages, unit: 's' },
    { name: name('loop held by pages'), value: pagesBlocked, unit: 'ms', ...atMost('block', pagesBlocked, 50) },
    { name: name('list pods whole'), value: wholeSeconds, unit: 's' },
    { name: name('loop held by a whole list'), value: wholeBlocked, unit: 'ms' },
    { name: name('binds'), value: BINDS / bind, unit: '/s', ...atLeast('binds', BINDS / bind, 2_000) },
    { name: name('RSS'), value: rss / 2 ** 20, unit: 'MiB' },
  ];
  await transport.close();
  await server.close();
  return rows;
}
