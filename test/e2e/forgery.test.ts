/**
 * A user who may do everything with pods tries to give himself devices: every way to write what only Muster writes is refused by
 * the API server itself, with the webhook up and with every process of Muster dead.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, type Kube, messageOf, type Pod, podPath } from './harness/kube.ts';
import { devicesOf } from './harness/nodes.ts';
import { fraction, pod } from './harness/pods.ts';
import { account, Stand } from './harness/stand.ts';

let stand: Stand;
let mallory: Kube;
let victim: Pod;

const claim = JSON.stringify({
  containers: [{ name: 'main', slot: 'c0', devices: [{ uuid: null, index: 0, mib: 40960, milli: 1000 }] }],
});
const guarded: Record<string, string> = {
  'muster.dev/claim': claim,
  'muster.dev/plan': '{"node":"n1"}',
  'muster.dev/visible-devices.c0': 'all',
  'muster.dev/gpu-memory-limit.c0': '40960m',
  'muster.dev/gpu-sm-limit.c0': '100',
};

beforeAll(async () => {
  stand = await Stand.start({
    nodes: [{ name: 'n1', source: 'gfd', devices: devicesOf(2, 'NVIDIA-A100', 40960) }],
    plane: { users: { mallory: [] } },
  });
  const everything = { apiGroups: [''], resources: ['pods', 'pods/*'], verbs: ['*'] };
  const rbac = 'rbac.authorization.k8s.io';
  await stand.admin.apply({
    apiVersion: `${rbac}/v1`,
    kind: 'ClusterRole',
    metadata: { name: 'mallory' },
    rules: [everything],
  } as never);
  await stand.admin.apply({
    apiVersion: `${rbac}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: { name: 'mallory' },
    roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: 'mallory' },
    subjects: [{ apiGroup: rbac, kind: 'User', name: 'mallory' }],
  } as never);
  mallory = stand.plane.as('mallory');
  await mallory.create(fraction('victim', '0.5'));
  victim = (await stand.bound(['victim'])).get('victim')!;
});

afterAll(async () => await stand?.stop());

const path = podPath('default', 'victim');
let made = 0;

async function unbound(): Promise<Pod> {
  made += 1;
  return await mallory.create(pod(`unbound-${made}`, { schedulerName: 'nobody' }));
}

type Attempt = (annotations: Record<string, string>) => Promise<Answer>;

const attempts: Record<string, Attempt> = {
  'a pod created with it': async (annotations) =>
    await mallory.call('POST', '/api/v1/namespaces/default/pods', pod(`forged-${made++}`, { annotations })),
  'a pod of another scheduler created with it': async (annotations) => {
    const forged = pod(`forged-${made++}`, { annotations, schedulerName: 'default-scheduler' });
    return await mallory.call('POST', '/api/v1/namespaces/default/pods', forged);
  },
  'a pod created with it on a node of its own choice': async (annotations) => {
    const forged = pod(`forged-${made++}`, { annotations, spec: { nodeName: 'n1' } });
    return await mallory.call('POST', '/api/v1/namespaces/default/pods', forged);
  },
  'a pod created by server-side apply': async (annotations) => {
    const forged = pod(`forged-${made++}`, { annotations });
    return await mallory.tryPatch(`${podPath('default', forged.metadata.name)}?fieldManager=m`, 'apply', forged);
  },
  'a merge patch of a bound pod': async (annotations) =>
    await mallory.tryPatch(path, 'merge', { metadata: { annotations } }),
  'a strategic patch of a bound pod': async (annotations) =>
    await mallory.tryPatch(path, 'strategic', { metadata: { annotations } }),
  'a JSON patch of a bound pod': async (annotations) =>
    await mallory.tryPatch(
      path,
      'json',
      Object.entries(annotations).map(([key, value]) => ({
        op: 'add',
        path: `/metadata/annotations/${key.replace('/', '~1')}`,
        value,
      })),
    ),
  'an update of a bound pod': async (annotations) => {
    const now = await mallory.get<Pod>(path);
    now.metadata.annotations = { ...now.metadata.annotations, ...annotations };
    return await mallory.call('PUT', path, now);
  },
  'a patch of the status': async (annotations) =>
    await mallory.tryPatch(`${path}/status`, 'strategic', { metadata: { annotations } }),
  'an update of the status': async (annotations) => {
    const now = await mallory.get<Pod>(path);
    now.metadata.annotations = { ...now.metadata.annotations, ...annotations };
    return await mallory.call('PUT', `${path}/status`, now);
  },
  'a patch of a pod that waits': async (annotations) => {
    const { metadata } = await unbound();
    return await mallory.tryPatch(podPath('default', metadata.name), 'merge', { metadata: { annotations } });
  },
  'a Binding that carries it': async (annotations) => await mallory.bind(await unbound(), 'n1', { annotations }),
};

/** subresources that may ignore annotations instead of refusing them: what counts is that nothing changed */
const ignoring: Record<string, Attempt> = {
  'a patch of the ephemeral containers': async (annotations) =>
    await mallory.tryPatch(`${path}/ephemeralcontainers`, 'strategic', {
      metadata: { annotations },
      spec: { ephemeralContainers: [{ name: `debug-${made++}`, image: 'none' }] },
    }),
  'a patch of the size': async (annotations) =>
    await mallory.tryPatch(`${path}/resize`, 'strategic', { metadata: { annotations } }),
};

function theyAllFail(): void {
  for (const [way, attempt] of Object.entries(attempts)) {
    test.for(Object.entries(guarded))(`${way}: %s`, async ([key, value]) => {
      const answer = await attempt({ [key]: value });
      expect([403, 422], messageOf(answer.body)).toContain(answer.status);
      expect(messageOf(answer.body)).toContain('ValidatingAdmissionPolicy');
      expect(await mallory.get<Pod>(path)).toMatchObject({ metadata: { annotations: victim.metadata.annotations } });
    });
  }
  for (const [way, attempt] of Object.entries(ignoring)) {
    test.for(Object.entries(guarded))(`${way}: %s`, async ([key, value]) => {
      await attempt({ [key]: value });
      expect((await mallory.get<Pod>(path)).metadata.annotations).toEqual(victim.metadata.annotations);
    });
  }
  test('removing the claim of a bound pod', async () => {
    const answer = await mallory.tryPatch(path, 'merge', { metadata: { annotations: { 'muster.dev/claim': null } } });
    expect([403, 422]).toContain(answer.status);
  });
  test('while an honest change of the same pod goes through', async () => {
    const answer = await mallory.tryPatch(path, 'merge', { metadata: { labels: { honest: `yes-${made++}` } } });
    expect(answer.status, messageOf(answer.body)).toBe(200);
  });
}

describe('with everything up, refused:', theyAllFail);

describe('with the webhook and the extender dead, refused all the same:', () => {
  beforeAll(async () => {
    await stand.muster.process.killHard();
  });
  theyAllFail();

  test('a pod that was created unprepared meanwhile gets no device afterwards, and says why', async () => {
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
