/**
 * docs/install.md, step by step with the real kubectl: every fenced `sh` block in its order. What a cluster's kubelets, kube-proxy
 * and namespace controller would do is done here between the steps, and nothing else.
 */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { readConfig } from '../../src/extender/config.ts';
import { binary } from './harness/binaries.ts';
import { ControlPlane, type Scheduler, type SchedulerConfiguration } from './harness/control-plane.ts';
import { type Step, stepsOf, UserShell } from './harness/fenced.ts';
import { type KubeObject, messageOf, type Node, type Pod } from './harness/kube.ts';
import { Kubelet } from './harness/kubelet.ts';
import { Muster } from './harness/muster.ts';
import { createNode, devicesOf, setStatus } from './harness/nodes.ts';
import { fraction, pod } from './harness/pods.ts';
import { account } from './harness/stand.ts';
import { waitFor } from './harness/wait.ts';

const root = join(import.meta.dirname, '..', '..');
const NODE = 'gpu-node-1';
const POD_NAME = 'muster-scheduler-0';
const steps = stepsOf(join(root, 'docs', 'install.md'));
const folder = mkdtempSync(join(tmpdir(), 'muster-install-'));

let plane: ControlPlane;
let kubelet: Kubelet;
let shell: UserShell;
let muster: Muster;
let scheduler: Scheduler;
let done = 0;

beforeAll(async () => {
  plane = await ControlPlane.start({ serviceAccounts: [account] });
  await createNode(plane.admin, {
    name: NODE,
    source: 'gfd',
    devices: devicesOf(2, 'NVIDIA L4', 23034),
    managed: false,
  });
  await setStatus(plane.admin, NODE, { 'nvidia.com/gpu': '2' });
  const programs = join(folder, 'bin');
  mkdirSync(programs);
  symlinkSync(binary('kubectl'), join(programs, 'kubectl'));
  symlinkSync(join(root, 'deploy'), join(folder, 'deploy'));
  shell = new UserShell(folder, {
    ...process.env,
    PATH: `${programs}${delimiter}${process.env.PATH}`,
    KUBECONFIG: plane.kubeconfig('admin'),
  });
  kubelet = await Kubelet.start(plane.admin);
});

