/**
 * Every way in which a user with all rights on pods can try to write what only Muster writes. The bound pod `default/victim` and
 * the user `mallory` are the test's to make; see allowEverythingWithPods.
 */
import { expect, test } from 'vitest';
import { type Answer, type Kube, type KubeObject, messageOf, type Pod, podPath } from './kube.ts';
import { pod } from './pods.ts';

export const claim = JSON.stringify({
  containers: [{ name: 'main', slot: 'c0', devices: [{ uuid: null, index: 0, mib: 40960, milli: 1000 }] }],
});
const guarded: Record<string, string> = {
  'muster.dev/claim': claim,
  'muster.dev/plan': '{"node":"n1"}',
  'muster.dev/visible-devices.c0': 'all',
  'muster.dev/gpu-memory-limit.c0': '40960m',
  'muster.dev/gpu-sm-limit.c0': '100',
};

const path = podPath('default', 'victim');
let made = 0;

async function unbound(mallory: Kube): Promise<Pod> {
  made += 1;
  return await mallory.create(pod(`unbound-${made}`, { schedulerName: 'nobody' }));
}

type Attempt = (mallory: Kube, annotations: Record<string, string>) => Promise<Answer>;

const attempts: Record<string, Attempt> = {
  'a pod created with it': async (mallory, annotations) =>
    await mallory.call('POST', '/api/v1/namespaces/default/pods', pod(`forged-${made++}`, { annotations })),
  'a pod of another scheduler created with it': async (mallory, annotations) => {
    const forged = pod(`forged-${made++}`, { annotations, schedulerName: 'default-scheduler' });
    return await mallory.call('POST', '/api/v1/namespaces/default/pods', forged);
  },
  'a pod created with it on a node of its own choice': async (mallory, annotations) => {
    const forged = pod(`forged-${made++}`, { annotations, spec: { nodeName: 'n1' } });
    return await mallory.call('POST', '/api/v1/namespaces/default/pods', forged);
  },
  'a pod created by server-side apply': async (mallory, annotations) => {
    const forged = pod(`forged-${made++}`, { annotations });
    return await mallory.tryPatch(`${podPath('default', forged.metadata.name)}?fieldManager=m`, 'apply', forged);
  },
  'a merge patch of a bound pod': async (mallory, annotations) =>
    await mallory.tryPatch(path, 'merge', { metadata: { annotations } }),
  'a strategic patch of a bound pod': async (mallory, annotations) =>
    await mallory.tryPatch(path, 'strategic', { metadata: { annotations } }),
  'a JSON patch of a bound pod': async (mallory, annotations) =>
    await mallory.tryPatch(
      path,
      'json',
      Object.entries(annotations).map(([key, value]) => ({
        op: 'add',
        path: `/metadata/annotations/${key.replace('/', '~1')}`,
        value,
      })),
    ),
  'an update of a bound pod': async (mallory, annotations) => {
    const now = await mallory.get<Pod>(path);
    now.metadata.annotations = { ...now.metadata.annotations, ...annotations };
    return await mallory.call('PUT', path, now);
  },
  'a patch of the status': async (mallory, annotations) =>
    await mallory.tryPatch(`${path}/status`, 'strategic', { metadata: { annotations } }),
  'an update of the status': async (mallory, annotations) => {
    const now = await mallory.get<Pod>(path);
    now.metadata.annotations = { ...now.metadata.annotations, ...annotations };
    return await mallory.call('PUT', `${path}/status`, now);
  },
  'a patch of a pod that waits': async (mallory, annotations) => {
    const { metadata } = await unbound(mallory);
    return await mallory.tryPatch(podPath('default', metadata.name), 'merge', { metadata: { annotations } });
  },
  'a Binding that carries it, by the older path': async (mallory, annotations) => {
    const { name } = (await unbound(mallory)).metadata;
    return await mallory.call('POST', '/api/v1/namespaces/default/bindings', {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name, annotations },
      target: { apiVersion: 'v1', kind: 'Node', name: 'n1' },
    });
  },
  'a Binding that carries it': async (mallory, annotations) =>
    await mallory.bind(await unbound(mallory), 'n1', { annotations }),
};

/** subresources that may ignore annotations instead of refusing them: what counts is that nothing changed */
const ignoring: Record<string, Attempt> = {
  'a patch of the ephemeral containers': async (mallory, annotations) =>
    await mallory.tryPatch(`${path}/ephemeralcontainers`, 'strategic', {
      metadata: { annotations },
      spec: { ephemeralContainers: [{ name: `debug-${made++}`, image: 'none' }] },
    }),
  'a patch of the size': async (mallory, annotations) =>
    await mallory.tryPatch(`${path}/resize`, 'strategic', { metadata: { annotations } }),
};

/** Registers the tests. `mallory` is asked for when they run. */
export function forgeriesFail(mallory: () => Kube): void {
  const victim = async (): Promise<Pod> => await mallory().get<Pod>(path);
  for (const [way, attempt] of Object.entries(attempts)) {
    test.for(Object.entries(guarded))(`${way}: %s`, async ([key, value]) => {
      const before = await victim();
      const answer = await attempt(mallory(), { [key]: value });
      expect([403, 422], messageOf(answer.body)).toContain(answer.status);
      expect(messageOf(answer.body)).toContain('ValidatingAdmissionPolicy');
      expect((await victim()).metadata.annotations).toEqual(before.metadata.annotations);
    });
  }
  for (const [way, attempt] of Object.entries(ignoring)) {
    test.for(Object.entries(guarded))(`${way}: %s`, async ([key, value]) => {
      const before = await victim();
      await attempt(mallory(), { [key]: value });
      expect((await victim()).metadata.annotations).toEqual(before.metadata.annotations);
    });
  }
  test('removing the claim of a bound pod', async () => {
    const answer = await mallory().tryPatch(path, 'merge', { metadata: { annotations: { 'muster.dev/claim': null } } });
    expect([403, 422]).toContain(answer.status);
  });
  test('while an honest change of the same pod goes through', async () => {
    const answer = await mallory().tryPatch(path, 'merge', { metadata: { labels: { honest: `yes-${made++}` } } });
    expect(answer.status, messageOf(answer.body)).toBe(200);
  });
}

/** RBAC knows no `pods/*` */
const everyPodResource = [
  'bindings',
  'pods',
  ...['binding', 'ephemeralcontainers', 'eviction', 'resize', 'status'].map((name) => `pods/${name}`),
];

/** a ClusterRole with every verb on pods and their subresources, bound to users by name */
export async function allowEverythingWithPods(admin: Kube, users: readonly string[]): Promise<void> {
  const group = 'rbac.authorization.k8s.io';
  const objects = [
    { kind: 'ClusterRole', rules: [{ apiGroups: [''], resources: everyPodResource, verbs: ['*'] }] },
    {
      kind: 'ClusterRoleBinding',
      roleRef: { apiGroup: group, kind: 'ClusterRole', name: 'everything-with-pods' },
      subjects: users.map((name) => ({ apiGroup: group, kind: 'User', name })),
    },
  ];
  for (const object of objects) {
    await admin.apply({
      apiVersion: `${group}/v1`,
      metadata: { name: 'everything-with-pods' },
      ...object,
    } as KubeObject);
  }
}
