/** The harness's own instruments: a proxy that loses answers must really let the calls land, a kubelet must really resolve env. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Audit } from './harness/audit.ts';
import { ControlPlane } from './harness/control-plane.ts';
import { Kube, type Pod, podPath } from './harness/kube.ts';
import { Kubelet } from './harness/kubelet.ts';
import { createNode, devicesOf } from './harness/nodes.ts';
import { pod } from './harness/pods.ts';
import { LoopbackProxy } from './harness/proxy.ts';

let plane: ControlPlane;
let proxy: LoopbackProxy;
let through: Kube;

beforeAll(async () => {
  plane = await ControlPlane.start();
  await createNode(plane.admin, { name: 'n1', source: 'gfd', devices: devicesOf(2, 'NVIDIA A100', 40960) });
  proxy = await LoopbackProxy.start({ to: plane.url, ca: plane.ca, record: /\/binding$/ });
  through = new Kube({ url: proxy.url, ca: plane.ca, token: plane.token('admin') });
});

afterAll(async () => {
  await through?.close();
  await proxy?.stop();
  await plane?.stop();
});

test('the proxy passes calls, watches and refusals as they are', async () => {
  const created = await through.create(pod('passes', { schedulerName: 'nobody' }));
  const { resourceVersion } = await through.list<Pod>('/api/v1/pods');
  const abort = new AbortController();
  const events = through.watch<Pod>('/api/v1/pods', resourceVersion, abort.signal);
  const next = events.next();
  expect((await through.bind(created, 'n1')).status).toBe(201);
  expect((await next).value?.object.spec.nodeName).toBe('n1');
  abort.abort();
  expect((await through.bind(created, 'n1')).status).toBe(409);
  expect(proxy.passed.filter(({ path }) => path.endsWith('/binding')).map(({ status }) => status)).toEqual([201, 409]);
  expect(proxy.passed.find(({ path }) => path.endsWith('/binding'))?.body).toContain('"kind":"Binding"');
});

test.for(['cut', 'hang'] as const)('a Binding whose answer is lost (%s) has landed', async (loss) => {
  const created = await plane.admin.create(pod(`lost-${loss}`, { schedulerName: 'nobody' }));
  proxy.lose((_, path) => (path.endsWith('/binding') ? loss : null));
  const answer = through.bind(created, 'n1').then(
    () => 'answered',
    () => 'broken',
  );
  const bound = await plane.admin.waitForPod(created.metadata.name, (each) => each.spec.nodeName === 'n1', {
    for: 'the Binding to land',
  });
  expect(bound.spec.nodeName).toBe('n1');
  if (loss === 'cut') expect(await answer).toBe('broken');
  else
    expect(await Promise.race([answer, new Promise((resolve) => setTimeout(resolve, 300, 'waiting'))])).toBe('waiting');
  proxy.lose(null);
});

test('the kubelet model resolves env from annotations of the Binding, tells missing ones, and completes deletions', async () => {
  const kubelet = await Kubelet.start(plane.admin);
  const fieldRef = (key: string) => ({ fieldRef: { fieldPath: `metadata.annotations['${key}']` } });
  const spec = {
    terminationGracePeriodSeconds: 30,
    containers: [
      {
        name: 'main',
        image: 'none',
        env: [
          { name: 'FIXED', value: 'void' },
          { name: 'DEVICES', valueFrom: fieldRef('muster.dev/visible-devices.c0') },
          { name: 'MISSING', valueFrom: fieldRef('muster.dev/nothing') },
        ],
      },
    ],
  };
  const created = await plane.admin.create(pod('runs', { schedulerName: 'nobody', spec }));
  await plane.admin.bind(created, 'n1', { annotations: { 'muster.dev/visible-devices.c0': '0' } });
  await plane.admin.waitForPod('runs', (each) => each.status?.phase === 'Running', { for: 'the pod to run' });
  expect(kubelet.started.get('default/runs')).toEqual({
    node: 'n1',
    containers: { main: { env: { FIXED: 'void', DEVICES: '0', MISSING: '' } } },
  });
  expect(kubelet.unresolved).toEqual(['default/runs/main: MISSING from muster.dev/nothing']);

  kubelet.hold('n1');
  await plane.admin.remove(podPath('default', 'runs'));
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect((await plane.admin.pod('runs')).metadata.deletionTimestamp).toBeDefined();
  await kubelet.release('n1');
  await expect.poll(() => plane.admin.find(podPath('default', 'runs'))).toBeNull();
  await kubelet.stop();
});

test('the audit and the kubelet model go on over a kill -9 of the API server, without a gap', async () => {
  const audit = await Audit.start(plane.admin);
  const kubelet = await Kubelet.start(plane.admin);
  await plane.killAndRestartApiserver();
  const created = await plane.admin.create(pod('after', { schedulerName: 'nobody' }));
  const devices = [{ uuid: null, index: 0, mib: 40961, milli: 1000 }];
  const claim = JSON.stringify({ containers: [{ name: 'main', slot: 'c0', devices }] });
  await plane.admin.bind(created, 'n1', { annotations: { 'muster.dev/claim': claim } });
  await plane.admin.waitForPod('after', (each) => each.status?.phase === 'Running', { for: 'the pod to run' });
  const { gaps, violations } = await audit.stop();
  expect([gaps, violations.map(({ kind }) => kind)]).toEqual([0, expect.arrayContaining(['memory'])]);
  await kubelet.stop();
});
