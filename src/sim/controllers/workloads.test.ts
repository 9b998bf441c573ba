import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { Client, condition, items } from '../../../test/contract/client.ts';
import { nodeClock } from '../../kube/node-adapter.ts';
import type { Clock } from '../../kube/ports.ts';
import { Api } from '../api/api.ts';
import { inProcess } from '../api/in-process.ts';
import { arrayAt, type JsonObject, type KubeObject, objectAt, textAt } from '../api/object.ts';
import { Kubelet } from '../kubelet/kubelet.ts';
import { EXIT_CODE, RUN_SECONDS, STOP_SECONDS } from '../kubelet/settings.ts';
import { Scheduler } from '../scheduler/scheduler.ts';
import { seededRng } from '../seeded-rng.ts';
import type { StartController } from './controller.ts';
import { startDeployments } from './deployments.ts';
import { startJobs } from './jobs.ts';
import { startReplicaSets } from './replica-sets.ts';
import { startStatefulSets } from './stateful-sets.ts';

/** Everything here lives so many times faster. */
const SPEED = 50;
const fast: Clock = {
  now: () => FAST_SINCE + (nodeClock.now() - FAST_SINCE) * SPEED,
  monotonic: () => nodeClock.monotonic() * SPEED,
  after: (ms, run) => nodeClock.after(ms / SPEED, run),
};
const FAST_SINCE = nodeClock.now();

const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

const ALL: readonly StartController[] = [startReplicaSets, startDeployments, startStatefulSets, startJobs];

async function cluster() {
  const api = new Api({ clock: fast, newUid: randomUUID });
  const transport = inProcess(api);
  const client = new Client(transport);
  const resources = { cpu: '100', memory: '100Gi', pods: '200' };
  for (const name of ['n1', 'n2'])
    await client.must('POST', '/api/v1/nodes', {
      metadata: { name },
      status: { allocatable: resources, capacity: resources },
    });
  const errors: string[] = [];
  const ports = { transport, clock: fast, rng: seededRng(1), onError: (error: Error) => errors.push(error.message) };
  const scheduler = new Scheduler({ ...ports, extenders: [], schedulerNames: ['default-scheduler'] });
  const kubelet = new Kubelet({ ...ports, startMs: 20 });
  await scheduler.start();
  await kubelet.start();
  stops.push(() => scheduler.stop());
  stops.push(() => kubelet.stop());
  const start = async (controllers = ALL): Promise<() => Promise<void>> => {
    const running = await Promise.all(controllers.map((one) => one(ports)));
    const stop = async (): Promise<void> => {
      for (const one of running) await one.stop();
    };
    stops.push(stop);
    return stop;
  };
  const pods = async (label = ''): Promise<KubeObject[]> => {
    const query = label === '' ? '' : `?labelSelector=${encodeURIComponent(label)}`;
    return items((await client.get(`/api/v1/namespaces/default/pods${query}`)).body);
  };
  return { client, start, pods, errors };
}

