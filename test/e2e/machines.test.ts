/**
 * The models of kubelet and of the workload controllers before a real kube-apiserver and a real kube-scheduler: what they write is
 * taken, and kubectl understands it.
 */
import { spawn } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeClock, nodeRng } from '../../src/kube/node-adapter.ts';
import { connect } from '../../src/kube/undici-adapter.ts';
import { startDeployments } from '../../src/sim/controllers/deployments.ts';
import { startJobs } from '../../src/sim/controllers/jobs.ts';
import { startNodeLifecycle } from '../../src/sim/controllers/node-lifecycle.ts';
import { startPodGc } from '../../src/sim/controllers/pod-gc.ts';
import { startReplicaSets } from '../../src/sim/controllers/replica-sets.ts';
import { startStatefulSets } from '../../src/sim/controllers/stateful-sets.ts';
import { Kubelet } from '../../src/sim/kubelet/kubelet.ts';
import { EXIT_CODE, RUN_SECONDS, STOP_SECONDS } from '../../src/sim/kubelet/settings.ts';
import { binary } from './harness/binaries.ts';
import { ControlPlane, type Scheduler } from './harness/control-plane.ts';
import { createNode, devicesOf } from './harness/nodes.ts';
import { waitFor } from './harness/wait.ts';

let plane: ControlPlane;
let config = '';
const stops: (() => Promise<unknown>)[] = [];
const errors: string[] = [];

beforeAll(async () => {
  plane = await ControlPlane.start();
  config = plane.kubeconfig('admin');
  for (const name of ['m1', 'm2'])
    await createNode(plane.admin, { name, source: 'gfd', devices: devicesOf(1, 'Tesla-T4', 15_360), managed: false });
  await plane.admin
    .expect('POST', '/api/v1/namespaces', { metadata: { name: 'kube-node-lease' } })
    .catch(() => undefined);
  const scheduler: Scheduler = await plane.startScheduler({
    name: 'machines',
    config: {
      apiVersion: 'kubescheduler.config.k8s.io/v1',
      kind: 'KubeSchedulerConfiguration',
      leaderElection: { leaderElect: false },
    },
  });
  stops.push(() => scheduler.process.stop(3_000));
  const transport = await connect({ component: 'machines', kubeconfig: config });
  stops.push(() => transport.close());
  const onError = (error: Error): void => {
    errors.push(error.message);
  };
  const ports = { transport, clock: nodeClock, rng: nodeRng, onError };
  const kubelet = new Kubelet({ ...ports, heartbeats: true });
  await kubelet.start();
  stops.push(() => kubelet.stop());
  for (const start of [
    startReplicaSets,
    startDeployments,
    startStatefulSets,
    startJobs,
    startPodGc,
    startNodeLifecycle,
  ]) {
    const controller = await start(ports);
    stops.push(() => controller.stop());
  }
});

afterAll(async () => {
  for (const stop of stops.reverse()) await stop();
  await plane?.stop();
});

/** Beside this process, in which the controllers live. */
async function kubectl(args: readonly string[], input = ''): Promise<string> {
  const child = spawn(binary('kubectl'), [`--kubeconfig=${config}`, ...args], { timeout: 90_000 });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  child.stdin.end(input);
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${said}`);
  return said;
}

const template = (annotations: object = {}, spec: object = {}): object => ({
  metadata: { labels: { app: 'a' }, annotations: { [STOP_SECONDS]: '0', ...annotations } },
  spec: { containers: [{ name: 'main', image: 'one' }], ...spec },
});
const apply = (object: object): Promise<string> => kubectl(['apply', '-f', '-'], JSON.stringify(object));

describe('before a real API server', () => {
  it('a Deployment rolls out, is restarted and undone, as kubectl sees it', async () => {
    const spec = { replicas: 3, selector: { matchLabels: { app: 'a' } }, template: template() };
    await apply({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' }, spec });
    expect(await kubectl(['rollout', 'status', 'deployment/web', '--timeout=60s'])).toContain(
      'successfully rolled out',
    );
    await kubectl(['set', 'image', 'deployment/web', 'main=two']);
    expect(await kubectl(['rollout', 'status', 'deployment/web', '--timeout=60s'])).toContain(
      'successfully rolled out',
    );
    await kubectl(['rollout', 'undo', 'deployment/web']);
    expect(await kubectl(['rollout', 'status', 'deployment/web', '--timeout=60s'])).toContain(
      'successfully rolled out',
    );
    expect(await kubectl(['rollout', 'history', 'deployment/web'])).toMatch(/2\s.*\n3\s/);
    await kubectl(['wait', '--for=condition=Available', 'deployment/web', '--timeout=30s']);
  });

  it('a StatefulSet rolls out', async () => {
    const spec = { replicas: 2, serviceName: 'db', selector: { matchLabels: { app: 'a' } }, template: template() };
    await apply({ apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name: 'db' }, spec });
    expect(await kubectl(['rollout', 'status', 'statefulset/db', '--timeout=60s'])).toContain(
      'partitioned roll out complete',
    );
    await kubectl(['set', 'image', 'statefulset/db', 'main=two']);
    expect(await kubectl(['rollout', 'status', 'statefulset/db', '--timeout=60s'])).toContain(
      '2 new pods have been updated',
    );
  });

  it.each<[string, object, object, string]>([
    ['succeeds', { [RUN_SECONDS]: '1' }, { completions: 3, parallelism: 2, completionMode: 'Indexed' }, 'Complete'],
    ['fails', { [RUN_SECONDS]: '1', [EXIT_CODE]: '1' }, { backoffLimit: 0 }, 'Failed'],
    ['takes too long', {}, { activeDeadlineSeconds: 2 }, 'Failed'],
  ])('a Job that %s says so', async (name, annotations, spec, type) => {
    const job = `job-${name.replaceAll(' ', '-')}`;
    const pods = template(annotations, { restartPolicy: 'Never' });
    await apply({ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: job }, spec: { ...spec, template: pods } });
    expect(await kubectl(['wait', `--for=condition=${type}`, `job/${job}`, '--timeout=60s'])).toContain(
      'condition met',
    );
  });

  it('pods crash, wait for images and are described', async () => {
    const pod = { containers: [{ name: 'main', image: 'one' }] };
    const annotations = { [RUN_SECONDS]: '1', [EXIT_CODE]: '1' };
    await apply({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'crash', annotations }, spec: pod });
    const line = await waitFor(
      async () => {
        const found = await kubectl(['get', 'pod', 'crash', '--no-headers']);
        if (!found.includes('CrashLoopBackOff')) throw new Error(found);
        return found;
      },
      { for: 'the pod to crash', timeoutMs: 30_000 },
    );
    expect(line).toMatch(/0\/1\s+CrashLoopBackOff\s+1/);
    expect(await kubectl(['describe', 'pod', 'crash'])).toContain('Restart Count:  1');
    expect(await kubectl(['get', 'nodes', '--no-headers'])).toMatch(/m1\s+Ready/);
  });

  it('nothing that was written is refused', () => {
    // a conflict only says that a controller's picture was late
    expect(errors.filter((one) => !one.includes('the object has been modified'))).toEqual([]);
  });
});
