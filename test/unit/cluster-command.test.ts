/**
 * `muster cluster` as people use it: everything from deploy/ applied to it unchanged, the real extender beside it with the rights of
 * its own account, a fraction placed; and a cluster that is there again after its end.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CoreV1Api, KubeConfig, makeInformer } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { parse, stringify } from 'yaml';
import type { ClusterCommandOptions } from '../../src/cli/cluster/options.ts';
import { type RunningCluster, runCluster } from '../../src/cli/cluster/run.ts';
import { definition, mainVersion } from '../contract/crd-samples.ts';
import { install } from '../e2e/harness/deploy.ts';
import { Kube, messageOf, type Pod } from '../e2e/harness/kube.ts';
import { freePorts } from '../e2e/harness/loopback.ts';
import { Process } from '../e2e/harness/process.ts';
import { waitFor } from '../e2e/harness/wait.ts';

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts');
const NODES = '- {count: 2, gpus: 4, model: A100-SXM4-80GB, memoryMiB: 81920}\n- {count: 1, cpu: 16, memoryGiB: 64}\n';
const directory = mkdtempSync(join(tmpdir(), 'muster-cluster-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const at = (name: string) => join(directory, name);
const written = (name: string, text: string) => {
  writeFileSync(at(name), text);
  return at(name);
};

const defaults: ClusterCommandOptions = {
  port: 0,
  scheduler: true,
  kubelet: true,
  controllers: true,
  schedulerName: 'muster-scheduler',
  service: new Map(),
  kubeconfig: at('kubeconfig'),
};

type Kubeconfig = {
  clusters: { cluster: { 'certificate-authority-data': string } }[];
  users: { user: { token: string } }[];
};

/** The administrator that a kubeconfig names. */
function clientOf(running: RunningCluster): Kube {
  const config = parse(readFileSync(running.kubeconfig, 'utf8')) as Kubeconfig;
  const ca = Buffer.from(config.clusters[0]!.cluster['certificate-authority-data'], 'base64').toString();
  return new Kube({ url: running.url, ca, token: config.users[0]!.user.token });
}