afterAll(async () => {
  await kubelet?.stop();
  await muster?.stop();
  await plane?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs the blocks under a heading up to its end, or only the next `count` of them. */
async function run(chapter: number, count = Number.POSITIVE_INFINITY): Promise<string> {
  let printed = '';
  for (let left = count; left > 0; left -= 1) {
    const step: Step | undefined = steps[done];
    if (step === undefined || !step.heading.startsWith(`${chapter}.`)) break;
    printed += await shell.run(step);
    done += 1;
  }
  return printed;
}

type ConfigMap = KubeObject & { data: Record<string, string> };

async function configured(): Promise<{ settings: Record<string, unknown>; schedulerConfig: SchedulerConfiguration }> {
  const { data } = await plane.admin.get<ConfigMap>('/api/v1/namespaces/muster-system/configmaps/muster-scheduler');
  return { settings: parse(data['muster.yaml']!), schedulerConfig: parse(data['scheduler.yaml']!) };
}

/** kube-proxy's part: the webhook's Service leads to the process of this test. */
async function reachable(): Promise<void> {
  await plane.admin.patch('/api/v1/namespaces/muster-system/services/muster-webhook', 'merge', {
    spec: {
      type: 'ExternalName',
      externalName: 'localhost',
      selector: null,
      clusterIP: null,
      clusterIPs: null,
      ports: null,
    },
  });
  await plane.admin.patch(WEBHOOK, 'json', [
    { op: 'replace', path: '/webhooks/0/clientConfig/service/port', value: muster.webhookPort },
  ]);
}

const WEBHOOK = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/muster-webhook';
const caBundle = async (): Promise<string | undefined> =>
  (await plane.admin.get<KubeObject & { webhooks: { clientConfig: { caBundle?: string } }[] }>(WEBHOOK)).webhooks[0]
    ?.clientConfig.caBundle;

/** What runs there without being asked: a pod of the vendor's plugin, put on the node by its scheduler. */
async function foreign(name: string): Promise<void> {
  const limits = { 'nvidia.com/gpu': '1' };
  const unbound = pod(name, { schedulerName: 'default-scheduler', limits });
  await plane.admin.create({ ...unbound, spec: { ...unbound.spec, nodeName: NODE } });
}

const bound = (name: string): Promise<Pod> =>
  plane.admin.waitForPod(name, ({ spec }) => spec.nodeName !== undefined, {
    for: `${name} to be bound`,
    timeoutMs: 60_000,
    onTimeout: () => `${muster.process.tail()}\n${plane.tails()}`,
  });

test('1. the manifests are applied, everything starts with what they hold, and the webhook answers', async () => {
  await run(1, 2);
  const { settings, schedulerConfig } = await configured();
  const { listen: _, health: __, webhook: ___, ...kept } = settings;
  muster = await Muster.start(plane, {
    name: 'muster',
    account,
    leadership: 'lease',
    schedulerIdentity: POD_NAME,
    settings: kept,
  });
  await reachable();
  scheduler = await plane.startScheduler({
    name: 'kube-scheduler',
    hostname: POD_NAME,
    config: schedulerConfig,
    extenderUrl: muster.url,
    user: account,
  });
  expect(await run(1)).toContain('"containers":{"main":{"count":1,"fraction":"0.5"}}');
  const forged = pod('forged', { annotations: { 'muster.dev/claim': '{"containers":[]}' } });
  await waitFor(
    async () => {
      const { status, body } = await plane.admin.call('POST', '/api/v1/namespaces/default/pods?dryRun=All', forged);
      return status === 403 && messageOf(body).includes('muster-guard');
    },
    { for: 'the guard to refuse a forged claim' },
  );
});

test('2. a node that runs pods is taken over; pods without GPUs stay', async () => {
  for (const name of ['plugin-a', 'plugin-b']) await foreign(name);
  const plain = pod('plain', { schedulerName: 'default-scheduler' });
  await plane.admin.create({ ...plain, spec: { ...plain.spec, nodeName: NODE } });
  await run(2);
  const { items } = await plane.admin.list<Pod>('/api/v1/namespaces/default/pods');
  expect(items.map(({ metadata }) => metadata.name)).toEqual(['plain']);
  await plane.admin.create(fraction('first', '0.5'));
  expect((await bound('first')).spec.nodeName).toBe(NODE);
});

test('2. while a pod uses GPUs there without a claim, the node gets no new claims and says why', async () => {
  await foreign('missed');
  const odd = async (): Promise<string> => (await muster.get('/readyz?verbose')).text;
  await waitFor(async () => (await odd()).includes('use-unknown'), { for: 'the oddity', onTimeout: odd });
  expect(await odd()).toMatch(/use-unknown: node gpu-node-1: pod default\/missed uses GPUs without a claim/);
  await plane.admin.create(fraction('patient', '0.25'));
  await plane.admin.waitForPod(
    'patient',
    ({ status }) =>
      status?.conditions?.some(({ message }) =>
        message?.includes('a pod without a claim uses the GPU devices of the node'),
      ) ?? false,
    { for: 'the reason on the waiting pod' },
  );
  expect((await muster.get('/explain?pod=default/patient')).text).toContain(
    'a pod without a claim uses the GPU devices of the node (1 of 1 node)',
  );
  await plane.admin.remove('/api/v1/namespaces/default/pods/missed', 0);
  await waitFor(async () => !(await odd()).includes('use-unknown'), { for: 'the devices to be known again' });
  // kube-scheduler may have tried again before our own watch showed the deletion; the next pod that is bound wakes the waiting one
  await plane.admin.create(fraction('next', '0.25'));
  await bound('next');
  await bound('patient');
});

test('4. an upgrade keeps claims, books, certificates and caBundle', async () => {
  // chapter 3 gives the node back; it is read after this one, while there are claims to keep
  const upgrade = steps.findIndex(({ heading }) => heading.startsWith('4.'));
  const back = done;
  done = upgrade;
  await plane.admin.create(fraction('too-much', '1', { annotations: { 'muster.dev/gpu-count': '2' } }));
  const books = async (): Promise<unknown> => {
    const { text } = await muster.get('/explain?pod=default/too-much&output=json');
    return (JSON.parse(text) as { nodes: unknown }).nodes;
  };
  const trusted = await caBundle();
  await waitFor(async () => JSON.stringify(await books()).includes('free #0'), { for: 'the books of the waiting pod' });
  const before = await books();
  await run(4, 1);
  expect(await caBundle()).toBe(trusted);
  await reachable();
  await muster.killAndRestart();
  await muster.ready();
  await run(4);
  expect(await books()).toEqual(before);
  await plane.admin.remove('/api/v1/namespaces/default/pods/too-much', 0);
  await plane.admin.create(fraction('after-upgrade', '0.25'));
  expect((await bound('after-upgrade')).spec.nodeName).toBe(NODE);
  expect(await caBundle()).toBe(trusted);
  done = back;
});

test('3. the node is given back without a claim or a thousandth left', async () => {
  await run(3);
  const { items } = await plane.admin.list<Pod>('/api/v1/namespaces/default/pods');
  expect(items.map(({ metadata }) => metadata.name)).toEqual(['plain']);
  const node = await plane.admin.get<Node>(`/api/v1/nodes/${NODE}`);
  expect(node.status?.allocatable).toEqual(expect.objectContaining({ 'nvidia.com/gpu': '2' }));
  expect(JSON.stringify(node.status)).not.toContain('muster.dev');
  expect(node.spec?.unschedulable ?? false).toBe(false);
});

test('nobody who ran with the shipped account was forbidden anything', () => {
  const logs = `${muster.process.log()}\n${scheduler.process.log()}`;
  expect(logs.split('\n').filter((line) => /forbidden/i.test(line))).toEqual([]);
});

test('5. cert-manager: settings that the extender accepts, and a volume for the files', async () => {
  done = steps.findIndex(({ heading }) => heading.startsWith('5.'));
  await run(5);
  const { settings } = await configured();
  expect(readConfig({ schedulerIdentity: POD_NAME, ...settings }).webhook.certificates).toEqual({
    kind: 'files',
    certFile: '/etc/muster-certs/tls.crt',
    keyFile: '/etc/muster-certs/tls.key',
  });
  const deployment = await plane.admin.get<KubeObject>(
    '/apis/apps/v1/namespaces/muster-system/deployments/muster-scheduler',
  );
  expect(JSON.stringify(deployment)).toContain('/etc/muster-certs');
});

test('6. the second profile takes the place of the Deployment', async () => {
  await run(6);
  const found = async (path: string): Promise<boolean> => (await plane.admin.find(path)) !== null;
  const apps = '/apis/apps/v1/namespaces/muster-system';
  expect(await found(`${apps}/deployments/muster-scheduler`)).toBe(false);
  expect(await found(`${apps}/daemonsets/muster-extender`)).toBe(true);
});

test('7. nothing of Muster is left', async () => {
  // the namespace controller's part
  const finalize = waitFor(
    async () => {
      const path = '/api/v1/namespaces/muster-system';
      const namespace = (await plane.admin.find(path)) as (KubeObject & { spec: object }) | null;
      if (namespace?.metadata.deletionTimestamp === undefined) return false;
      await plane.admin.call('PUT', `${path}/finalize`, { ...namespace, spec: { finalizers: [] } });
      return true;
    },
    { for: 'the namespace to be deleted', timeoutMs: 60_000 },
  );
  await run(7);
  await finalize;
  expect(done).toBe(steps.length);
  const kinds = [
    '/api/v1/namespaces',
    '/apis/rbac.authorization.k8s.io/v1/clusterroles',
    '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings',
    '/apis/rbac.authorization.k8s.io/v1/namespaces/kube-system/roles',
    '/apis/rbac.authorization.k8s.io/v1/namespaces/kube-system/rolebindings',
    '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations',
    '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies',
    '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings',
  ];
  for (const kind of kinds) {
    const { items } = await plane.admin.list<KubeObject>(kind);
    expect(
      items.map(({ metadata }) => metadata.name).filter((name) => name.startsWith('muster')),
      kind,
    ).toEqual([]);
  }
});
