/** The facts about an unmodified API server and kube-scheduler that Muster rests on, tried on the real ones. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { binary } from './harness/binaries.ts';
import { ControlPlane } from './harness/control-plane.ts';
import { messageOf, type Pod, podPath } from './harness/kube.ts';
import { createNode, devicesOf, setStatus } from './harness/nodes.ts';
import { pod } from './harness/pods.ts';
import { runningProcesses } from './harness/process.ts';

const run = promisify(execFile);

describe('an unmodified control plane', () => {
  let plane: ControlPlane;
  let count = 0;

  beforeAll(async () => {
    plane = await ControlPlane.start({ serviceAccounts: ['muster-system/muster'] });
    await createNode(plane.admin, { name: 'n1', source: 'gfd', devices: devicesOf(2, 'NVIDIA A100', 40960) });
    await createNode(plane.admin, { name: 'n2', source: 'slices', devices: devicesOf(2, 'NVIDIA L4', 23034) });
  });

  afterAll(async () => {
    await plane?.stop();
    expect(runningProcesses().map((each) => each.name)).toEqual([]);
  });

  async function pending(spec: Partial<Pod['spec']> = {}): Promise<Pod> {
    count += 1;
    return await plane.admin.create(pod(`p${count}`, { schedulerName: 'nobody', spec }));
  }

  test('is the version that the go.mod names', async () => {
    expect(await plane.admin.get('/version')).toMatchObject({ major: '1', minor: '37', gitVersion: 'v1.37.2' });
  });

  test('is what kubectl talks to without a complaint about versions', async () => {
    const { stdout, stderr } = await run(binary('kubectl'), ['--kubeconfig', plane.kubeconfig('admin'), 'version']);
    expect(stdout).toContain('Server Version: v1.37.2');
    expect(stderr).toBe('');
  });

  test('knows service accounts by token, gives them no rights, and lists them as their groups', async () => {
    const muster = plane.as('muster-system/muster');
    const review = await muster.expect<{ status: { userInfo: unknown } }>(
      'POST',
      '/apis/authentication.k8s.io/v1/selfsubjectreviews',
      { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
    );
    expect(review.status.userInfo).toMatchObject({
      username: 'system:serviceaccount:muster-system:muster',
      groups: ['system:serviceaccounts', 'system:serviceaccounts:muster-system', 'system:authenticated'],
    });
    expect((await muster.call('GET', '/api/v1/pods')).status).toBe(403);
  });

  test('merges annotations and labels of a Binding into the pod in the write that sets its node', async () => {
    const created = await pending();
    const { resourceVersion } = await plane.admin.list<Pod>('/api/v1/pods?limit=1');
    const abort = new AbortController();
    const events = plane.admin.watch<Pod>('/api/v1/pods', resourceVersion, abort.signal);
    const annotations = { 'muster.dev/claim': '{"containers":[]}' };
    expect((await plane.admin.bind(created, 'n1', { annotations, labels: { bound: 'yes' } })).status).toBe(201);
    const first = await events.next();
    abort.abort();
    expect(first.value?.object.spec.nodeName).toBe('n1');
    expect(first.value?.object.metadata).toMatchObject({ annotations, labels: { bound: 'yes' } });
  });

  test.for([
    ['another uid', { uid: '00000000-0000-0000-0000-000000000000' }, 'Precondition failed: UID in precondition'],
    ['another resourceVersion', { resourceVersion: '1' }, 'Precondition failed: ResourceVersion'],
  ] as const)('refuses a Binding with %s as a conflict', async ([_, metadata, text]) => {
    const created = await pending();
    const answer = await plane.admin.bind(created, 'n1', metadata);
    expect(answer.status).toBe(409);
    expect(messageOf(answer.body)).toContain(text);
    expect((await plane.admin.pod(created.metadata.name)).spec.nodeName).toBeUndefined();
  });

  test.for(['n1', 'n2'])(
    'refuses a second Binding, to %s, as a conflict and leaves the pod as it was',
    async (second) => {
      const created = await pending();
      expect((await plane.admin.bind(created, 'n1', { annotations: { who: 'first' } })).status).toBe(201);
      const answer = await plane.admin.bind(created, second, { annotations: { who: 'second' } });
      expect(answer.status).toBe(409);
      expect(messageOf(answer.body)).toContain('is already assigned to node');
      const after = await plane.admin.pod(created.metadata.name);
      expect([after.spec.nodeName, after.metadata.annotations?.who]).toEqual(['n1', 'first']);
    },
  );

  test('refuses to bind a pod that has a gate', async () => {
    const answer = await plane.admin.bind(await pending({ schedulingGates: [{ name: 'example.com/wait' }] }), 'n1');
    expect([answer.status, messageOf(answer.body)]).toEqual([
      409,
      expect.stringContaining('non-empty .spec.schedulingGates'),
    ]);
  });

  test('accepts env by fieldRef to an annotation that does not exist yet', async () => {
    const fieldPath = "metadata.annotations['muster.dev/visible-devices.c0']";
    const created = await pending({
      containers: [
        {
          name: 'main',
          image: 'registry.example/cuda:12',
          env: [{ name: 'NVIDIA_VISIBLE_DEVICES', valueFrom: { fieldRef: { fieldPath } } }],
        },
      ],
    });
    expect(created.spec.containers[0]?.env?.[0]?.valueFrom?.fieldRef?.fieldPath).toBe(fieldPath);
  });

  test('takes annotations, a nomination and a condition in one status patch, also while the pod is gated', async () => {
    const created = await pending({ schedulingGates: [{ name: 'muster.dev/placement' }] });
    const path = podPath('default', created.metadata.name);
    const before = created.metadata.resourceVersion;
    const patched = await plane.admin.patch<Pod>(`${path}/status`, 'strategic', {
      metadata: { annotations: { 'muster.dev/plan': '{"node":"n1"}' } },
      status: {
        nominatedNodeName: 'n1',
        conditions: [{ type: 'muster.dev/Planned', status: 'True', reason: 'Planned' }],
      },
    });
    expect(patched.metadata.resourceVersion).not.toBe(before);
    expect(patched.metadata.annotations?.['muster.dev/plan']).toBe('{"node":"n1"}');
    expect(patched.status?.nominatedNodeName).toBe('n1');
    expect(patched.status?.conditions?.map((each) => each.type)).toContain('muster.dev/Planned');
    expect(patched.spec.schedulingGates).toEqual([{ name: 'muster.dev/placement' }]);
  });

  test('ignores status in a patch of the pod itself', async () => {
    const created = await pending();
    const path = podPath('default', created.metadata.name);
    await plane.admin.patch(path, 'strategic', {
      metadata: { labels: { seen: 'yes' } },
      status: { nominatedNodeName: 'n1' },
    });
    const after = await plane.admin.pod(created.metadata.name);
    expect([after.metadata.labels?.seen, after.status?.nominatedNodeName]).toEqual(['yes', undefined]);
  });

  test('removes one gate by name, keeps the gates of others, and lets nobody add one later', async () => {
    const created = await pending({
      schedulingGates: [{ name: 'muster.dev/placement' }, { name: 'example.com/quota' }],
    });
    const path = podPath('default', created.metadata.name);
    const lift = { spec: { schedulingGates: [{ $patch: 'delete', name: 'muster.dev/placement' }] } };
    const lifted = await plane.admin.patch<Pod>(path, 'strategic', lift);
    expect(lifted.spec.schedulingGates).toEqual([{ name: 'example.com/quota' }]);
    const add = await plane.admin.tryPatch(path, 'strategic', {
      spec: { schedulingGates: [{ name: 'muster.dev/placement' }] },
    });
    expect([add.status, messageOf(add.body)]).toEqual([422, expect.stringContaining('only deletion is allowed')]);
  });

  test('takes an extended resource of ours into a node status without a kubelet', async () => {
    const node = await setStatus(plane.admin, 'n1', { 'muster.dev/gpu-milli': '2000' });
    expect(node.status?.allocatable?.['muster.dev/gpu-milli']).toBe('2k');
    expect(node.status?.capacity?.cpu).toBe('64');
  });

  test('refuses an annotation key whose name part is over 63 characters', async () => {
    const created = await pending();
    const answer = await plane.admin.tryPatch(podPath('default', created.metadata.name), 'merge', {
      metadata: { annotations: { [`muster.dev/${'x'.repeat(64)}`]: '' } },
    });
    expect(answer.status).toBe(422);
  });

  test('serves ResourceSlices at resource.k8s.io/v1', async () => {
    const slice = await plane.admin.get('/apis/resource.k8s.io/v1/resourceslices/n2-gpu.nvidia.com');
    expect(slice).toMatchObject({ spec: { driver: 'gpu.nvidia.com', nodeName: 'n2' } });
  });

  test('keeps a bound pod as terminating until its grace period was answered for', async () => {
    const created = await pending({ terminationGracePeriodSeconds: 30 });
    const path = podPath('default', created.metadata.name);
    await plane.admin.bind(created, 'n1');
    await plane.admin.remove(path);
    expect((await plane.admin.get<Pod>(path)).metadata.deletionTimestamp).toBeDefined();
    await plane.admin.remove(path, 0);
    expect(await plane.admin.find(path)).toBeNull();
  });

  test('runs two kube-schedulers with host names of their own, one of which leads', async () => {
    const config = (): Parameters<ControlPlane['startScheduler']>[0]['config'] => ({
      apiVersion: 'kubescheduler.config.k8s.io/v1',
      kind: 'KubeSchedulerConfiguration',
      leaderElection: { leaderElect: true, resourceName: 'kube-scheduler', resourceNamespace: 'kube-system' },
      profiles: [{ schedulerName: 'stock' }],
    });
    const leaderElection = { leaseDuration: '4s', renewDeadline: '3s', retryPeriod: '500ms' };
    const a = await plane.startScheduler({ name: 'ks-a', hostname: 'muster-a', config: config(), leaderElection });
    const lease = '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-scheduler';
    type Lease = { spec: { holderIdentity?: string } };
    const holder = async (): Promise<string> =>
      ((await plane.admin.find(lease)) as Lease | null)?.spec.holderIdentity ?? '';
    await expect.poll(holder, { timeout: 15_000 }).toMatch(/^muster-a_[0-9a-f-]{36}$/);
    await plane.startScheduler({ name: 'ks-b', hostname: 'muster-b', config: config(), leaderElection });

    await plane.admin.create(pod('stock-1', { schedulerName: 'stock' }));
    await plane.admin.waitForPod('stock-1', (each) => each.spec.nodeName !== undefined, {
      for: 'the leader to bind a pod',
      onTimeout: () => plane.tails(),
    });
    await a.process.killHard();
    await expect.poll(holder, { timeout: 15_000 }).toMatch(/^muster-b_/);
    await plane.admin.create(pod('stock-2', { schedulerName: 'stock' }));
    await plane.admin.waitForPod('stock-2', (each) => each.spec.nodeName !== undefined, {
      for: 'the other scheduler to go on',
      onTimeout: () => plane.tails(),
    });
  });
});