describe('the real extender beside it', () => {
  const lines: string[] = [];
  let running: RunningCluster;
  let extender: Process;
  let admin: Kube;
  beforeAll(async () => {
    const [port, webhookPort] = (await freePorts(2)) as [number, number];
    running = await runCluster(
      {
        ...defaults,
        nodes: written('nodes.yaml', NODES),
        tls: true,
        extender: `http://127.0.0.1:${port}`,
        service: new Map([['muster-system/muster-webhook', `127.0.0.1:${webhookPort}`]]),
      },
      (line) => lines.push(line),
    );
    admin = clientOf(running);
    // the pods of the Deployment would be extenders that are not there
    await install(admin);
    const request = await admin.expect<{ status: { token: string } }>(
      'POST',
      '/api/v1/namespaces/muster-system/serviceaccounts/muster-extender/token',
      { spec: { expirationSeconds: 3600 } },
    );
    const config = parse(readFileSync(running.kubeconfig, 'utf8')) as Kubeconfig;
    config.users[0]!.user.token = request.status.token;
    const settings = {
      listen: { port },
      webhook: { enabled: true, host: '127.0.0.1', port: webhookPort },
      leadership: 'always',
      callDeadlineMs: 300,
      runtimeClassName: '',
    };
    extender = new Process({
      name: 'extender',
      command: process.execPath,
      args: [
        MAIN,
        'extender',
        '--config',
        written('extender.json', JSON.stringify(settings)),
        '--kubeconfig',
        written('kubeconfig-extender', stringify(config)),
      ],
      directory,
      env: { NO_COLOR: '1' },
    });
    await waitFor(
      async () => {
        const { webhooks } = await admin.get<{ webhooks: { clientConfig: { caBundle?: string } }[] }>(
          '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/muster-webhook',
        );
        return (webhooks[0]?.clientConfig.caBundle ?? '') !== '' && (await fetch(`http://127.0.0.1:${port}/readyz`)).ok;
      },
      { for: 'the extender to publish its webhook', timeoutMs: 20_000, onTimeout: () => extender.tail() },
    );
  }, 40_000);
  afterAll(async () => {
    await extender?.stop(10_000);
    await admin?.close();
    await running?.stop();
  });

  it('a fraction goes through webhook, filter and bind, and runs with its devices', async () => {
    await admin.create({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'half', namespace: 'default', annotations: { 'muster.dev/gpu-fraction': '0.5' } },
      spec: { schedulerName: 'muster-scheduler', containers: [{ name: 'main', image: 'cuda' }] },
    } as Pod);
    const pod = await admin.waitForPod('half', ({ status }) => status?.phase === 'Running', {
      for: 'the fraction to run',
      timeoutMs: 15_000,
      onTimeout: () => `${extender.tail()}\n${lines.join('\n')}`,
    });
    expect(pod.spec.nodeName).toMatch(/^a100-[01]$/);
    expect(pod.metadata.annotations?.['muster.dev/claim']).toContain('"milli":500');
    expect(pod.spec.containers[0]?.env?.map(({ name }) => name)).toContain('NVIDIA_VISIBLE_DEVICES');
    expect(pod.spec.containers[0]?.resources?.requests).toMatchObject({ 'muster.dev/gpu-milli': '500' });
  });

  it('what contradicts itself is refused by the webhook in its own words', async () => {
    const answer = await admin.call('POST', '/api/v1/namespaces/default/pods', {
      metadata: { name: 'both', annotations: { 'muster.dev/gpu-fraction': '0.5', 'muster.dev/gpu-memory': '8Gi' } },
      spec: { schedulerName: 'muster-scheduler', containers: [{ name: 'main', image: 'cuda' }] },
    });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(messageOf(answer.body)).toContain('admission webhook "pods.muster.dev" denied the request');
  });

  it('it says what it serves and how to use it', () => {
    expect(lines[0]).toBe(`muster cluster serves ${running.url} (authorization rbac): 3 nodes, 8 GPUs, 0 pods`);
    expect(lines.join('\n')).toContain(`export KUBECONFIG=${running.kubeconfig}`);
    expect(lines.join('\n')).toMatch(/memory: \d+\.\d MiB/);
    expect(statSync(running.kubeconfig).mode & 0o777).toBe(0o600);
  });
});

