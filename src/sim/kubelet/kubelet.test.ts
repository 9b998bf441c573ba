import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { Client } from '../../../test/contract/client.ts';
import { nodeClock } from '../../kube/node-adapter.ts';
import { Api } from '../api/api.ts';
import { inProcess } from '../api/in-process.ts';
import type { JsonObject } from '../api/object.ts';
import type { ContainerView } from '../container-view.ts';
import { seededRng } from '../seeded-rng.ts';
import { Kubelet } from './kubelet.ts';
import { RUN_SECONDS, STOP_SECONDS } from './settings.ts';

const PODS = '/api/v1/namespaces/default/pods';
const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function node() {
  const transport = inProcess(new Api({ clock: nodeClock, newUid: randomUUID }));
  const client = new Client(transport);
  const views = new Map<string, readonly ContainerView[]>();
  const kubelet = new Kubelet({
    transport,
    clock: nodeClock,
    rng: seededRng(1),
    startMs: 5,
    onStart: (pod, containers) => views.set(pod.metadata.name, containers),
  });
  cleanups.push(async () => {
    await kubelet.stop();
    await client.close();
  });
  await kubelet.start();
  return { client, views };
}

async function place(
  client: Client,
  name: string,
  pod: { annotations?: JsonObject; spec?: JsonObject },
  claim: JsonObject = {},
) {
  const containers = [{ name: 'main', image: 'x' }];
  const made = await client.must('POST', PODS, {
    metadata: { name, annotations: pod.annotations ?? {} },
    spec: { containers, ...pod.spec },
  });
  const binding = {
    metadata: { name, uid: made.metadata.uid, annotations: claim },
    target: { kind: 'Node', name: 'n1' },
  };
  await client.must('POST', `${PODS}/${name}/binding`, binding);
}

async function phase(client: Client, name: string, wanted: string) {
  for (let attempt = 0; attempt < 300; attempt += 1) {
    const { status, body } = await client.get(`${PODS}/${name}`);
    if ((status === 404 ? 'gone' : body.status?.phase) === wanted) return body;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`pod ${name} did not become ${wanted} within 3 s`);
}

const fieldRef = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } });

describe('the kubelet model', () => {
  it('starts a bound pod, lets it run for its time, and ends it as succeeded', async () => {
    const { client } = await node();
    await place(client, 'one', { annotations: { [RUN_SECONDS]: '1' }, spec: { restartPolicy: 'Never' } });
    const running = await phase(client, 'one', 'Running');
    expect(running.status?.conditions).toContainEqual(expect.objectContaining({ type: 'Ready', status: 'True' }));
    expect(running.status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'PodScheduled', status: 'True' }),
    );
    await phase(client, 'one', 'Succeeded');
  });

  it('shows each container what the Binding wrote', async () => {
    const { client, views } = await node();
    const spec = {
      initContainers: [{ name: 'prepare', image: 'x', env: [{ name: 'NVIDIA_VISIBLE_DEVICES', value: 'void' }] }],
      containers: [
        {
          name: 'main',
          image: 'x',
          env: [
            fieldRef('NVIDIA_VISIBLE_DEVICES', "metadata.annotations['muster.dev/visible-devices.c0']"),
            fieldRef('NODE', 'spec.nodeName'),
          ],
        },
      ],
    };
    await place(client, 'one', { spec }, { 'muster.dev/visible-devices.c0': 'GPU-1,GPU-2' });
    await phase(client, 'one', 'Running');
    expect(views.get('one')?.map(({ name, init, env }) => ({ name, init, env }))).toEqual([
      { name: 'prepare', init: true, env: { NVIDIA_VISIBLE_DEVICES: 'void' } },
      { name: 'main', init: false, env: { NVIDIA_VISIBLE_DEVICES: 'GPU-1,GPU-2', NODE: 'n1' } },
    ]);
  });

  it.each([
    [
      'devices come from an annotation that is not there',
      fieldRef('NVIDIA_VISIBLE_DEVICES', "metadata.annotations['muster.dev/visible-devices.c0']"),
    ],
    ['env takes a field that does not exist', fieldRef('COLOUR', 'spec.colour')],
  ])('fails a pod whose %s', async (_what, variable) => {
    const { client } = await node();
    await place(client, 'one', { spec: { containers: [{ name: 'main', image: 'x', env: [variable] }] } });
    const failed = await phase(client, 'one', 'Failed');
    expect(failed.status).toMatchObject({ reason: 'EnvUnresolved', message: `main: ${variable.name}` });
  });

  it('resolves any other missing annotation to an empty text', async () => {
    const { client, views } = await node();
    const env = [fieldRef('CUDA_DEVICE_MEMORY_LIMIT_0', "metadata.annotations['muster.dev/gpu-memory-limit.c0']")];
    await place(client, 'one', { spec: { containers: [{ name: 'main', image: 'x', env }] } });
    await phase(client, 'one', 'Running');
    expect(views.get('one')?.[0]?.env).toEqual({ CUDA_DEVICE_MEMORY_LIMIT_0: '' });
  });

  it.each([
    ['its grace', { terminationGracePeriodSeconds: 1 }, {}],
    ['the time it needs to stop, if that is shorter', { terminationGracePeriodSeconds: 30 }, { [STOP_SECONDS]: '1' }],
  ])('a deleted pod is there until %s is over', async (_what, spec, annotations) => {
    const { client } = await node();
    await place(client, 'one', { spec, annotations });
    await phase(client, 'one', 'Running');
    const before = performance.now();
    await client.must('DELETE', `${PODS}/one`);
    expect((await client.get(`${PODS}/one`)).body.metadata.deletionTimestamp).toBeDefined();
    await phase(client, 'one', 'gone');
    expect(performance.now() - before).toBeGreaterThan(900);
  });
});
