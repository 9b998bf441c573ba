import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { Client, condition } from '../../../test/contract/client.ts';
import { nodeClock } from '../../kube/node-adapter.ts';
import type { Clock } from '../../kube/ports.ts';
import { Api } from '../api/api.ts';
import { inProcess } from '../api/in-process.ts';
import { arrayAt, type JsonObject, type KubeObject, numberAt, objectAt, textAt } from '../api/object.ts';
import { startNodeLifecycle } from '../controllers/node-lifecycle.ts';
import { startPodGc } from '../controllers/pod-gc.ts';
import { seededRng } from '../seeded-rng.ts';
import { Kubelet } from './kubelet.ts';
import { EXIT_CODE, IMAGE_FAILURES, KUBELET, REFUSE, RUN_SECONDS, STOP_SECONDS } from './settings.ts';

/** Everything here lives so many times faster. */
const SPEED = 100;
const since = nodeClock.now();
const fast: Clock = {
  now: () => since + (nodeClock.now() - since) * SPEED,
  monotonic: () => nodeClock.monotonic() * SPEED,
  after: (ms, run) => nodeClock.after(ms / SPEED, run),
};
const PODS = '/api/v1/namespaces/default/pods';
const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function machine(heartbeats = false) {
  const api = new Api({ clock: fast, newUid: randomUUID });
  const transport = inProcess(api);
  const client = new Client(transport);
  const ports = { transport, clock: fast, rng: seededRng(1) };
  await client.must('POST', '/api/v1/nodes', {
    metadata: { name: 'n1' },
    status: { conditions: [{ type: 'Ready', status: 'True' }] },
  });
  const kubelet = new Kubelet({ ...ports, startMs: 5, heartbeats });
  await kubelet.start();
  stops.push(() => kubelet.stop());
  /** every status that a pod had, as the watch told it */
  const told: KubeObject[] = [];
  const watch = await client.watch(`${PODS}?watch=true`);
  void watch
    .until((event) => {
      told.push(event.object);
      return false;
    })
    .catch(() => {});
  stops.push(async () => watch.abort());
  const place = async (name: string, annotations: JsonObject, spec: JsonObject = {}): Promise<void> => {
    const made = await client.must('POST', PODS, {
      metadata: { name, annotations },
      spec: { containers: [{ name: 'main', image: 'registry.example/main:1' }], ...spec },
    });
    await client.must('POST', `${PODS}/${name}/binding`, {
      metadata: { name, uid: made.metadata.uid },
      target: { kind: 'Node', name: 'n1' },
    });
  };
  return { client, ports, told, place };
}

