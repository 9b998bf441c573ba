/** The witness itself: a watcher that never complains proves nothing. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Audit } from './harness/audit.ts';
import { ControlPlane } from './harness/control-plane.ts';
import { podPath } from './harness/kube.ts';
import { createNode, devicesOf, uuidOf } from './harness/nodes.ts';
import { pod } from './harness/pods.ts';

let plane: ControlPlane;

beforeAll(async () => {
  plane = await ControlPlane.start();
  await createNode(plane.admin, { name: 'labels', source: 'gfd', devices: devicesOf(2, 'NVIDIA A100', 40960) });
  await createNode(plane.admin, { name: 'slices', source: 'slices', devices: devicesOf(2, 'NVIDIA L4', 23034) });
  await createNode(plane.admin, { name: 'agent', source: 'annotation', devices: devicesOf(1, 'NVIDIA T4', 15360) });
});

afterAll(async () => await plane?.stop());

type Share = { uuid?: string; index: number; mib: number; milli: number };

let count = 0;
async function bound(node: string, shares: Record<string, Share>, sidecars: readonly string[] = []): Promise<string> {
  count += 1;
  const created = await plane.admin.create(pod(`p${count}`, { schedulerName: 'nobody' }));
  const containers = Object.entries(shares).map(([slot, share]) => ({
    name: slot,
    slot,
    sidecar: sidecars.includes(slot),
    devices: [{ uuid: null, ...share }],
  }));
  const answer = await plane.admin.bind(created, node, {
    annotations: { 'muster.dev/claim': JSON.stringify({ containers }) },
  });
  expect(answer.status).toBe(201);
  return created.metadata.name;
}

const uuid = uuidOf('slices', 1);

test('a full device, an ended pod that made room, and init containers that run before the others are no violation', async () => {
  const audit = await Audit.start(plane.admin);
  await bound('labels', { c0: { index: 0, mib: 20480, milli: 500 }, c1: { index: 0, mib: 20480, milli: 500 } });
  await bound('slices', {
    i0: { uuid, index: 1, mib: 23034, milli: 1000 },
    c0: { uuid, index: 1, mib: 23034, milli: 1000 },
  });
  const ended = await bound('agent', { c0: { index: 0, mib: 15360, milli: 1000 } });
  await plane.admin.patch(`${podPath('default', ended)}/status`, 'strategic', { status: { phase: 'Succeeded' } });
  const gone = await bound('agent', { c0: { index: 0, mib: 15360, milli: 1000 } });
  await plane.admin.remove(podPath('default', gone), 0);
  await bound('agent', { c0: { index: 0, mib: 15360, milli: 1000 } });
  expect(await audit.stop()).toMatchObject({
    violations: [],
    gaps: 0,
    claimed: 5,
    peakMilli: 1000,
    peakMemoryMilli: 1000,
  });
});

test.for([
  ['memory over 100 %', 'memory', 'labels', { c0: { index: 0, mib: 1, milli: 0 } }, []],
  ['compute over 1000 milli', 'compute', 'labels', { c0: { index: 0, mib: 0, milli: 1 } }, []],
  ['a device index that the node lacks', 'no-device', 'labels', { c0: { index: 2, mib: 1, milli: 1 } }, []],
  [
    'a device uuid that the node lacks',
    'no-device',
    'slices',
    { c0: { uuid: 'GPU-other', index: 0, mib: 1, milli: 1 } },
    [],
  ],
  [
    'a sidecar that does not end before the app container starts',
    'compute',
    'slices',
    {
      i0: { uuid: uuidOf('slices', 0), index: 0, mib: 1, milli: 600 },
      c0: { uuid: uuidOf('slices', 0), index: 0, mib: 1, milli: 600 },
    },
    ['i0'],
  ],
] as const)('%s is seen', async ([_, kind, node, shares, sidecars]) => {
  const audit = await Audit.start(plane.admin);
  const name = await bound(node, shares, sidecars);
  const { violations } = await audit.stop();
  expect(violations.map((each) => [each.kind, each.node])).toContainEqual([kind, node]);
  await plane.admin.remove(podPath('default', name), 0);
});

test('a claim that changes or disappears after the pod was bound is seen', async () => {
  const audit = await Audit.start(plane.admin);
  const name = await bound('labels', { c0: { index: 1, mib: 1, milli: 1 } });
  const path = podPath('default', name);
  await plane.admin.patch(path, 'merge', { metadata: { annotations: { 'muster.dev/claim': '{"containers":[]}' } } });
  await plane.admin.patch(path, 'merge', { metadata: { annotations: { 'muster.dev/claim': null } } });
  const { violations } = await audit.stop();
  expect(violations.map((each) => each.kind)).toEqual(['claim-changed', 'claim-changed']);
});

test('a pod that is terminating still counts until it is gone', async () => {
  const audit = await Audit.start(plane.admin);
  const created = await plane.admin.create(
    pod('slow', { schedulerName: 'nobody', spec: { terminationGracePeriodSeconds: 30 } }),
  );
  const containers = [{ name: 'main', slot: 'c0', devices: [{ uuid: null, index: 1, mib: 1, milli: 1000 }] }];
  await plane.admin.bind(created, 'labels', { annotations: { 'muster.dev/claim': JSON.stringify({ containers }) } });
  await plane.admin.remove(podPath('default', 'slow'));
  await bound('labels', { c0: { index: 1, mib: 1, milli: 1 } });
  const { violations } = await audit.stop();
  expect(violations.map((each) => each.kind)).toEqual(['compute']);
});
