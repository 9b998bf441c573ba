/**
 * Two replicas as in production: a kube-scheduler and its extender each, told apart by host name, one lease. The leader is killed,
 * then the next leader's extender hangs; at no time do two extenders decide.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Audit } from './harness/audit.ts';
import { ControlPlane, type Scheduler } from './harness/control-plane.ts';
import { install, schedulerConfigurations } from './harness/deploy.ts';
import type { Pod } from './harness/kube.ts';
import { Kubelet } from './harness/kubelet.ts';
import { LivenessProbe } from './harness/liveness.ts';
import { Muster } from './harness/muster.ts';
import { createNode, devicesOf } from './harness/nodes.ts';
import { fraction } from './harness/pods.ts';
import { runningProcesses } from './harness/process.ts';
import { LoopbackProxy } from './harness/proxy.ts';
import { account, waitForGpuMilli } from './harness/stand.ts';
import { waitFor } from './harness/wait.ts';

type Replica = {
  muster: Muster;
  scheduler: Scheduler;
  /** from its kube-scheduler */
  verbs: LoopbackProxy;
  /** to the API server */
  api: LoopbackProxy;
};

type Lease = { spec: { holderIdentity?: string } };

const nodes = Array.from({ length: 4 }, (_, at) => ({
  name: `node-${at}`,
  source: 'annotation' as const,
  devices: devicesOf(4, 'NVIDIA A100', 40960),
}));
const leaderElection = { leaseDuration: '6s', renewDeadline: '4s', retryPeriod: '1s' };

let plane: ControlPlane;
let a: Replica;
let b: Replica;
let kubelet: Kubelet;
let audit: Audit;
let made = 0;

beforeAll(async () => {
  plane = await ControlPlane.start({ serviceAccounts: [account] });
  for (const node of nodes) await createNode(plane.admin, node);
  const [first, second] = [await extender('muster-a'), await extender('muster-b')];
  await install(plane.admin, { webhookPort: first.muster.webhookPort });
  await first.muster.ready();
  await second.muster.ready();
  a = { ...first, scheduler: await scheduler('muster-a', first.verbs) };
  await waitFor(async () => (await holder()).startsWith('muster-a_'), { for: 'muster-a to lead' });
  b = { ...second, scheduler: await scheduler('muster-b', second.verbs) };
  await waitForGpuMilli(plane.admin, nodes, a.muster);
  kubelet = await Kubelet.start(plane.admin);
  audit = await Audit.start(plane.admin);
});

afterAll(async () => {
  await audit?.stop().catch(() => undefined);
  await kubelet?.stop();
  for (const replica of [a, b]) {
    replica?.muster.process.resume();
    await replica?.muster.stop();
    await replica?.verbs.stop();
    await replica?.api.stop();
  }
  for (const each of runningProcesses()) if (each.name.startsWith('muster')) await each.killHard();
  await plane?.stop();
});

async function extender(name: string): Promise<Omit<Replica, 'scheduler'>> {
  const api = await LoopbackProxy.start({ to: plane.url, ca: plane.ca, record: /\/binding$/ });
  const muster = await Muster.start(plane, {
    name,
    account,
    server: api.url,
    leadership: 'lease',
    schedulerIdentity: name,
    // as in leaderElection above
    settings: { leaseDurationSeconds: 6, renewDeadlineSeconds: 4, callDeadlineMs: 2_000, envGuard: false },
  });
  return { muster, api, verbs: await LoopbackProxy.start({ to: muster.url }) };
}

async function scheduler(hostname: string, verbs: LoopbackProxy): Promise<Scheduler> {
  const config = schedulerConfigurations().own;
  const name = `scheduler-of-${hostname}`;
  return await plane.startScheduler({ name, hostname, config, extenderUrl: verbs.url, user: account, leaderElection });
}

async function holder(): Promise<string> {
  const { own } = schedulerConfigurations();
  const { resourceNamespace, resourceName } = own.leaderElection as Record<string, string>;
  const path = `/apis/coordination.k8s.io/v1/namespaces/${resourceNamespace}/leases/${resourceName}`;
  return ((await plane.admin.find(path)) as Lease | null)?.spec.holderIdentity ?? '';
}

async function someMore(count: number): Promise<string[]> {
  const names = Array.from({ length: count }, () => {
    made += 1;
    return `pod-${made}`;
  });
  await Promise.all(names.map((name) => plane.admin.create(fraction(name, '0.1'))));
  return names;
}

async function bound(names: readonly string[], timeoutMs = 60_000): Promise<void> {
  await waitFor(
    async () => {
      const { items } = await plane.admin.list<Pod>('/api/v1/namespaces/default/pods');
      const missing = items.filter((pod) => names.includes(pod.metadata.name) && pod.spec.nodeName === undefined);
      if (missing.length > 0) throw new Error(`${missing.length} pods without a node`);
      return true;
    },
    {
      for: 'pods to be bound',
      timeoutMs,
      onTimeout: () => `${a.muster.process.tail()}\n${b.muster.process.tail()}\n${plane.tails()}`,
    },
  );
}

function bindings({ api }: Replica): number {
  return api.bindings().length;
}

test('only the leader is asked, and only its extender binds', async () => {
  await bound(await someMore(20));
  expect([b.verbs.count('filter'), bindings(b)]).toEqual([0, 0]);
  expect(bindings(a)).toBe(20);
});

test('an extender whose scheduler does not lead refuses to decide when it is asked', async () => {
  const pod = await plane.admin.create({
    ...fraction('asked', '0.1'),
    spec: { ...fraction('asked', '0.1').spec, schedulerName: 'nobody' },
  });
  const names = nodes.map(({ name }) => name);
  const answer = await fetch(`${b.muster.url}/filter`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ Pod: pod, Nodes: null, NodeNames: names }),
  });
  expect(((await answer.json()) as { Error: string }).Error).not.toBe('');
});

test('the leader is killed with its pods in the middle: the other goes on, and the old extender binds nothing more', async () => {
  const names = await someMore(30);
  await a.scheduler.process.killHard();
  await expect.poll(holder, { timeout: 30_000 }).toMatch(/^muster-b_/);
  const before = bindings(a);
  names.push(...(await someMore(10)));
  await bound(names);
  expect(bindings(a)).toBe(before);
  expect(bindings(b)).toBeGreaterThanOrEqual(10);
});

test("the leader's extender hangs: its liveness probe gives the lease up, the other goes on, and the awakened one decides nothing", async () => {
  a = { ...a, scheduler: await scheduler('muster-a', a.verbs) };
  const probe = new LivenessProbe(b.muster, b.scheduler.process);
  const names = await someMore(10);
  await sleep(50);
  b.muster.process.pause();
  names.push(...(await someMore(10)));
  await probe.killed;
  await expect.poll(holder, { timeout: 30_000 }).toMatch(/^muster-a_/);
  await bound(names);
  const before = bindings(b);
  b.muster.process.resume();
  await bound(await someMore(10));
  await sleep(5_000);
  expect(bindings(b)).toBe(before);
});

test('every pod was bound by one Binding, and no device was ever over 100 %', async () => {
  const landed = [a, b].flatMap(({ api }) => api.bindings().filter(({ status }) => status === 201));
  expect(landed.length).toBe(made);
  expect(new Set(landed.map(({ path }) => path)).size).toBe(made);
  expect(await audit.stop()).toMatchObject({ violations: [], gaps: 0, claimed: made });
  expect(kubelet.unresolved).toEqual([]);
});
