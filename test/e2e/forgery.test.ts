/**
 * A user who may do everything with pods tries to give himself devices while all of Muster runs: refused. And a pod that was made
 * while the webhook was away gets nothing. (guard.test.ts: the same attempts while no process of Muster exists.)
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { allowEverythingWithPods, forgeriesFail } from './harness/forgeries.ts';
import type { Kube } from './harness/kube.ts';
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

describe('refused while everything runs:', () => forgeriesFail(() => mallory));

test('a pod that was created while the webhook was away gets no device afterwards, and says why', async () => {
  await stand.muster.process.killHard();
  await mallory.create(fraction('unprepared', '0.5'));
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
