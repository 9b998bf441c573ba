import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Client } from '../../../test/contract/client.ts';
import { nodeClock, nodeRng } from '../../kube/node-adapter.ts';
import type { Transport } from '../../kube/ports.ts';
import { Api } from '../../sim/api/api.ts';
import { inProcess } from '../../sim/api/in-process.ts';
import { cordon, drain } from './drain.ts';
import type { PodFacts } from './events.ts';
import { Watch } from './watch.ts';

const PODS = '/api/v1/namespaces/default/pods';
const CLAIM = JSON.stringify({
  containers: [
    { name: 'main', slot: 'c0', sidecar: false, devices: [{ uuid: 'GPU-0', index: 0, mib: 300, milli: 300 }] },
  ],
});

let transport: Transport;
let client: Client;
let watch: Watch;
let pods: PodFacts[];
let gone: string[];
let cordons: [string, boolean][];

beforeEach(async () => {
  transport = inProcess(new Api({ clock: nodeClock, newUid: randomUUID }));
  client = new Client(transport);
  await client.must('POST', '/api/v1/nodes', { metadata: { name: 'n1' }, spec: {} });
  [pods, gone, cordons] = [[], [], []];
  watch = new Watch({
    transport,
    clock: nodeClock,
    rng: nodeRng,
    onPod: (pod) => pods.push(pod),
    onPodGone: (uid) => gone.push(uid),
    onNode: (name, cordoned) => cordons.push([name, cordoned]),
  });
  await watch.start();
});
afterEach(async () => {
  await watch.stop();
  await client.close();
});

async function bind(name: string, annotations: Record<string, string> = {}, labels = {}): Promise<string> {
  const made = await client.must('POST', PODS, {
    metadata: { name, annotations, labels },
    spec: { containers: [{ name: 'main', image: 'x' }] },
  });
  const { uid } = made.metadata;
  await client.must('POST', `${PODS}/${name}/binding`, {
    metadata: { name, uid, annotations: { 'muster.dev/claim': CLAIM } },
    target: { kind: 'Node', name: 'n1' },
  });
  return uid;
}

describe('the watch', () => {
  it('tells what stands on pods, version by version, and that they are gone', async () => {
    const uid = await bind('chat-1', { 'muster.dev/gpu-fraction': '0.3' }, { team: 'chat' });
    await vi.waitFor(() => expect(pods.map((pod) => pod.node)).toEqual(['', 'n1']));
    expect(pods.at(-1)).toMatchObject({
      uid,
      name: 'chat-1',
      team: 'chat',
      ask: '0.3 GPU',
      claim: [{ uuid: 'GPU-0', index: 0, mib: 300, milli: 300 }],
    });
    await client.must('DELETE', `${PODS}/chat-1`, { gracePeriodSeconds: 0 });
    await vi.waitFor(() => expect(gone).toEqual([uid]));
  });

  it.each([
    [{ 'muster.dev/gpu-memory': '8Gi' }, '8Gi GPU'],
    [{ 'muster.dev/gpu-count': '1' }, '1 GPU'],
    [{ 'muster.dev/gpu-count': '4' }, '4 GPUs'],
    [{ 'muster.dev/gpu-count': '2', 'muster.dev/gpu-fraction': '0.4' }, '2 × 0.4 GPU'],
    [{}, 'no GPU'],
  ])('says what a pod with %o asks for: %s', async (annotations, ask) => {
    await bind('one', annotations);
    await vi.waitFor(() => expect(pods.at(-1)?.ask).toBe(ask));
  });

  it('sees a claim that is none, a reason, and a preemption', async () => {
    await client.must('POST', PODS, {
      metadata: { name: 'odd', annotations: { 'muster.dev/claim': '{' } },
      spec: { containers: [{ name: 'main', image: 'x' }] },
    });
    await client.strategic(`${PODS}/odd/status`, {
      status: {
        conditions: [
          { type: 'PodScheduled', status: 'False', message: '0/9 nodes are available: 9 GPU devices are full.' },
          { type: 'DisruptionTarget', status: 'True', reason: 'PreemptionByScheduler' },
        ],
      },
    });
    await vi.waitFor(() =>
      expect(pods.at(-1)).toMatchObject({ claim: 'is not JSON', reason: '9 GPU devices are full.', preempted: true }),
    );
  });
});

describe('a drain', () => {
  it('cordons the node and evicts its pods, and a cordon can be taken back', async () => {
    await bind('one');
    await bind('two');
    const drainer = { transport, clock: nodeClock };
    await drain(drainer, 'n1');
    await vi.waitFor(() => {
      expect(cordons.at(-1)).toEqual(['n1', true]);
      expect(new Set(pods.filter((pod) => pod.deleting).map((pod) => pod.name)).union(new Set(gone)).size).toBe(2);
    });
    await cordon(drainer, 'n1', false);
    await vi.waitFor(() => expect(cordons.at(-1)).toEqual(['n1', false]));
  });

  it('says what the server says when it refuses', async () => {
    await expect(drain({ transport, clock: nodeClock }, 'n9')).rejects.toThrow('nodes "n9" not found');
  });
});
