import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client } from '../../../test/contract/client.ts';
import { nodeClock, nodeRng } from '../../kube/node-adapter.ts';
import { inProcess } from '../api/in-process.ts';
import type { JsonObject } from '../api/object.ts';
import { objectAt, textAt } from '../api/object.ts';
import { Cluster } from '../cluster.ts';
import { GPU_MODELS, gpuNode } from '../nodes.ts';

const GPU = 'requests.muster.dev/gpu-milli';
const errors: Error[] = [];
let cluster: Cluster;
let client: Client;

beforeAll(async () => {
  cluster = new Cluster({
    clock: nodeClock,
    rng: nodeRng,
    newUid: randomUUID,
    nodes: [gpuNode({ name: 'n', model: GPU_MODELS.t4, count: 1, source: 'labels' })],
    schedulers: [{ schedulerNames: ['default-scheduler'], extenders: [] }],
    onError: (error) => errors.push(error),
  });
  await cluster.start();
  client = new Client(await inProcess(cluster.api, 'test'));
});
afterAll(async () => {
  await client.close();
  await cluster.stop();
  expect(errors).toEqual([]);
});

let counter = 0;
async function namespaceWith(hard: JsonObject): Promise<string> {
  counter += 1;
  const namespace = `q${counter}`;
  await client.must('POST', '/api/v1/namespaces', { metadata: { name: namespace } });
  await client.must('POST', `/api/v1/namespaces/${namespace}/resourcequotas`, {
    metadata: { name: 'q' },
    spec: { hard },
  });
  await expect.poll(() => used(namespace)).not.toEqual({});
  return namespace;
}
const used = async (namespace: string) =>
  objectAt((await client.must('GET', `/api/v1/namespaces/${namespace}/resourcequotas/q`)).status, 'used');
const create = (namespace: string, name: string, requests: JsonObject = {}) =>
  client.call('POST', `/api/v1/namespaces/${namespace}/pods`, {
    metadata: { name },
    spec: { containers: [{ name: 'main', image: 'x', resources: { requests, limits: extended(requests) } }] },
  });
const extended = (requests: JsonObject) =>
  Object.fromEntries(Object.entries(requests).filter(([name]) => name.includes('/')));

describe('a ResourceQuota', () => {
  it.each<[string, JsonObject, JsonObject[], string, JsonObject]>([
    ['of pods', { pods: '1' }, [{}, {}], 'requested: pods=1, used: pods=1, limited: pods=1', { pods: '1' }],
    [
      'of cpu, in its unit',
      { 'requests.cpu': '1' },
      [{ cpu: '600m' }, { cpu: '500m' }],
      'requested: requests.cpu=500m, used: requests.cpu=600m, limited: requests.cpu=1',
      { 'requests.cpu': '600m' },
    ],
    [
      'of memory without a prefix',
      { memory: '2Gi' },
      [{ memory: '1Gi' }, { memory: '1536Mi' }],
      'requested: memory=1536Mi, used: memory=1Gi, limited: memory=2Gi',
      { memory: '1Gi' },
    ],
    [
      'of GPU shares',
      { [GPU]: '1500' },
      [{ 'muster.dev/gpu-milli': '1000' }, { 'muster.dev/gpu-milli': '600' }],
      `requested: ${GPU}=600, used: ${GPU}=1k, limited: ${GPU}=1500`,
      { [GPU]: '1k' },
    ],
    [
      'that a container must heed',
      { cpu: '1' },
      [{ cpu: '1' }, {}],
      'failed quota: q: must specify cpu for: main',
      { cpu: '1' },
    ],
  ])('%s refuses what would be too much, and only that', async (_what, hard, [first, second], words, charged) => {
    const namespace = await namespaceWith(hard);
    expect((await create(namespace, 'fits', first)).status).toBe(201);
    expect(await used(namespace)).toEqual(charged);
    const refused = await create(namespace, 'over', second);
    expect(refused.status).toBe(403);
    expect(textAt(refused.body, 'message')).toContain(`pods "over" is forbidden: `);
    expect(textAt(refused.body, 'message')).toContain(words);
    expect(await used(namespace)).toEqual(charged);
  });

  it('is free again when its pod is gone', async () => {
    const namespace = await namespaceWith({ pods: '1' });
    await create(namespace, 'one');
    await client.must('DELETE', `/api/v1/namespaces/${namespace}/pods/one?gracePeriodSeconds=0`);
    await expect.poll(() => used(namespace)).toEqual({ pods: '0' });
    expect((await create(namespace, 'two')).status).toBe(201);
  });

  it('charges nothing for a dry run', async () => {
    const namespace = await namespaceWith({ pods: '1' });
    const path = `/api/v1/namespaces/${namespace}/pods?dryRun=All`;
    await client.must('POST', path, {
      metadata: { name: 'dry' },
      spec: { containers: [{ name: 'main', image: 'x' }] },
    });
    expect(await used(namespace)).toEqual({ pods: '0' });
  });
});
