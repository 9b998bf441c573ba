/** The guard policy from deploy/, unchanged, on the embedded API: the same attempts of forgery as on a real one, refused in the same words. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { manifests } from '../../e2e/harness/deploy.ts';
import { allowEverythingWithPods, claim, forgeriesFail } from '../../e2e/harness/forgeries.ts';
import { Kube, messageOf, podPath } from '../../e2e/harness/kube.ts';
import { pod } from '../../e2e/harness/pods.ts';
import { type SecuredApi, securedApi } from '../../kit/secured-api.ts';

const account = 'system:serviceaccount:muster-system:muster-extender';
const other = 'system:serviceaccount:muster-system:other';

let secured: SecuredApi;
const clients = new Map<string, Kube>();
const as = (user: string) => clients.get(user)!;

beforeAll(async () => {
  secured = await securedApi({ mallory: [], [account]: [], [other]: [] });
  for (const user of ['admin', 'mallory', account, other]) {
    clients.set(user, new Kube({ url: secured.url, ca: secured.authority.certificate, token: secured.token(user) }));
  }
  await allowEverythingWithPods(as('admin'), ['mallory', account, other]);
  for (const object of manifests().filter(({ kind }) => kind.startsWith('ValidatingAdmissionPolicy')))
    await as('admin').apply(object);
  const victim = await as('mallory').create(pod('victim', { schedulerName: 'nobody' }));
  const bound = await as(account).bind(victim, 'n1', { annotations: { 'muster.dev/claim': '{"containers":[]}' } });
  expect(bound.status, messageOf(bound.body)).toBe(201);
});
afterAll(async () => {
  for (const client of clients.values()) await client.close();
  await secured?.close();
});

describe('refused by the policy alone:', () => forgeriesFail(() => as('mallory')));

test.each([
  [
    'set',
    { 'muster.dev/claim': claim },
    "pods \"victim\" is forbidden: ValidatingAdmissionPolicy 'muster-guard' with binding 'muster-guard' denied request: annotations written by system:serviceaccount:muster-system:muster-extender only must not be set or changed by others: muster.dev/claim",
  ],
  [
    'removed',
    { 'muster.dev/claim': null },
    "pods \"victim\" is forbidden: ValidatingAdmissionPolicy 'muster-guard' with binding 'muster-guard' denied request: annotations written by system:serviceaccount:muster-system:muster-extender only must not be removed by others: muster.dev/claim",
  ],
])('the refusal of a claim %s, word for word', async (_what, annotations, message) => {
  for (const user of ['mallory', 'admin', other]) {
    const answer = await as(user).tryPatch(podPath('default', 'victim'), 'merge', { metadata: { annotations } });
    expect(answer).toMatchObject({ status: 403, body: { reason: 'Forbidden', message } });
  }
});

describe('a container added to a pod that the webhook had prepared', () => {
  const visible = 'NVIDIA_VISIBLE_DEVICES';
  const own = (annotation: string) => ({
    name: visible,
    valueFrom: { fieldRef: { fieldPath: `metadata.annotations['${annotation}']` } },
  });
  let added = 0;
  const add = async (fields: object) =>
    await as('mallory').tryPatch(`${podPath('default', 'prepared')}/ephemeralcontainers`, 'strategic', {
      spec: { ephemeralContainers: [{ name: `d-${++added}`, image: 'none', ...fields }] },
    });
  beforeAll(async () => {
    const containers = [{ name: 'main', image: 'none', env: [own('muster.dev/visible-devices.c0')] }];
    await as('mallory').create(pod('prepared', { schedulerName: 'nobody', spec: { containers } }));
  });

  test.each([
    ['says nothing', {}, 403],
    ['wants all', { env: [{ name: visible, value: 'all' }] }, 403],
    ['takes them from an annotation of users', { env: [own('example.com/devices')] }, 403],
    ['wants none', { env: [{ name: visible, value: 'void' }] }, 200],
    ['wants the devices of the pod', { env: [own('muster.dev/visible-devices.c0')] }, 200],
  ])('and %s', async (_what, fields, code) => {
    const answer = await add(fields);
    expect(answer.status, messageOf(answer.body)).toBe(code);
    if (code === 403) expect(messageOf(answer.body)).toContain(`d-${added}; set env ${visible} to void`);
  });
});

test('the account of Muster writes a plan into a status, and takes it away', async () => {
  await as('mallory').create(pod('planned', { schedulerName: 'nobody' }));
  for (const plan of ['{"node":"n1"}', null]) {
    const answer = await as(account).tryPatch(`${podPath('default', 'planned')}/status`, 'strategic', {
      metadata: { annotations: { 'muster.dev/plan': plan } },
    });
    expect(answer.status, messageOf(answer.body)).toBe(200);
  }
});