async function eventually<T>(what: string, read: () => Promise<T | null | false | undefined>): Promise<T> {
  const until = performance.now() + 8_000;
  for (;;) {
    const value = await read();
    if (value) return value;
    if (performance.now() > until) throw new Error(`it did not happen within 8 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const template = (annotations: JsonObject = {}, spec: JsonObject = {}): JsonObject => ({
  metadata: { labels: { app: 'a' }, annotations: { [STOP_SECONDS]: '0', ...annotations } },
  spec: { containers: [{ name: 'main', image: 'one' }], ...spec },
});
const JOBS = '/apis/batch/v1/namespaces/default/jobs';
const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments';
const SETS = '/apis/apps/v1/namespaces/default/replicasets';
const STATEFUL = '/apis/apps/v1/namespaces/default/statefulsets';

const job = (name: string, annotations: JsonObject, spec: JsonObject, pod: JsonObject = {}): JsonObject => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name },
  spec: { template: template(annotations, { restartPolicy: 'Never', ...pod }), ...spec },
});

describe('jobs', () => {
  const ended = (client: Client, name: string, type: string) =>
    eventually(`${name} is ${type}`, async () => {
      const { body } = await client.get(`${JOBS}/${name}`);
      return condition(body, type).status === 'True' ? body : null;
    });

  it('runs so many pods at a time until enough have succeeded', async () => {
    const { client, start, pods } = await cluster();
    await start();
    await client.must('POST', JOBS, job('one', { [RUN_SECONDS]: '10' }, { completions: 5, parallelism: 2 }));
    let most = 0;
    const done = await eventually('the job is complete', async () => {
      most = Math.max(
        most,
        (await pods()).filter((one) => !['Succeeded', 'Failed'].includes(textAt(one.status, 'phase'))).length,
      );
      const { body } = await client.get(`${JOBS}/one`);
      return condition(body, 'Complete').status === 'True' ? body : null;
    });
    expect(most).toBe(2);
    expect(done.status).toMatchObject({
      succeeded: 5,
      completionTime: expect.any(String),
      startTime: expect.any(String),
    });
    expect(condition(done, 'SuccessCriteriaMet')).toMatchObject({ status: 'True', reason: 'CompletionsReached' });
    const [pod] = await pods('job-name=one');
    expect(pod?.metadata.ownerReferences).toEqual([
      {
        apiVersion: 'batch/v1',
        kind: 'Job',
        name: 'one',
        uid: done.metadata.uid,
        controller: true,
        blockOwnerDeletion: true,
      },
    ]);
    expect(pod?.metadata.name).toMatch(/^one-[a-z0-9]{5}$/);
  });

  it('gives every pod of an Indexed job its index', async () => {
    const { client, start, pods } = await cluster();
    await start();
    await client.must(
      'POST',
      JOBS,
      job('idx', { [RUN_SECONDS]: '1' }, { completions: 4, parallelism: 4, completionMode: 'Indexed' }),
    );
    const done = await ended(client, 'idx', 'Complete');
    expect(done.status).toMatchObject({ succeeded: 4, completedIndexes: '0-3' });
    const made = (await pods('job-name=idx')).sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
    expect(made.map((one) => one.metadata.annotations?.['batch.kubernetes.io/job-completion-index'])).toEqual([
      '0',
      '1',
      '2',
      '3',
    ]);
    expect(made.map((one) => textAt(one.spec, 'hostname'))).toEqual(['idx-0', 'idx-1', 'idx-2', 'idx-3']);
    expect(made[2]?.metadata.name).toMatch(/^idx-2-[a-z0-9]{5}$/);
    expect(objectAt(arrayAt(made[0]?.spec, 'containers')[0], 'env')).toBeDefined();
  });

  it('fails after backoffLimit failures, with pauses between them', async () => {
    const { client, start, pods } = await cluster();
    await start();
    await client.must('POST', JOBS, job('bad', { [RUN_SECONDS]: '1', [EXIT_CODE]: '3' }, { backoffLimit: 2 }));
    const failed = await ended(client, 'bad', 'Failed');
    expect(condition(failed, 'Failed')).toMatchObject({ reason: 'BackoffLimitExceeded' });
    expect(failed.status?.failed).toBe(3);
    const times = (await pods('job-name=bad'))
      .map((one) => Date.parse(one.metadata.creationTimestamp))
      .sort((a, b) => a - b);
    expect(times[1]! - times[0]!).toBeGreaterThanOrEqual(10_000);
    expect(times[2]! - times[1]!).toBeGreaterThanOrEqual(20_000);
  });

  it.each<[string, JsonObject, JsonObject, string]>([
    ['a deadline', { [RUN_SECONDS]: '1000' }, { activeDeadlineSeconds: 5 }, 'DeadlineExceeded'],
    [
      'a rule of podFailurePolicy',
      { [RUN_SECONDS]: '1', [EXIT_CODE]: '42' },
      { podFailurePolicy: { rules: [{ action: 'FailJob', onExitCodes: { operator: 'In', values: [42] } }] } },
      'PodFailurePolicy',
    ],
  ])('ends by %s', async (_what, annotations, spec, reason) => {
    const { client, start, pods } = await cluster();
    await start();
    await client.must('POST', JOBS, job('end', annotations, spec));
    const failed = await ended(client, 'end', 'Failed');
    expect(condition(failed, 'Failed').reason).toBe(reason);
    expect(condition(failed, 'FailureTarget').reason).toBe(reason);
    expect((await pods('job-name=end')).filter((one) => textAt(one.status, 'phase') === 'Running')).toEqual([]);
  });

  it('is suspended and resumed', async () => {
    const { client, start, pods } = await cluster();
    await start();
    await client.must('POST', JOBS, job('sus', {}, { parallelism: 2, completions: 2, suspend: true }));
    await eventually(
      'it says Suspended',
      async () => condition((await client.get(`${JOBS}/sus`)).body, 'Suspended').status === 'True',
    );
    expect(await pods()).toEqual([]);
    await client.strategic(`${JOBS}/sus`, { spec: { suspend: false } });
    await eventually('its pods run', async () => (await client.get(`${JOBS}/sus`)).body.status?.ready === 2);
    await client.strategic(`${JOBS}/sus`, { spec: { suspend: true } });
    await eventually('its pods are gone', async () => (await pods()).length === 0);
    const { body } = await client.get(`${JOBS}/sus`);
    expect(body.status?.failed ?? 0).toBe(0);
  });

  it('is removed when its time after the end is over', async () => {
    const { client, start } = await cluster();
    await start();
    await client.must('POST', JOBS, job('ttl', { [RUN_SECONDS]: '1' }, { ttlSecondsAfterFinished: 10 }));
    await ended(client, 'ttl', 'Complete');
    await eventually('it is asked to go', async () => {
      const { status, body } = await client.get(`${JOBS}/ttl`);
      return status === 404 || body.metadata.deletionTimestamp !== undefined;
    });
  });

  it('does not lose or double anything when its controller is killed at any time', async () => {
    const { client, start, pods } = await cluster();
    let stop = await start([startJobs]);
    await client.must('POST', JOBS, job('kill', { [RUN_SECONDS]: '8' }, { completions: 12, parallelism: 4 }));
    for (let life = 0; life < 8; life += 1) {
      await new Promise((resolve) => setTimeout(resolve, 37));
      await stop();
      stop = await start([startJobs]);
    }
    const done = await ended(client, 'kill', 'Complete');
    expect(done.status?.succeeded).toBe(12);
    expect(await pods('job-name=kill')).toHaveLength(12);
  });
});

describe('deployments', () => {
  const deployment = (name: string, spec: JsonObject = {}): JsonObject => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: { replicas: 4, selector: { matchLabels: { app: 'a' } }, template: template(), ...spec },
  });
  const available = (client: Client, name: string, image: string, replicas = 4) =>
    eventually(`${name} has ${replicas} × ${image}`, async () => {
      const { body } = await client.get(`${DEPLOYMENTS}/${name}`);
      const { updatedReplicas, availableReplicas, replicas: all, observedGeneration } = body.status ?? {};
      const done = [updatedReplicas, availableReplicas, all].every((one) => (one ?? 0) === replicas);
      return done && observedGeneration === body.metadata.generation ? body : null;
    });
  const setImage = (client: Client, name: string, image: string) =>
    client.strategic(`${DEPLOYMENTS}/${name}`, {
      spec: { template: { spec: { containers: [{ name: 'main', image }] } } },
    });

  it('rolls to a new template within its bounds, and back to an old one as a new revision', async () => {
    const { client, start, pods } = await cluster();
    await start();
    await client.must('POST', DEPLOYMENTS, deployment('web'));
    const first = await available(client, 'web', 'one');
    expect(condition(first, 'Available')).toMatchObject({ status: 'True', reason: 'MinimumReplicasAvailable' });
    expect(condition(first, 'Progressing')).toMatchObject({ status: 'True', reason: 'NewReplicaSetAvailable' });
    expect(first.metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('1');
    await setImage(client, 'web', 'two');
    let most = 0;
    let least = 9;
    const second = await eventually('it has rolled', async () => {
      const all = (await pods()).filter((one) => one.metadata.deletionTimestamp === undefined);
      most = Math.max(most, all.length);
      least = Math.min(least, all.filter((one) => condition(one, 'Ready').status === 'True').length);
      const { body } = await client.get(`${DEPLOYMENTS}/web`);
      return condition(body, 'Progressing').reason === 'NewReplicaSetAvailable' &&
        body.status?.updatedReplicas === 4 &&
        body.status?.replicas === 4 &&
        body.status?.observedGeneration === body.metadata.generation
        ? body
        : null;
    });
    expect(most).toBeLessThanOrEqual(5);
    expect(least).toBeGreaterThanOrEqual(3);
    expect(second.metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('2');
    await setImage(client, 'web', 'one');
    await available(client, 'web', 'one');
    const sets = items((await client.get(SETS)).body);
    expect(
      sets.map((set) => [set.metadata.annotations?.['deployment.kubernetes.io/revision'], set.spec?.replicas]).sort(),
    ).toEqual([
      ['2', 0],
      ['3', 4],
    ]);
    expect((await pods()).every((one) => one.metadata.labels?.['pod-template-hash'] !== undefined)).toBe(true);
  });

  it('never runs two templates at once with Recreate, and scales', async () => {
    const { client, start, pods } = await cluster();
    await start();
    await client.must('POST', DEPLOYMENTS, deployment('re', { strategy: { type: 'Recreate' } }));
    await available(client, 're', 'one');
    await setImage(client, 're', 'two');
    await eventually('the new template runs', async () => {
      const images = new Set((await pods()).map((one) => textAt(arrayAt(one.spec, 'containers')[0], 'image')));
      expect(images.size).toBeLessThanOrEqual(1);
      return images.has('two');
    });
    await client.strategic(`${DEPLOYMENTS}/re`, { spec: { replicas: 1 } });
    await available(client, 're', 'two', 1);
    await eventually('one pod is left', async () => (await pods()).length === 1);
  });

  it('says when it does not progress', async () => {
    const { client, start } = await cluster();
    await start();
    await client.must(
      'POST',
      DEPLOYMENTS,
      deployment('stuck', { progressDeadlineSeconds: 20, template: template({}, { nodeSelector: { no: 'where' } }) }),
    );
    await eventually('its deadline is over', async () => {
      const found = condition((await client.get(`${DEPLOYMENTS}/stuck`)).body, 'Progressing');
      return found.reason === 'ProgressDeadlineExceeded' && found.status === 'False';
    });
  });
});

describe('replica sets', () => {
  it('replace what is deleted and fails', async () => {
    const { client, start, pods } = await cluster();
    await start();
    const spec = { replicas: 3, selector: { matchLabels: { app: 'a' } }, template: template() };
    await client.must('POST', SETS, { apiVersion: 'apps/v1', kind: 'ReplicaSet', metadata: { name: 'rs' }, spec });
    await eventually(
      'three are available',
      async () => (await client.get(`${SETS}/rs`)).body.status?.availableReplicas === 3,
    );
    const [victim] = await pods();
    await client.must('DELETE', `/api/v1/namespaces/default/pods/${victim!.metadata.name}`);
    await eventually('there are three others', async () => {
      const all = await pods();
      return (
        all.length === 3 &&
        all.every((one) => one.metadata.uid !== victim!.metadata.uid && condition(one, 'Ready').status === 'True')
      );
    });
  });
});

describe('stateful sets', () => {
  it('start in order, keep names and claims, roll from the top and end from the top', async () => {
    const { client, start, pods } = await cluster();
    await start();
    const claim = {
      metadata: { name: 'data' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    };
    await client.must('POST', STATEFUL, {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: 'db' },
      spec: {
        replicas: 3,
        serviceName: 'db',
        selector: { matchLabels: { app: 'a' } },
        template: template(),
        volumeClaimTemplates: [claim],
      },
    });
    await eventually('all are ready, each after the one before', async () => {
      const all = (await pods()).sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
      expect(all.map((one) => one.metadata.name)).toEqual(['db-0', 'db-1', 'db-2'].slice(0, all.length));
      expect(all.slice(0, -1).every((one) => condition(one, 'Ready').status === 'True')).toBe(true);
      return (await client.get(`${STATEFUL}/db`)).body.status?.availableReplicas === 3;
    });
    const claims = items((await client.get('/api/v1/namespaces/default/persistentvolumeclaims')).body);
    expect(claims.map((one) => one.metadata.name)).toEqual(['data-db-0', 'data-db-1', 'data-db-2']);
    const image = (one: KubeObject): string => textAt(arrayAt(one.spec, 'containers')[0], 'image');
    await client.strategic(`${STATEFUL}/db`, {
      spec: { template: { spec: { containers: [{ name: 'main', image: 'two' }] } } },
    });
    await eventually('the top is new, then all are', async () => {
      const all = (await pods()).sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
      const news = all.map((one) => image(one) === 'two');
      expect(news.indexOf(true) === -1 || news.slice(news.indexOf(true)).every(Boolean)).toBe(true);
      const { status } = (await client.get(`${STATEFUL}/db`)).body;
      return (
        status?.updatedReplicas === 3 &&
        status?.currentRevision === status?.updateRevision &&
        status?.readyReplicas === 3
      );
    });
    await client.strategic(`${STATEFUL}/db`, { spec: { replicas: 1 } });
    await eventually('the lowest is left', async () => {
      const names = (await pods()).map((one) => one.metadata.name).sort();
      expect(names).toEqual(['db-0', 'db-1', 'db-2'].slice(0, names.length));
      return names.length === 1;
    });
  });
});