describe('a cluster that is saved', () => {
  it('at SIGUSR1 and at its end, is the same again: objects, uids, versions and who may come in', async () => {
    const nodes = written('nodes.yaml', NODES);
    const save = at('cluster.save');
    const kubeconfig = at('kubeconfig-saved');
    const main = ['cluster', '--tls', '--kubeconfig', kubeconfig, '--save', save];
    const child = new Process({
      name: 'cluster',
      command: process.execPath,
      args: [MAIN, ...main, '--nodes', nodes],
      directory,
    });
    const first = await waitFor(() => /serves (\S+) /.exec(readFileSync(child.logFile, 'utf8'))?.[1], {
      for: 'the cluster to serve',
      onTimeout: () => child.tail(),
    });
    const before = clientOf({ url: first, kubeconfig, stop: async () => {} });
    await before.expect('POST', '/api/v1/namespaces', { metadata: { name: 'team' } });
    await waitFor(() => before.find('/api/v1/namespaces/team/serviceaccounts/default'), { for: 'its account' });
    const made = await before.expect<Pod>('POST', '/api/v1/namespaces/team/pods', {
      metadata: { name: 'one' },
      spec: { containers: [{ name: 'main', image: 'x' }] },
    });
    child.signalNow('SIGUSR1');
    await waitFor(() => readFileSync(child.logFile, 'utf8').includes('saved to'), { for: 'the save' });
    await waitFor(async () => (await before.pod('one', 'team')).status?.phase === 'Running', { for: 'the pod to run' });
    expect(await child.stop(10_000)).toBe(true);
    await before.close();

    const lines: string[] = [];
    const again = await runCluster({ ...defaults, tls: true, load: save, kubeconfig: at('again') }, (line) =>
      lines.push(line),
    );
    const after = clientOf({ ...again, kubeconfig });
    const pod = await after.pod('one', 'team');
    expect(pod.metadata.uid).toBe(made.metadata.uid);
    expect(pod.status?.phase).toBe('Running');
    expect(lines[0]).toContain('3 nodes, 8 GPUs, 1 pods');
    const later = await after.expect<Pod>('POST', '/api/v1/namespaces/team/configmaps', { metadata: { name: 'next' } });
    expect(Number(later.metadata.resourceVersion)).toBeGreaterThan(Number(pod.metadata.resourceVersion));
    await after.close();
    await again.stop();
  }, 40_000);

  const head = JSON.stringify({ kind: 'MusterClusterSave', format: 1, resourceVersion: '7', objects: 1, kept: {} });
  const object = (id: string) =>
    JSON.stringify({ id, object: { kind: 'Node', metadata: { name: 'n', uid: 'u', resourceVersion: '5' } } });
  test.each([
    ['empty', '', /line 1: the file is empty/],
    ['something else', '{"kind":"List"}\n', /line 1: this is no save of muster cluster/],
    ['of another format', '{"kind":"MusterClusterSave","format":9}\n', /line 1: format 9 is not known/],
    ['cut off', `${head}\n${object('v1/nodes')}\n`, /line 2: the file ends here/],
    ['broken in a line', `${head}\n{"id":"v1/no\n`, /line 2: no JSON: /],
    ['of fewer objects', `${head}\n{"end":1}\n`, /line 2: 1 objects were written and 0 are here/],
    [
      'of an object without uid',
      `${head}\n{"id":"v1/nodes","object":{"metadata":{"name":"n"}}}\n`,
      /line 2: v1\/nodes: metadata\.uid is missing/,
    ],
    ['of a resource that is not served', `${head}\n${object('v9/gizmos')}\n{"end":1}\n`, /line 2: .*v9\/gizmos/],
  ])('a file that is %s is refused with its place', async (_what, text, message) => {
    const load = written('broken.save', text);
    await expect(runCluster({ ...defaults, load }, () => {})).rejects.toThrow(message);
    await expect(runCluster({ ...defaults, load }, () => {})).rejects.toThrow(load);
  });
});