async function eventually<T>(what: string, read: () => Promise<T | null | false | undefined>): Promise<T> {
  const until = performance.now() + 8_000;
  for (;;) {
    const value = await read();
    if (value) return value;
    if (performance.now() > until) throw new Error(`it did not happen within 8 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const containerOf = (pod: KubeObject, list = 'containerStatuses'): JsonObject =>
  arrayAt(pod.status, list)[0] as JsonObject;
/** `waiting:CrashLoopBackOff`, `running`, `terminated:1` */
function stateOf(status: JsonObject | undefined): string {
  const state = objectAt(status, 'state');
  const [kind = ''] = Object.keys(state);
  const inner = objectAt(state, kind);
  return kind === 'waiting'
    ? `waiting:${textAt(inner, 'reason')}`
    : kind === 'terminated'
      ? `terminated:${numberAt(inner, 'exitCode')}`
      : kind;
}
const phase = (client: Client, name: string, wanted: string) =>
  eventually(`${name} is ${wanted}`, async () => {
    const { body } = await client.get(`${PODS}/${name}`);
    return body.status?.phase === wanted ? body : null;
  });

describe('a container that ends', () => {
  it.each<[string, string, string, string]>([
    ['Never', '0', 'Succeeded', 'terminated:0'],
    ['Never', '3', 'Failed', 'terminated:3'],
    ['OnFailure', '0', 'Succeeded', 'terminated:0'],
    ['OnFailure', '1,1,0', 'Succeeded', 'terminated:0'],
  ])('with restartPolicy %s and exit codes %s leaves its pod %s', async (restartPolicy, codes, wanted, state) => {
    const { client, place } = await machine();
    await place('one', { [RUN_SECONDS]: '1', [EXIT_CODE]: codes }, { restartPolicy });
    const pod = await phase(client, 'one', wanted);
    expect(stateOf(containerOf(pod))).toBe(state);
    expect(containerOf(pod).restartCount).toBe(codes === '1,1,0' ? 2 : 0);
    expect(condition(pod, 'Ready')).toMatchObject({
      status: 'False',
      reason: wanted === 'Failed' ? 'PodFailed' : 'PodCompleted',
    });
  });

  it('restarts at once the first time, then after 10, 20 and 40 s', async () => {
    const { told, place } = await machine();
    await place('one', { [RUN_SECONDS]: '1', [EXIT_CODE]: '1' });
    await eventually('four restarts', async () =>
      told.some((pod) => (numberAt(containerOf(pod), 'restartCount') ?? 0) >= 4),
    );
    const starts = new Map<number, number>();
    for (const pod of told) {
      const status = containerOf(pod);
      if (stateOf(status) !== 'running') continue;
      const at = Date.parse(textAt(objectAt(objectAt(status, 'state'), 'running'), 'startedAt'));
      starts.set(numberAt(status, 'restartCount') ?? 0, at / 1000);
    }
    const gaps = [1, 2, 3, 4].map((restart) => starts.get(restart)! - starts.get(restart - 1)!);
    for (const [at, least] of [1, 11, 21, 41].entries()) expect(Math.abs(gaps[at]! - least)).toBeLessThanOrEqual(4);
    const loop = told.find((pod) => stateOf(containerOf(pod)) === 'waiting:CrashLoopBackOff')!;
    expect(textAt(objectAt(objectAt(containerOf(loop), 'state'), 'waiting'), 'message')).toMatch(
      /^back-off 10s restarting failed container=main pod=one_default\(/,
    );
    expect(objectAt(objectAt(containerOf(loop), 'lastState'), 'terminated')).toMatchObject({
      exitCode: 1,
      reason: 'Error',
    });
    expect(loop.status?.phase).toBe('Running');
    expect(condition(loop, 'ContainersReady')).toMatchObject({ status: 'False', reason: 'ContainersNotReady' });
  });
});

describe('a pod that starts', () => {
  it('has the status of a real one', async () => {
    const { client, place } = await machine();
    await place('one', {});
    const pod = await phase(client, 'one', 'Running');
    expect(containerOf(pod)).toMatchObject({
      name: 'main',
      ready: true,
      started: true,
      restartCount: 0,
      image: 'registry.example/main:1',
      imageID: expect.stringMatching(/^registry.example\/main:1@sha256:[0-9a-f]{64}$/),
      containerID: expect.stringMatching(/^containerd:\/\/[0-9a-f]{64}$/),
      state: { running: { startedAt: expect.any(String) } },
    });
    expect(textAt(pod.status, 'podIP')).toMatch(/^10\.\d+\.\d+\.\d+$/);
    expect(
      ['Initialized', 'PodReadyToStartContainers', 'ContainersReady', 'Ready', 'PodScheduled'].map(
        (type) => condition(pod, type).status,
      ),
    ).toEqual(Array.from({ length: 5 }, () => 'True'));
  });

  it('runs its init containers one after the other, and its sidecar beside the main one', async () => {
    const { client, told, place } = await machine();
    await place(
      'one',
      { [`${RUN_SECONDS}.first`]: '5', [`${RUN_SECONDS}.third`]: '5' },
      {
        initContainers: [
          { name: 'first', image: 'x' },
          { name: 'beside', image: 'x', restartPolicy: 'Always' },
          { name: 'third', image: 'x' },
        ],
      },
    );
    await phase(client, 'one', 'Running');
    const seen = told
      .map((pod) =>
        [...arrayAt(pod.status, 'initContainerStatuses'), ...arrayAt(pod.status, 'containerStatuses')]
          .map((one) => stateOf(one as JsonObject))
          .join(' '),
      )
      .filter((line, at, all) => line !== '' && line !== all[at - 1]);
    expect(seen).toEqual([
      'running waiting:PodInitializing waiting:PodInitializing waiting:ContainerCreating',
      'terminated:0 running running waiting:ContainerCreating',
      'terminated:0 running terminated:0 running',
    ]);
  });

  it('fails with an init container that fails, where nothing restarts', async () => {
    const { client, place } = await machine();
    await place(
      'one',
      { [`${EXIT_CODE}.first`]: '2' },
      { restartPolicy: 'Never', initContainers: [{ name: 'first', image: 'x' }] },
    );
    const pod = await phase(client, 'one', 'Failed');
    expect(stateOf(containerOf(pod, 'initContainerStatuses'))).toBe('terminated:2');
    expect(stateOf(containerOf(pod))).toMatch(/^waiting/);
  });

  it('waits for an image that cannot be pulled, and goes on when it can', async () => {
    const { client, told, place } = await machine();
    await place('one', { [IMAGE_FAILURES]: '2' });
    await phase(client, 'one', 'Running');
    const seen = told
      .map((pod) => stateOf(containerOf(pod)))
      .filter((state, at, all) => state !== '' && state !== all[at - 1]);
    expect(seen).toEqual([
      'waiting:ErrImagePull',
      'waiting:ImagePullBackOff',
      'waiting:ErrImagePull',
      'waiting:ImagePullBackOff',
      'running',
    ]);
    expect(
      told
        .filter((pod) => stateOf(containerOf(pod)).startsWith('waiting:'))
        .every((pod) => pod.status?.phase === 'Pending'),
    ).toBe(true);
  });

  it.each(['OutOfcpu', 'UnexpectedAdmissionError'])('is refused by its node with %s', async (reason) => {
    const { client, place } = await machine();
    await place('one', { [REFUSE]: reason });
    expect((await phase(client, 'one', 'Failed')).status).toMatchObject({
      reason,
      message: expect.stringContaining(reason),
    });
  });
});

describe('a node', () => {
  const node = async (client: Client): Promise<KubeObject> => (await client.get('/api/v1/nodes/n1')).body;
  const taints = (object: KubeObject): string[] =>
    arrayAt(object.spec, 'taints').map((one) => `${textAt(one, 'key')}:${textAt(one, 'effect')}`);

  it('whose kubelet falls silent turns Unknown, is tainted, and its pods are sent off; it comes back', async () => {
    const { client, ports, place } = await machine(true);
    const lifecycle = await startNodeLifecycle(ports);
    stops.push(() => lifecycle.stop());
    await place('patient', {}, { terminationGracePeriodSeconds: 5 });
    const always = { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute' };
    await place('stays', {}, { tolerations: [always] });
    await eventually(
      'it has a lease',
      async () =>
        (await client.get('/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1')).status === 200,
    );
    await client.strategic('/api/v1/nodes/n1', { metadata: { annotations: { [KUBELET]: 'down' } } });
    const silent = await eventually('it is tainted', async () => {
      const found = await node(client);
      return taints(found).length === 2 ? found : null;
    });
    expect(condition(silent, 'Ready')).toMatchObject({ status: 'Unknown', reason: 'NodeStatusUnknown' });
    expect(taints(silent)).toEqual([
      'node.kubernetes.io/unreachable:NoSchedule',
      'node.kubernetes.io/unreachable:NoExecute',
    ]);
    await eventually(
      'its pod is to go',
      async () => (await client.get(`${PODS}/patient`)).body.metadata.deletionTimestamp !== undefined,
    );
    expect((await client.get(`${PODS}/stays`)).body.metadata.deletionTimestamp).toBeUndefined();
    await client.strategic('/api/v1/nodes/n1', { metadata: { annotations: { [KUBELET]: null } } });
    await eventually('it is ready, and the pod that had to go is gone', async () => {
      const found = await node(client);
      return (
        taints(found).length === 0 &&
        condition(found, 'Ready').status === 'True' &&
        (await client.get(`${PODS}/patient`)).status === 404
      );
    });
  });

  it('that vanished loses its pods after a while', async () => {
    const { client, ports, place } = await machine();
    const gc = await startPodGc(ports);
    stops.push(() => gc.stop());
    await place('one', { [STOP_SECONDS]: '0' });
    await phase(client, 'one', 'Running');
    await client.must('DELETE', '/api/v1/nodes/n1');
    await eventually('the pod is gone', async () => (await client.get(`${PODS}/one`)).status === 404);
  });
});
