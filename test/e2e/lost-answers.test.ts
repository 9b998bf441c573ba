/** Bindings whose answer never arrives although they landed: the books must come to the same truth as the pods. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Pod, podPath } from './harness/kube.ts';
import { devicesOf } from './harness/nodes.ts';
import { fraction } from './harness/pods.ts';
import { endsIn } from './harness/proxy.ts';
import { Stand } from './harness/stand.ts';

let stand: Stand;

beforeAll(async () => {
  stand = await Stand.start({
    apiProxy: true,
    nodes: [
      { name: 'labels', source: 'gfd', devices: devicesOf(2, 'NVIDIA-A100', 40960) },
      { name: 'agent', source: 'annotation', devices: devicesOf(2, 'Tesla T4', 15360) },
    ],
  });
});

afterAll(async () => await stand?.stop());

const tenths = 40;

test('as many tenths as the devices hold are bound although two of three Bindings lose their answer', async () => {
  let bindings = 0;
  stand.api!.lose((method, path) => {
    if (method !== 'POST' || !endsIn('binding', path)) return null;
    bindings += 1;
    return ([null, 'cut', 'hang'] as const)[bindings % 3]!;
  });
  const pods = Array.from({ length: tenths }, (_, at) => fraction(`tenth-${at}`, '0.1'));
  await stand.create(pods);
  await stand.bound(
    pods.map(({ metadata }) => metadata.name),
    150_000,
  );
  const lost = stand.api!.bindings().filter(({ lost }) => lost);
  expect(lost.length).toBeGreaterThan(tenths / 3);
  // Landed means landed: no pod was sent to a node twice with success.
  const landed = stand.api!.bindings().filter(({ status }) => status === 201);
  expect(landed.length).toBe(tenths);
});

test('nothing is held for ever behind the lost answers: the next pod waits for room, and gets the first that comes', async () => {
  stand.api!.lose(null);
  await stand.create([fraction('next', '0.1')]);
  await stand.admin.waitForPod(
    'next',
    (each) => each.status?.conditions?.some(({ reason }) => reason === 'Unschedulable') ?? false,
    { for: 'a verdict', onTimeout: () => stand.logs() },
  );
  await stand.admin.remove(podPath('default', 'tenth-7'), 0);
  await stand.bound(['next']);
});

test('a Binding that is refused gives its device back', async () => {
  // The pod is gone when its Binding arrives: the proxy lets nothing through, so the uid precondition does.
  await stand.admin.remove(podPath('default', 'next'), 0);
  await stand.admin.remove(podPath('default', 'tenth-8'), 0);
  const names = ['again-1', 'again-2'];
  await stand.create(names.map((name) => fraction(name, '0.1')));
  await stand.bound(names);
  await stand.finish();
});

test('the service account never met a refusal: what deploy/ grants is enough', () => {
  const refused = stand.api!.passed.filter(({ status }) => status === 403 || status === 401);
  expect(refused.map(({ method, path }) => `${method} ${path}`)).toEqual([]);
});

test('and no pod was left with a node but without a claim', async () => {
  const { items } = await stand.admin.list<Pod>('/api/v1/namespaces/default/pods');
  const bare = items.filter((pod) => pod.spec.nodeName && !pod.metadata.annotations?.['muster.dev/claim']);
  expect(bare.map(({ metadata }) => metadata.name)).toEqual([]);
});
