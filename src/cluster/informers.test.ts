/** The picture fed by real informers over HTTP from the embedded API, decoded on the thread: what a process sees at start. */
import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { eventually } from '../../test/kit/eventually.ts';
import { encodeClaim } from '../core/gpu/claim-json.ts';
import { nodeClock, nodeRng } from '../kube/node-adapter.ts';
import type { Transport } from '../kube/ports.ts';
import { connect } from '../kube/undici-adapter.ts';
import { DecodeThread } from '../kube/worker-decoder.ts';
import { Informers } from './informers.ts';
import { Picture } from './picture.ts';

// tests may look across rooms: the embedded API is the only API server that every machine has
const { Api } = await import('../sim/api/api.ts');
const { listen } = await import('../sim/api/server.ts');

const cleanup: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const step of cleanup.splice(0).reverse()) await step();
});

async function send(
  transport: Transport,
  method: 'POST' | 'PATCH' | 'DELETE',
  path: string,
  body?: unknown,
  contentType?: string,
): Promise<void> {
  const answer = await transport.request({
    method,
    path,
    timeoutMs: 5_000,
    ...(body !== undefined && { body }),
    ...(contentType && { contentType }),
  });
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.body}`);
}

async function watching(
  url: string,
  onErrors: string[] = [],
  through: (transport: Transport) => Transport = (transport) => transport,
): Promise<{ picture: Picture; informers: Informers }> {
  const transport = through(await connect({ server: url, component: 'test' }));
  const thread = new DecodeThread();
  const picture = new Picture();
  const informers = new Informers(picture, {
    transport,
    clock: nodeClock,
    rng: nodeRng,
    thread,
    lease: { namespace: 'muster-system', name: 'muster-scheduler' },
    aliyunUnit: 'GiB',
    onLease: () => {},
    onNode: () => {},
    onError: (kind, error) => onErrors.push(`${kind}: ${error.message}`),
  });
  cleanup.push(async () => {
    await informers.stop();
    await thread.close();
    await transport.close();
  });
  await informers.start();
  return { picture, informers };
}

const labelled = (name: string) => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: {
    name,
    labels: {
      'muster.dev/managed': 'true',
      'nvidia.com/gpu.count': '2',
      'nvidia.com/gpu.memory': '81559',
      'nvidia.com/gpu.product': 'H100',
    },
  },
  status: {
    conditions: [{ type: 'Ready', status: 'True' }],
    allocatable: { cpu: '8', memory: '32Gi', pods: '110' },
    capacity: { cpu: '8' },
  },
});
const slice = (node: string, generation = 1) => ({
  apiVersion: 'resource.k8s.io/v1',
  kind: 'ResourceSlice',
  metadata: { name: `${node}-gpus-${generation}` },
  spec: {
    driver: 'gpu.nvidia.com',
    nodeName: node,
    pool: { name: node, generation, resourceSliceCount: 1 },
    devices: [
      {
        name: 'gpu-0',
        attributes: { type: { string: 'gpu' }, uuid: { string: 'GPU-0000' }, productName: { string: 'A100' } },
        capacity: { memory: { value: '40Gi' } },
      },
    ],
  },
});
const claimed = (name: string, node: string, milli: number) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name,
    namespace: 'team',
    annotations: {
      'muster.dev/claim': encodeClaim({
        containers: [
          { name: 'main', slot: 'c0', sidecar: false, devices: [{ uuid: null, index: 1, mib: 1000, milli }] },
        ],
      }),
    },
  },
  spec: { nodeName: node, schedulerName: 'muster-scheduler', containers: [{ name: 'main', image: 'x' }] },
});

it('a 403 to the question whether slices are served does not switch them off for good', async () => {
  const server = await listen(new Api({ clock: nodeClock, newUid: randomUUID }));
  cleanup.push(() => server.close());
  let refused = 0;
  const errors: string[] = [];
  const { informers } = await watching(server.url, errors, (transport) => ({
    stream: (request) => transport.stream(request),
    close: () => transport.close(),
    async request(request) {
      if (request.path !== '/apis/resource.k8s.io/v1' || refused++ > 0) return await transport.request(request);
      return { status: 403, body: Buffer.from('{}'), retryAfterSeconds: null };
    },
  }));
  expect([...informers.stats().keys()]).toContain('resourceslices');
  expect(errors.join()).toContain('HTTP status 403');
});

describe('informers', () => {
  it('show the same books as before after a crash, and follow every change', async () => {
    const server = await listen(new Api({ clock: nodeClock, newUid: randomUUID }));
    cleanup.push(() => server.close());
    const admin = await connect({ server: server.url, component: 'admin' });
    cleanup.push(() => admin.close());
    await send(admin, 'POST', '/api/v1/namespaces', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'team' },
    });
    await send(admin, 'POST', '/api/v1/nodes', labelled('a'));
    await send(admin, 'POST', '/api/v1/namespaces/team/pods', claimed('p', 'a', 300));
    const errors: string[] = [];
    const { picture, informers } = await watching(server.url, errors);
    expect(informers.synced).toBe(true);
    expect([...picture.nodes.get('a')!.ledger.usedMilli]).toEqual([0, 300]);

    await send(admin, 'POST', '/api/v1/namespaces/team/pods', claimed('q', 'a', 200));
    await eventually(() => picture.nodes.get('a')!.ledger.usedMilli[1] === 500);
    await send(admin, 'DELETE', '/api/v1/namespaces/team/pods/p', { gracePeriodSeconds: 0 });
    await eventually(() => picture.nodes.get('a')!.ledger.usedMilli[1] === 200);

    const again = await watching(server.url);
    expect(again.picture.snapshot()).toBe(picture.snapshot());
    expect(errors).toEqual([]);
  });

  it('take devices from ResourceSlices as soon as a driver publishes them, and report the disagreement', async () => {
    const server = await listen(new Api({ clock: nodeClock, newUid: randomUUID }));
    cleanup.push(() => server.close());
    const admin = await connect({ server: server.url, component: 'admin' });
    cleanup.push(() => admin.close());
    await send(admin, 'POST', '/api/v1/nodes', labelled('a'));
    const { picture, informers } = await watching(server.url);
    expect(picture.nodes.get('a')!.ledger.devices.map(({ uuid }) => uuid)).toEqual([null, null]);
    await send(admin, 'POST', '/apis/resource.k8s.io/v1/resourceslices', slice('a'));
    await eventually(() => picture.nodes.get('a')!.ledger.devices[0]?.uuid === 'GPU-0000');
    expect(informers.inventory.get('a')!.inventory.disagreement).toMatch(/^inventory-disagreement: node a: slices/);
  });
});
