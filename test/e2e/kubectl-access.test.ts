/**
 * The real kubectl and the real kube-scheduler against `muster cluster`: who am I, may I, as somebody else, tokens, roles, everything
 * from deploy/, and a pod that is placed.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningCluster, runCluster } from '../../src/cli/cluster/run.ts';
import { binary } from './harness/binaries.ts';
import { Process } from './harness/process.ts';
import { waitFor } from './harness/wait.ts';

const directory = mkdtempSync(join(tmpdir(), 'muster-kubectl-'));
let running: RunningCluster;

beforeAll(async () => {
  const nodes = join(directory, 'nodes.yaml');
  writeFileSync(nodes, '- {count: 2, gpus: 4, model: t4}\n');
  running = await runCluster(
    {
      nodes,
      port: 0,
      tls: true,
      kubeconfig: join(directory, 'kubeconfig'),
      scheduler: true,
      kubelet: true,
      controllers: true,
      schedulerName: 'muster-scheduler',
      service: new Map(),
    },
    () => {},
  );
});
afterAll(async () => {
  await running?.stop();
  rmSync(directory, { recursive: true, force: true });
});

function kubectl(...args: string[]): Promise<string> {
  const env = { ...process.env, KUBECONFIG: running.kubeconfig, HOME: directory };
  return new Promise((resolve) => {
    execFile(binary('kubectl'), args, { env, encoding: 'utf8' }, (_error, stdout, stderr) => resolve(stdout + stderr));
  });
}

test.each<[string, string[], RegExp]>([
  ['who one is', ['auth', 'whoami'], /Username\s+admin\nGroups\s+\[system:masters system:authenticated\]/],
  ['what one may', ['auth', 'can-i', 'delete', 'nodes'], /yes$/m],
  ['what others may not', ['auth', 'can-i', 'list', 'pods', '--as', 'bob'], /^no$/m],
  [
    'all that others may',
    ['auth', 'can-i', '--list', '--as', 'bob'],
    /selfsubjectreviews\.authentication\.k8s\.io .*\[create\]/,
  ],
  [
    'the refusal',
    ['get', 'pods', '--as', 'bob'],
    /pods is forbidden: User "bob" cannot list resource "pods" in API group "" in the namespace "default"/,
  ],
  ['a role', ['create', 'clusterrole', 'lister', '--verb=list', '--resource=pods'], /lister created/],
  ['a binding', ['create', 'clusterrolebinding', 'lister', '--clusterrole=lister', '--user=bob'], /lister created/],
  ['that it counts', ['get', 'pods', '--as', 'bob'], /No resources found/],
  ['roles that are put together', ['get', 'clusterrole', 'view', '-o', 'jsonpath={.rules[*].resources}'], /"pods"/],
  ['a token of a service account', ['create', 'token', 'default'], /^eyJ[\w-]+\.[\w-]+\.[\w-]+$/m],
])('kubectl shows %s', async (_what, args, expected) => {
  expect(await kubectl(...args)).toMatch(expected);
});

test('everything from deploy/ is applied, and the guard holds', async () => {
  const folder = join(import.meta.dirname, '..', '..', 'deploy');
  const applied = await kubectl('apply', '-f', folder);
  expect(applied).toMatch(/validatingadmissionpolicy\S+\/muster-guard created/);
  expect(applied).not.toMatch(/error/i);
  expect(await kubectl('run', 'victim', '--image=x')).toMatch(/created/);
  expect(await kubectl('annotate', 'pod', 'victim', 'muster.dev/claim={}')).toMatch(
    /pods "victim" is forbidden: ValidatingAdmissionPolicy 'muster-guard' with binding 'muster-guard' denied request: annotations written by /,
  );
});

test('the real kube-scheduler leads and places a pod', async () => {
  const config = join(directory, 'scheduler.yaml');
  const connection = { kubeconfig: running.kubeconfig, contentType: 'application/json' };
  const text = {
    clientConnection: connection,
    leaderElection: { leaderElect: true },
    profiles: [{ schedulerName: 'real' }],
  };
  const head = { apiVersion: 'kubescheduler.config.k8s.io/v1', kind: 'KubeSchedulerConfiguration' };
  writeFileSync(config, JSON.stringify({ ...head, ...text }));
  const scheduler = new Process({
    name: 'kube-scheduler',
    command: binary('kube-scheduler'),
    args: ['--config', config, '--secure-port', '0'],
    directory,
    env: { NO_PROXY: '127.0.0.1,localhost', no_proxy: '127.0.0.1,localhost' },
  });
  try {
    await kubectl('run', 'placed', '--image=x', '--overrides={"spec":{"schedulerName":"real"}}');
    await waitFor(async () => (await kubectl('get', 'pod', 'placed')).includes('Running'), {
      for: 'the pod to run',
      timeoutMs: 30_000,
      onTimeout: () => scheduler.tail(),
    });
    expect(await kubectl('-n', 'kube-system', 'get', 'lease', 'kube-scheduler')).toContain('kube-scheduler');
  } finally {
    await scheduler.stop(5_000);
  }
});
