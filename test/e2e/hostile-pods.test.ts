/**
 * A thousand hostile pods through the real control plane: each is refused with a text that helps, or bound to what it may have, or
 * waits for a reason that is true and does not change. The same pods, without a control plane: test/unit/hostile-pods.test.ts.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hostilePods } from '../build/hostile-pods.ts';
import { type Answer, collectionPath, messageOf, type Pod, podPath } from './harness/kube.ts';
import { mixedNodes } from './harness/mixture.ts';
import { devicesOf } from './harness/nodes.ts';
import { fraction } from './harness/pods.ts';
import { Stand } from './harness/stand.ts';
import { waitFor } from './harness/wait.ts';

const SEED = 20_261_124;
const COUNT = 1_000;
/** pods with a node of their own choice go there and poison it; all others stay whole */
const OWN_NODE = 'chosen';
const QUIET_MS = 20_000;

let stand: Stand;
const answers = new Map<string, { twists: readonly string[]; answer: Answer }>();

beforeAll(async () => {
  stand = await Stand.start({
    nodes: [...mixedNodes(), { name: OWN_NODE, source: 'gfd', devices: devicesOf(2, 'Tesla-T4', 15360), pods: '1000' }],
  });
});
afterAll(async () => await stand?.stop());

async function pods(): Promise<Pod[]> {
  return (await stand.admin.list<Pod>('/api/v1/namespaces/default/pods')).items;
}

const scheduled = (pod: Pod): string =>
  pod.status?.conditions?.find(({ type }) => type === 'PodScheduled')?.message ?? '';

test('every pod is accepted, or refused with a text of use', async () => {
  const hostile = hostilePods(SEED, COUNT, { ownNode: OWN_NODE });
  const started = performance.now();
  for (let at = 0; at < hostile.length; at += 8) {
    await Promise.all(
      hostile.slice(at, at + 8).map(async ({ pod, twists }) => {
        const answer = await stand.admin.call('POST', collectionPath(pod), pod);
        answers.set(pod.metadata.name, { twists, answer });
      }),
    );
  }
  const byStatus = new Map<number, number>();
  for (const { twists, answer } of answers.values()) {
    byStatus.set(answer.status, (byStatus.get(answer.status) ?? 0) + 1);
    const text = messageOf(answer.body);
    expect([201, 400, 403, 422], `${twists.join(' + ')}: ${text}`).toContain(answer.status);
    if (!text.includes('admission webhook')) continue;
    expect(text).toMatch(/denied the request: pod .*(annotation|container|label) /);
    expect(text).toMatch(/; |must|write|name one|needs|at most|more than one device|no node has/);
    expect(text.length).toBeLessThan(2_500);
  }
  console.log(
    `${COUNT} hostile pods in ${((performance.now() - started) / 1000).toFixed(1)} s: ${JSON.stringify([...byStatus])}`,
  );
  expect(byStatus.get(201)).toBeGreaterThan(COUNT / 4);
});

test('what is edited after it was created gets no more than it was admitted with', async () => {
  const waiting = (await pods()).filter(
    ({ spec, metadata }) => spec.nodeName === undefined && metadata.annotations?.['muster.dev/request'] !== undefined,
  );
  const whole = JSON.stringify({ containers: [{ name: 'main', count: 8, milli: 1000, memory: { milli: 1000 } }] });
  for (const { metadata } of waiting.slice(0, 20)) {
    await stand.admin.tryPatch(podPath('default', metadata.name), 'merge', {
      metadata: { annotations: { 'muster.dev/request': whole } },
    });
  }
});

test('then there is rest: the others wait for reasons that stay, and kube-scheduler does not spin', async () => {
  let before = -1;
  await waitFor(
    async () => {
      const calls = stand.verbs.count('filter');
      const still = calls === before;
      before = calls;
      await sleep(3_000);
      return still;
    },
    { for: 'filter to be asked no more', timeoutMs: 120_000, onTimeout: () => stand.logs() },
  );
  const first = new Map((await pods()).map((pod) => [pod.metadata.name, scheduled(pod)]));
  const filters = stand.verbs.count('filter');
  const started = performance.now();
  await sleep(QUIET_MS);
  const now = await pods();
  const waiting = now.filter(({ spec }) => spec.schedulerName === 'muster-scheduler' && spec.nodeName === undefined);
  const perMinute = ((stand.verbs.count('filter') - filters) / waiting.length / (performance.now() - started)) * 60_000;
  const reasons = new Map<string, number>();
  for (const pod of waiting) {
    const text = scheduled(pod);
    expect(text, pod.metadata.name).toBe(first.get(pod.metadata.name));
    if (pod.spec.schedulingGates === undefined) expect(text, pod.metadata.name).not.toBe('');
    const cause = text.replaceAll(/\d+/g, 'n').slice(0, 160);
    reasons.set(cause, (reasons.get(cause) ?? 0) + 1);
  }
  console.log(
    `${now.length} pods, ${waiting.length} wait, ${perMinute.toFixed(2)} filter calls per waiting pod and minute, ${filters} before`,
    Object.fromEntries([...reasons].sort((a, b) => b[1] - a[1]).slice(0, 12)),
  );
  expect(perMinute).toBeLessThan(1);
  expect(filters / COUNT).toBeLessThan(20);
});

test('no device was ever over 100 %, and an honest pod still gets its share', async () => {
  await stand.create([fraction('honest', '0.01')]);
  await stand.bound(['honest']);
  const { violations, gaps, claimed } = stand.audit.report();
  expect({ violations, gaps }).toEqual({ violations: [], gaps: 0 });
  console.log(`${claimed} pods with a claim`);
  expect(claimed).toBeGreaterThan(50);
});

test('no container that was admitted by the webhook runs with all devices', () => {
  for (const [name, { containers }] of stand.kubelet.started) {
    const twists = answers.get(name.slice('default/'.length))?.twists ?? [];
    if (twists.some((twist) => ['a node of its own choice', 'the annotation of a mirror pod'].includes(twist)))
      continue;
    for (const [container, { env }] of Object.entries(containers)) {
      expect(env.NVIDIA_VISIBLE_DEVICES, `${name}/${container}: ${twists.join(' + ')}`).toMatch(/^(void|\d|GPU-)/);
    }
  }
});

test('the extender lives, its log is bounded and says nothing of pods’ contents or of keys', async () => {
  expect(stand.muster.process.ended).toBeNull();
  expect((await stand.muster.get('/readyz')).status).toBe(200);
  const log = stand.muster.process.log();
  console.log(`log: ${Math.round(log.length / 1024)} KiB`);
  expect(log.length).toBeLessThan(4 * 1024 * 1024);
  expect(log).not.toMatch(/PRIVATE KEY|Bearer|qqqqqqqq|programming error/);
});