describe('a place to write to', () => {
  test.each([
    ['in a folder that is not there', { save: at('nowhere/c') }, /cannot write the save .*: there is no such folder/],
    ['a folder', { save: directory }, /cannot write the save .*: it is a folder/],
    ['a kubeconfig in no folder', { kubeconfig: at('nowhere/k') }, /write the kubeconfig .*: there is no such folder/],
    ['a kubeconfig that is a folder', { kubeconfig: directory }, /cannot write the kubeconfig .*: it is a folder/],
    ['no file at all', { saveEvery: 5 }, /--save-every needs --save/],
  ])('that is %s is refused at the start', async (_what, options, message) => {
    await expect(runCluster({ ...defaults, ...options }, () => {})).rejects.toThrow(message);
  });

  it('keeps the last whole save when a process died in the middle of the next', async () => {
    const save = at('halved.save');
    const first = await runCluster({ ...defaults, save }, () => {});
    await first.stop();
    const whole = readFileSync(save, 'utf8');
    writeFileSync(`${save}.tmp`, whole.slice(0, whole.length / 2));
    const again = await runCluster({ ...defaults, load: save, save }, () => {});
    await again.stop();
    expect(readFileSync(save, 'utf8')).toMatch(/\{"end":\d+\}\n$/);
    expect(existsSync(`${save}.tmp`)).toBe(false);
  });

  it('brings definitions back before the objects that they define', async () => {
    const save = at('custom.save');
    const first = await runCluster({ ...defaults, save }, () => {});
    const post = (url: string, path: string, body: object) =>
      fetch(`${url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }).then(({ status }) => status);
    const crd = definition('aaa.example.com', 'Gizmo', [mainVersion()]);
    expect(await post(first.url, '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', crd)).toBe(201);
    const path = '/apis/aaa.example.com/v1/namespaces/default/gizmos';
    await waitFor(async () => (await fetch(`${first.url}${path}`)).ok, { for: 'the kind to be served' });
    const gizmo = { apiVersion: 'aaa.example.com/v1', kind: 'Gizmo', metadata: { name: 'one' }, spec: { replicas: 1 } };
    expect(await post(first.url, path, gizmo)).toBe(201);
    await first.stop();
    const again = await runCluster({ ...defaults, load: save }, () => {});
    const answer = await fetch(`${again.url}${path}/one`);
    expect(await answer.json()).toMatchObject({ spec: { replicas: 1 } });
    await again.stop();
  });
});

describe('a list of nodes', () => {
  test.each([
    ['no list', 'count: 3', /expected a list of nodes/],
    ['an unknown key', '- {count: 1, gpu: 8}', /entry 1: unknown key "gpu"; there are count, name, gpus/],
    ['half a node', '- {gpus: 1}\n- {count: 0.5}', /entry 2: count must be a whole number of at least 1, not 0\.5/],
    ['a slip of the key', '- {count: 100000000}', /entry 1: count must be at most 100000, not 100000000/],
    ['more GPUs than fit a machine', '- {gpus: 100000}', /entry 1: gpus must be at most 64, not 100000/],
    ['too many in sum', '- {count: 60000}\n- {count: 60000}', /entry 2: with it there are more than 100000 nodes/],
    ['an unknown model', '- {gpus: 1, model: X9}', /entry 1: model X9 is not known .*: say its memoryMiB/],
    ['a name twice', '- {name: a, gpus: 1}\n- {name: a}', /entry 2: there are two nodes a/],
    ['another kind', '- {kind: Pod}', /entry 1: kind Pod is not Node/],
    ['no YAML', '- {', /neither YAML nor JSON/],
  ])('with %s is refused with its place', async (_what, text, message) => {
    const nodes = written('wrong.yaml', text);
    await expect(runCluster({ ...defaults, nodes }, () => {})).rejects.toThrow(message);
    await expect(runCluster({ ...defaults, nodes }, () => {})).rejects.toThrow(nodes);
  });

  it('may hold whole Node objects beside short ones', async () => {
    const text = `- {count: 2, gpus: 2, model: t4, source: labels, labels: {pool: cheap}}\n- {apiVersion: v1, kind: Node, metadata: {name: own, labels: {a: b}}, status: {capacity: {cpu: "4"}}}\n`;
    const lines: string[] = [];
    const running = await runCluster({ ...defaults, nodes: written('mixed.yaml', text) }, (line) => lines.push(line));
    const answer = await fetch(`${running.url}/api/v1/nodes`);
    const { items } = (await answer.json()) as {
      items: { metadata: { name: string; labels: Record<string, string> } }[];
    };
    expect(items.map(({ metadata }) => metadata.name)).toEqual(['own', 't4-0', 't4-1']);
    expect(items[1]?.metadata.labels).toMatchObject({ pool: 'cheap', 'nvidia.com/gpu.memory': '15360' });
    expect(lines[0]).toContain('(authorization off): 3 nodes, 4 GPUs');
    await running.stop();
  });
});

describe('client libraries', () => {
  it('take the kubeconfig of a cluster that speaks plain HTTP: an informer sees a pod come and go', async () => {
    const running = await runCluster({ ...defaults, scheduler: false, kubelet: false }, () => {});
    const config = new KubeConfig();
    config.loadFromFile(running.kubeconfig);
    const core = config.makeApiClient(CoreV1Api);
    const namespace = 'default';
    const informer = makeInformer(config, '/api/v1/namespaces/default/pods', () =>
      core.listNamespacedPod({ namespace }),
    );
    const seen: string[] = [];
    informer.on('add', (pod) => seen.push(`add ${pod.metadata?.name}`));
    informer.on('delete', (pod) => seen.push(`delete ${pod.metadata?.name}`));
    await informer.start();
    const body = { metadata: { name: 'one' }, spec: { containers: [{ name: 'main', image: 'x' }] } };
    await core.createNamespacedPod({ namespace, body });
    await waitFor(() => Promise.resolve(seen.includes('add one')), { for: 'the pod to be seen' });
    await core.deleteNamespacedPod({ namespace, name: 'one' });
    await waitFor(() => Promise.resolve(seen.includes('delete one')), { for: 'its end to be seen' });
    await informer.stop();
    await running.stop();
  });
});
