/**
 * A user who may do everything with pods tries to give himself devices while all of Muster runs: refused. And a pod that was made
 * while the webhook was away gets nothing. (guard.test.ts: the same attempts while no process of Muster exists.)
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { placeOf } from './harness/claims.ts';
import { allowEverythingWithPods, forgeriesFail } from './harness/forgeries.ts';
import { type Answer, type EnvVar, type Kube, messageOf, type Pod, podPath } from './harness/kube.ts';
import { devicesOf } from './harness/nodes.ts';
import { fraction } from './harness/pods.ts';
import { account, Stand } from './harness/stand.ts';
import { waitFor } from './harness/wait.ts';

let stand: Stand;
let mallory: Kube;

beforeAll(async () => {
  stand = await Stand.start({
    nodes: [{ name: 'n1', source: 'gfd', devices: devicesOf(2, 'NVIDIA-A100', 40960) }],
    plane: { users: { mallory: [] } },
  });
  await allowEverythingWithPods(stand.admin, ['mallory']);
  mallory = stand.plane.as('mallory');
  const create = async () => await mallory.create(fraction('victim', '0.5'));
  await waitFor(create, { for: 'the rights of the user to be in force' });
  await stand.bound(['victim']);
});

afterAll(async () => await stand?.stop());

const ownDevices: EnvVar = {
  name: 'NVIDIA_VISIBLE_DEVICES',
  valueFrom: { fieldRef: { fieldPath: "metadata.annotations['muster.dev/visible-devices.c0']" } },
};

/** what `kubectl debug` does to the pod `victim` */
async function tryDebug(name: string, env?: EnvVar[]): Promise<Answer> {
  const ephemeralContainers = [{ name, image: 'none', ...(env && { env }) }];
  return await mallory.tryPatch(`${podPath('default', 'victim')}/ephemeralcontainers`, 'strategic', {
    spec: { ephemeralContainers },
  });
}

async function debug(name: string, env?: EnvVar[]): Promise<void> {
  const answer = await tryDebug(name, env);
  expect(answer.status, messageOf(answer.body)).toBe(200);
}

type Ephemeral = { spec: { ephemeralContainers?: { name: string; env?: EnvVar[] }[] } };
const envOf = (pod: Pod, name: string): EnvVar[] | undefined =>
  (pod as unknown as Ephemeral).spec.ephemeralContainers?.find((each) => each.name === name)?.env;
const conditionText = (pod: Pod): string => pod.status?.conditions?.map(({ message }) => message ?? '').join() ?? '';

describe('refused while everything runs:', () => forgeriesFail(() => mallory));

describe('a container that is added to a running pod', () => {
  test('sees no device when it says nothing, nor when it asks for all', async () => {
    await debug('silent');
    await debug('greedy', [{ name: 'NVIDIA_VISIBLE_DEVICES', value: 'all' }]);
    const victim = await stand.admin.pod('victim');
    for (const name of ['silent', 'greedy']) {
      expect(envOf(victim, name)).toEqual([{ name: 'NVIDIA_VISIBLE_DEVICES', value: 'void' }]);
    }
  });

  test('may see the devices of the pod itself', async () => {
    await debug('own', [ownDevices]);
    expect(envOf(await stand.admin.pod('victim'), 'own')).toMatchObject([ownDevices]);
  });
});

test('a user who binds a pod of ours to a node himself takes the node out of use, is named for it, and the node comes back', async () => {
  const stolen = await mallory.create(
    fraction('stolen', '0.9', { spec: { nodeSelector: { 'kubernetes.io/hostname': 'nowhere' } } }),
  );
  expect((await mallory.bind(stolen, 'n1')).status).toBe(201);
  const told = async () =>
    (await stand.muster.get('/readyz?verbose')).text.includes('use-unknown: node n1: pod default/stolen');
  await waitFor(told, { for: 'the extender to say who uses the node', onTimeout: () => stand.logs() });
  await mallory.create(fraction('behind', '0.1'));
  const waiting = await stand.admin.waitForPod('behind', (each) => conditionText(each).includes('without a claim'), {
    for: 'the reason',
    onTimeout: () => stand.logs(),
  });
  expect(waiting.spec.nodeName).toBeUndefined();
  await mallory.remove(podPath('default', 'stolen'), 0);
  await stand.bound(['behind']);
});

test('a node whose label is taken away gets nothing more, and holds what it held when the label is back', async () => {
  const label = async (value: string | null) =>
    await stand.admin.patch('/api/v1/nodes/n1', 'merge', { metadata: { labels: { 'muster.dev/managed': value } } });
  await label(null);
  await mallory.create(fraction('later', '0.9'));
  await stand.admin.waitForPod('later', (each) => conditionText(each) !== '', { for: 'a verdict' });
  await label('true');
  const pods = await stand.bound(['later']);
  expect(placeOf(pods.get('later')!)).not.toBe(placeOf(pods.get('victim')!));
  expect(stand.audit.report().violations).toEqual([]);
});

test('a pod that was created while the webhook was away gets no device afterwards, and says why', async () => {
  await stand.muster.process.killHard();
  await mallory.create(fraction('unprepared', '0.5'));
  const unseen = await tryDebug('unseen');
  expect(unseen.status, messageOf(unseen.body)).toBe(403);
  expect(messageOf(unseen.body)).toMatch(/unseen; set env NVIDIA_VISIBLE_DEVICES to void/);
  await stand.muster.killAndRestart();
  await stand.muster.ready();
  const waiting = await stand.admin.waitForPod(
    'unprepared',
    (each) => each.status?.conditions?.some(({ message }) => message?.includes('webhook')) ?? false,
    { for: 'the reason', timeoutMs: 60_000, onTimeout: () => stand.logs() },
  );
  expect(waiting.spec.nodeName).toBeUndefined();
});

describe('the service account of Muster', () => {
  test.for([
    ['create', '', 'pods'],
    ['update', '', 'pods'],
    ['delete', '', 'nodes'],
    ['update', '', 'nodes'],
    ['list', '', 'secrets'],
    ['create', '', 'serviceaccounts/token'],
    ['get', '', 'configmaps'],
    ['create', 'rbac.authorization.k8s.io', 'clusterrolebindings'],
    ['delete', 'admissionregistration.k8s.io', 'validatingadmissionpolicies'],
    ['impersonate', '', 'users'],
    ['*', '*', '*'],
  ] as const)('may not %s in the group "%s" the resource %s everywhere', async ([verb, group, resource]) => {
    const [name, subresource] = resource.split('/');
    const review = await stand.plane
      .as(account)
      .expect<{ status: { allowed: boolean } }>('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SelfSubjectAccessReview',
        spec: { resourceAttributes: { verb, group, resource: name, ...(subresource ? { subresource } : {}) } },
      });
    expect(review.status.allowed).toBe(false);
  });
});
