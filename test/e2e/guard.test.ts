/**
 * The guard policy alone, with no process of Muster anywhere: a user who may do everything with pods can't write what Muster
 * writes, and Muster's service account can.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ControlPlane } from './harness/control-plane.ts';
import { manifests } from './harness/deploy.ts';
import { allowEverythingWithPods, claim, forgeriesFail } from './harness/forgeries.ts';
import { type Kube, messageOf, podPath } from './harness/kube.ts';
import { createNode, devicesOf } from './harness/nodes.ts';
import { pod } from './harness/pods.ts';
import { account } from './harness/stand.ts';
import { waitFor } from './harness/wait.ts';

const other = 'system:serviceaccount:muster-system:other';

let plane: ControlPlane;
let mallory: Kube;
let muster: Kube;

beforeAll(async () => {
  plane = await ControlPlane.start({ users: { mallory: [] }, serviceAccounts: [account, 'muster-system/other'] });
  await allowEverythingWithPods(plane.admin, ['mallory', `system:serviceaccount:${account.replace('/', ':')}`, other]);
  for (const object of manifests().filter(({ kind }) => kind.startsWith('ValidatingAdmissionPolicy'))) {
    await plane.admin.apply(object);
  }
  mallory = plane.as('mallory');
  muster = plane.as(account);
  await createNode(plane.admin, { name: 'n1', source: 'gfd', devices: devicesOf(2, 'NVIDIA-A100', 40960) });
  await waitFor(
    async () => {
      const forged = pod('probe', { annotations: { 'muster.dev/claim': claim } });
      return (await mallory.call('POST', '/api/v1/namespaces/default/pods?dryRun=All', forged)).status !== 201;
    },
    { for: 'the policy to be in force' },
  );
  const victim = await mallory.create(pod('victim', { schedulerName: 'nobody' }));
  const bind = async (): Promise<boolean> =>
    (await muster.bind(victim, 'n1', { annotations: { 'muster.dev/claim': '{"containers":[]}' } })).status === 201;
  await waitFor(bind, { for: 'the rights of the service account to be in force' });
});

afterAll(async () => await plane?.stop());

describe('refused by the policy alone:', () => forgeriesFail(() => mallory));

describe('a container added to a running pod that the webhook had prepared', () => {
  const visible = 'NVIDIA_VISIBLE_DEVICES';
  const own = (annotation: string) => ({
    name: visible,
    valueFrom: { fieldRef: { fieldPath: `metadata.annotations['${annotation}']` } },
  });
  const add = async (name: string, fields: object) =>
    await mallory.tryPatch(`${podPath('default', name)}/ephemeralcontainers`, 'strategic', {
      spec: { ephemeralContainers: [{ name: `d-${++added}`, image: 'none', ...fields }] },
    });
  let added = 0;
  beforeAll(async () => {
    const containers = [
      { name: 'main', image: 'none', env: [own('muster.dev/visible-devices.c0')] },
      { name: 'side', image: 'none', env: [{ name: visible, value: 'void' }] },
    ];
    await mallory.create(pod('prepared', { schedulerName: 'nobody', spec: { containers } }));
  });

  test.for([
    ['says nothing', {}],
    ['wants all', { env: [{ name: visible, value: 'all' }] }],
    [
      'wants none, and then all',
      {
        env: [
          { name: visible, value: 'void' },
          { name: visible, value: 'all' },
        ],
      },
    ],
    ['takes them from an annotation that users write', { env: [own('example.com/devices')] }],
  ] as const)('and %s: refused, with what to do', async ([_, fields]) => {
    const answer = await add('prepared', fields);
    expect(answer.status, messageOf(answer.body)).toBe(403);
    expect(messageOf(answer.body)).toContain(`d-${added}; set env NVIDIA_VISIBLE_DEVICES to void`);
  });

  test.for([
    ['wants none', { env: [{ name: visible, value: 'void' }] }],
    ['wants the devices of the pod', { env: [own('muster.dev/visible-devices.c0')] }],
  ] as const)('and %s: allowed', async ([_, fields]) => {
    const answer = await add('prepared', fields);
    expect(answer.status, messageOf(answer.body)).toBe(200);
  });

  test('of a pod that was not prepared is not our business', async () => {
    const answer = await add('victim', {});
    expect(answer.status, messageOf(answer.body)).toBe(200);
  });
});

describe('by whom else', () => {
  test.for(['admin', other])('%s: refused as well', async (user) => {
    const answer = await plane.as(user).tryPatch(podPath('default', 'victim'), 'merge', {
      metadata: { annotations: { 'muster.dev/claim': '{}' } },
    });
    expect([403, 422]).toContain(answer.status);
  });

  test('the service account of Muster writes a plan into a status, and takes it away', async () => {
    const created = await mallory.create(pod('planned', { schedulerName: 'nobody' }));
    const status = `${podPath('default', created.metadata.name)}/status`;
    for (const plan of ['{"node":"n1"}', null]) {
      const answer = await muster.tryPatch(status, 'strategic', {
        metadata: { annotations: { 'muster.dev/plan': plan } },
      });
      expect(answer.status, messageOf(answer.body)).toBe(200);
    }
  });

  test('a kubelet may still patch the status of a pod that carries a claim, and anybody with the right may delete it', async () => {
    const running = { status: { phase: 'Running' } };
    expect((await plane.admin.tryPatch(`${podPath('default', 'victim')}/status`, 'strategic', running)).status).toBe(
      200,
    );
    await mallory.remove(podPath('default', 'victim'), 0);
  });
});
