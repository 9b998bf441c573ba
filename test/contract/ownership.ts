/**
 * How objects go: finalizers, what becomes of dependents, preconditions, namespaces. `ownershipContract` runs against the embedded
 * API and a real kube-apiserver; `collectionContract` needs the garbage collector, the namespace controller and the disruption
 * controller, which the end-to-end control plane has not (it runs no kube-controller-manager): embedded only.
 */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { PATCH_TYPE } from '../../src/kube/patch.ts';
import type { Transport } from '../../src/kube/ports.ts';
import { arrayAt, type JsonObject, type KubeObject, objectAt, textAt } from '../../src/sim/api/object.ts';
import { Client, condition, items } from './client.ts';

const eventually = (check: () => Promise<void>): Promise<void> => vi.waitFor(check, { timeout: 10_000, interval: 5 });

class Space {
  readonly client: Client;
  readonly name: string;

  constructor(client: Client, name: string) {
    this.client = client;
    this.name = name;
  }

  get configMaps(): string {
    return `/api/v1/namespaces/${this.name}/configmaps`;
  }

  get pods(): string {
    return `/api/v1/namespaces/${this.name}/pods`;
  }

  configMap(name: string, metadata: JsonObject = {}): Promise<KubeObject> {
    return this.client.must('POST', this.configMaps, { metadata: { name, ...metadata } });
  }

  pod(name: string, metadata: JsonObject = {}, spec: JsonObject = {}): Promise<KubeObject> {
    const containers = [{ name: 'main', image: 'registry.k8s.io/pause' }];
    return this.client.must('POST', this.pods, {
      metadata: { name, ...metadata },
      spec: { containers, automountServiceAccountToken: false, ...spec },
    });
  }

  merge(path: string, patch: unknown): Promise<KubeObject> {
    return this.client.must('PATCH', path, patch, PATCH_TYPE.merge);
  }

  async isGone(path: string): Promise<boolean> {
    return (await this.client.get(path)).status === 404;
  }
}

function ownedBy(owner: KubeObject, more: JsonObject = {}): JsonObject {
  const { apiVersion, kind, metadata } = owner;
  return { ownerReferences: [{ apiVersion, kind, name: metadata.name, uid: metadata.uid, ...more }] };
}

function spaces(connect: () => Promise<Transport>, prefix: string): () => Promise<Space> {
  let client: Client;
  let counter = 0;
  beforeAll(async () => {
    client = new Client(await connect());
  });
  afterAll(() => client.close());
  return async () => {
    counter += 1;
    const name = `${prefix}${process.pid}-${counter}`;
    await client.must('POST', '/api/v1/namespaces', { metadata: { name } });
    return new Space(client, name);
  };
}

export function ownershipContract(connect: () => Promise<Transport>): void {
  const space = spaces(connect, 'o');

  describe('deletion', () => {
    it.each([
      ['Foreground', 'foregroundDeletion'],
      ['Orphan', 'orphan'],
    ])('with %s the object waits for its dependents', async (propagationPolicy, finalizer) => {
      const at = await space();
      const made = await at.configMap('one');
      const { status, body } = await at.client.call('DELETE', `${at.configMaps}/one`, { propagationPolicy });
      expect(status).toBe(200);
      expect(body).toMatchObject({ kind: 'ConfigMap', metadata: { uid: made.metadata.uid, finalizers: [finalizer] } });
      expect(body.metadata.deletionTimestamp).toBeDefined();
      expect(body.metadata.deletionGracePeriodSeconds).toBe(0);
      await at.client.must('DELETE', `${at.configMaps}/one`, { propagationPolicy: 'Background' });
      expect(await at.isGone(`${at.configMaps}/one`)).toBe(true);
    });

    it('in the background is at once, and answers with what went', async () => {
      const at = await space();
      const made = await at.configMap('one');
      const body = await at.client.must('DELETE', `${at.configMaps}/one`);
      expect(body).toMatchObject({
        kind: 'Status',
        status: 'Success',
        details: { name: 'one', kind: 'configmaps', uid: made.metadata.uid },
      });
    });

    it('of a job leaves its pods, unless somebody says otherwise', async () => {
      const at = await space();
      const jobs = `/apis/batch/v1/namespaces/${at.name}/jobs`;
      const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'm', image: 'i' }] } };
      await at.client.must('POST', jobs, { metadata: { name: 'j' }, spec: { template } });
      expect((await at.client.must('DELETE', `${jobs}/j`)).metadata.finalizers).toEqual(['orphan']);
    });

    it.each([
      ['a policy that does not exist', { propagationPolicy: 'Sometimes' }],
      ['two policies', { propagationPolicy: 'Orphan', orphanDependents: true }],
    ])('with %s is refused', async (_what, options) => {
      const at = await space();
      await at.configMap('one');
      const { status } = await at.client.call('DELETE', `${at.configMaps}/one`, options);
      expect([400, 422]).toContain(status);
    });

    it.each([
      ['uid', { uid: '00000000-0000-0000-0000-000000000000' }],
      ['resourceVersion', { resourceVersion: '1' }],
    ])('with another %s as a precondition is a conflict', async (_what, preconditions) => {
      const at = await space();
      await at.configMap('one');
      const { status, body } = await at.client.call('DELETE', `${at.configMaps}/one`, { preconditions });
      expect(status).toBe(409);
      expect(textAt(body, 'message')).toMatch(
        /^Operation cannot be fulfilled on ConfigMap "one": the (UID|ResourceVersion) in the precondition/,
      );
      expect(await at.isGone(`${at.configMaps}/one`)).toBe(false);
    });

    it('while it lasts takes no new finalizers, and the mark cannot be taken back', async () => {
      const at = await space();
      await at.configMap('one', { finalizers: ['x.dev/a'] });
      const marked = await at.client.must('DELETE', `${at.configMaps}/one`);
      const more = { metadata: { finalizers: ['x.dev/a', 'x.dev/b'] } };
      const added = await at.client.call('PATCH', `${at.configMaps}/one`, more, PATCH_TYPE.merge);
      expect(added.status).toBe(422);
      expect(textAt(added.body, 'message')).toContain(
        'no new finalizers can be added if the object is being deleted, found new finalizers []string{"x.dev/b"}',
      );
      const kept = await at.merge(`${at.configMaps}/one`, {
        metadata: { deletionTimestamp: null, labels: { a: 'b' } },
      });
      expect(kept.metadata.deletionTimestamp).toBe(marked.metadata.deletionTimestamp);
      await at.merge(`${at.configMaps}/one`, { metadata: { finalizers: null } });
      expect(await at.isGone(`${at.configMaps}/one`)).toBe(true);
    });

    it('a finalizer needs a domain', async () => {
      const at = await space();
      const body = { metadata: { name: 'x', finalizers: ['bad'] } };
      expect((await at.client.call('POST', at.configMaps, body)).status).toBe(422);
    });

    it('is a change that the generation counts', async () => {
      const at = await space();
      const made = await at.pod('one', { finalizers: ['x.dev/a'] });
      const marked = await at.client.must('DELETE', `${at.pods}/one`);
      expect([made.metadata.generation, marked.metadata.generation]).toEqual([1, 2]);
      await at.merge(`${at.pods}/one`, { metadata: { finalizers: null } });
    });

    it('of a collection passes over what is held', async () => {
      const at = await space();
      await at.configMap('one', { labels: { go: 'yes' } });
      await at.configMap('two', { labels: { go: 'yes' }, finalizers: ['x.dev/a'] });
      await at.configMap('three');
      await at.client.must('DELETE', `${at.configMaps}?labelSelector=go%3Dyes`);
      const left = items((await at.client.get(at.configMaps)).body).map((one) => one.metadata.name);
      expect(left.filter((name) => name !== 'kube-root-ca.crt')).toEqual(['three', 'two']);
      await at.merge(`${at.configMaps}/two`, { metadata: { finalizers: null } });
    });
  });

  describe('namespaces', () => {
    it('that go are marked, refuse new content with its cause, and wait for their finalizer', async () => {
      const at = await space();
      const path = `/api/v1/namespaces/${at.name}`;
      await at.configMap('one');
      const marked = await at.client.must('DELETE', path);
      expect(marked).toMatchObject({
        kind: 'Namespace',
        spec: { finalizers: ['kubernetes'] },
        status: { phase: 'Terminating' },
      });
      const refused = await at.client.call('POST', at.configMaps, { metadata: { name: 'two' } });
      expect(refused).toMatchObject({
        status: 403,
        body: {
          reason: 'Forbidden',
          message: `configmaps "two" is forbidden: unable to create new content in namespace ${at.name} because it is being terminated`,
          details: {
            name: 'two',
            kind: 'configmaps',
            causes: [
              {
                reason: 'NamespaceTerminating',
                message: `namespace ${at.name} is being terminated`,
                field: 'metadata.namespace',
              },
            ],
          },
        },
      });
      expect(
        (await at.client.call('PATCH', `${at.configMaps}/one`, { data: { a: 'b' } }, PATCH_TYPE.merge)).status,
      ).toBe(200);
      await at.client.must('DELETE', `${at.configMaps}/one`);
      const now = (await at.client.get(path)).body;
      await at.client.must('PUT', `${path}/finalize`, { ...now, spec: { finalizers: [] } });
      expect(await at.isGone(path)).toBe(true);
    });

    it('cannot lose their finalizer by an update', async () => {
      const at = await space();
      const path = `/api/v1/namespaces/${at.name}`;
      const { body } = await at.client.call('PATCH', path, { spec: { finalizers: [] } }, PATCH_TYPE.merge);
      expect(body.spec?.finalizers).toEqual(['kubernetes']);
    });

    it.each(['default', 'kube-system'])('%s stays', async (name) => {
      const at = await space();
      const { status, body } = await at.client.call('DELETE', `/api/v1/namespaces/${name}`);
      expect(status).toBe(403);
      expect(textAt(body, 'message')).toBe(`namespaces "${name}" is forbidden: this namespace may not be deleted`);
    });
  });

  describe('eviction', () => {
    async function guarded(budget: JsonObject, status: JsonObject, ready: boolean): Promise<Space> {
      const at = await space();
      const budgets = `/apis/policy/v1/namespaces/${at.name}/poddisruptionbudgets`;
      await at.pod('p', { labels: { app: 'x' } });
      const conditions = ready ? [{ type: 'Ready', status: 'True' }] : [];
      await at.client.must(
        'PATCH',
        `${at.pods}/p/status`,
        { status: { phase: 'Running', conditions } },
        PATCH_TYPE.strategic,
      );
      const made = await at.client.must('POST', budgets, {
        metadata: { name: 'b' },
        spec: { selector: { matchLabels: { app: 'x' } }, ...budget },
      });
      const counts = { currentHealthy: 0, desiredHealthy: 0, disruptionsAllowed: 0, expectedPods: 1 };
      await at.client.must('PUT', `${budgets}/b/status`, {
        ...made,
        status: { ...counts, observedGeneration: 1, ...status },
      });
      return at;
    }
    const evict = (at: Space, more: JsonObject = {}, query = '') =>
      at.client.call('POST', `${at.pods}/p/eviction${query}`, {
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata: { name: 'p' },
        ...more,
      });

    it('is refused with its cause while the budget is spent', async () => {
      const at = await guarded({ minAvailable: 1 }, { currentHealthy: 1, desiredHealthy: 1 }, true);
      const { status, body } = await evict(at);
      expect(status).toBe(429);
      expect(body).toMatchObject({
        reason: 'TooManyRequests',
        message: "Cannot evict pod as it would violate the pod's disruption budget.",
        details: {
          causes: [
            {
              reason: 'DisruptionBudget',
              message: 'The disruption budget b needs 1 healthy pods and has 1 currently',
            },
          ],
        },
      });
    });

    it.each([
      [
        'a pod that is not ready goes while enough others are healthy',
        { minAvailable: 1 },
        { currentHealthy: 1, desiredHealthy: 1 },
        201,
      ],
      [
        'a pod that is not ready stays while too few are',
        { minAvailable: 2 },
        { currentHealthy: 1, desiredHealthy: 2 },
        429,
      ],
      [
        'AlwaysAllow lets a pod go that is not ready',
        { minAvailable: 2, unhealthyPodEvictionPolicy: 'AlwaysAllow' },
        { currentHealthy: 1, desiredHealthy: 2 },
        201,
      ],
    ])('%s', async (_what, budget, status, code) => {
      expect((await evict(await guarded(budget, status, false))).status).toBe(code);
    });

    it('as a dry run spends and deletes nothing', async () => {
      const at = await guarded(
        { minAvailable: 1 },
        { currentHealthy: 2, desiredHealthy: 1, disruptionsAllowed: 1 },
        true,
      );
      expect((await evict(at, {}, '?dryRun=All')).status).toBe(201);
      expect((await evict(at, { deleteOptions: { dryRun: ['All'] } })).status).toBe(201);
      const budget = (await at.client.get(`/apis/policy/v1/namespaces/${at.name}/poddisruptionbudgets/b`)).body;
      expect(budget.status?.disruptionsAllowed).toBe(1);
      expect((await at.client.get(`${at.pods}/p`)).body.metadata.deletionTimestamp).toBeUndefined();
    });

    it('with another version as a precondition is a conflict', async () => {
      const at = await guarded(
        { minAvailable: 1 },
        { currentHealthy: 2, desiredHealthy: 1, disruptionsAllowed: 1 },
        true,
      );
      expect((await evict(at, { deleteOptions: { preconditions: { resourceVersion: '1' } } })).status).toBe(409);
    });
  });
}

export function collectionContract(connect: () => Promise<Transport>): void {
  const space = spaces(connect, 'g');

  describe('garbage collection', () => {
    it('takes what belonged to a deleted owner, whole chains of it', async () => {
      const at = await space();
      const owner = await at.configMap('owner');
      const child = await at.configMap('child', ownedBy(owner));
      await at.configMap('grandchild', ownedBy(child));
      await at.configMap('other');
      await at.client.must('DELETE', `${at.configMaps}/owner`);
      await eventually(async () => void expect(await at.isGone(`${at.configMaps}/grandchild`)).toBe(true));
      expect(await at.isGone(`${at.configMaps}/child`)).toBe(true);
      expect(await at.isGone(`${at.configMaps}/other`)).toBe(false);
    });

    it('goes by uid: another owner of the same name is none', async () => {
      const at = await space();
      const owner = await at.configMap('owner');
      await at.client.must('DELETE', `${at.configMaps}/owner`);
      await at.configMap('owner');
      await at.configMap('child', ownedBy(owner));
      await eventually(async () => void expect(await at.isGone(`${at.configMaps}/child`)).toBe(true));
    });

    it('keeps what has another owner, without the one that is gone', async () => {
      const at = await space();
      const [one, two] = [await at.configMap('one'), await at.configMap('two')];
      const both = { ownerReferences: [one, two].flatMap((owner) => arrayAt(ownedBy(owner), 'ownerReferences')) };
      await at.configMap('child', both);
      await at.client.must('DELETE', `${at.configMaps}/one`);
      await eventually(async () => {
        const { body } = await at.client.get(`${at.configMaps}/child`);
        expect(body.metadata.ownerReferences?.map((owner) => owner.name)).toEqual(['two']);
      });
    });

    it('in the foreground takes the dependents first', async () => {
      const at = await space();
      const owner = await at.configMap('owner');
      await at.configMap('held', { ...ownedBy(owner, { blockOwnerDeletion: true }), finalizers: ['x.dev/wait'] });
      await at.configMap('free', ownedBy(owner, { blockOwnerDeletion: true }));
      await at.client.must('DELETE', `${at.configMaps}/owner`, { propagationPolicy: 'Foreground' });
      await eventually(async () => {
        expect(await at.isGone(`${at.configMaps}/free`)).toBe(true);
        expect((await at.client.get(`${at.configMaps}/held`)).body.metadata.deletionTimestamp).toBeDefined();
      });
      expect(await at.isGone(`${at.configMaps}/owner`)).toBe(false);
      await at.merge(`${at.configMaps}/held`, { metadata: { finalizers: null } });
      await eventually(async () => void expect(await at.isGone(`${at.configMaps}/owner`)).toBe(true));
    });

    it('in the foreground does not wait for dependents that do not block', async () => {
      const at = await space();
      const owner = await at.configMap('owner');
      await at.configMap('held', { ...ownedBy(owner), finalizers: ['x.dev/wait'] });
      await at.client.must('DELETE', `${at.configMaps}/owner`, { propagationPolicy: 'Foreground' });
      await eventually(async () => void expect(await at.isGone(`${at.configMaps}/owner`)).toBe(true));
      await at.merge(`${at.configMaps}/held`, { metadata: { finalizers: null } });
    });

    it('orphans keep living without their owner', async () => {
      const at = await space();
      const owner = await at.configMap('owner');
      await at.configMap('child', ownedBy(owner));
      await at.client.must('DELETE', `${at.configMaps}/owner`, { propagationPolicy: 'Orphan' });
      await eventually(async () => void expect(await at.isGone(`${at.configMaps}/owner`)).toBe(true));
      const { body } = await at.client.get(`${at.configMaps}/child`);
      expect(body.metadata.ownerReferences ?? []).toEqual([]);
    });

    it('knows owners of the cluster; an owner of a kind that nobody serves proves nothing', async () => {
      const at = await space();
      const name = `${at.name}-node`;
      const node = await at.client.must('POST', '/api/v1/nodes', { metadata: { name } });
      await at.configMap('child', ownedBy(node));
      const unknown = { apiVersion: 'x.dev/v1', kind: 'Gizmo', metadata: { name: 'g', uid: 'u' } } as KubeObject;
      await at.configMap('strange', ownedBy(unknown));
      await at.client.must('DELETE', `/api/v1/nodes/${name}`);
      await eventually(async () => void expect(await at.isGone(`${at.configMaps}/child`)).toBe(true));
      expect(await at.isGone(`${at.configMaps}/strange`)).toBe(false);
    });
  });

  describe('namespaces', () => {
    it('are emptied, wait for what is held, say so, and go', async () => {
      const at = await space();
      const path = `/api/v1/namespaces/${at.name}`;
      await at.configMap('free');
      await at.configMap('held', { finalizers: ['x.dev/wait'] });
      await at.client.must('DELETE', path);
      await eventually(async () => {
        expect(await at.isGone(`${at.configMaps}/free`)).toBe(true);
        const { body } = await at.client.get(path);
        expect(condition(body, 'NamespaceFinalizersRemaining')).toMatchObject({
          status: 'True',
          reason: 'SomeFinalizersRemain',
          message: 'Some content in the namespace has finalizers remaining: x.dev/wait in 1 resource instances',
        });
      });
      await at.merge(`${at.configMaps}/held`, { metadata: { finalizers: null } });
      await eventually(async () => void expect(await at.isGone(path)).toBe(true));
    });
  });

  describe('disruption budgets', () => {
    const budgetsOf = (at: Space) => `/apis/policy/v1/namespaces/${at.name}/poddisruptionbudgets`;

    async function replicaSet(at: Space, replicas: number): Promise<KubeObject> {
      return at.client.must('POST', `/apis/apps/v1/namespaces/${at.name}/replicasets`, {
        metadata: { name: 'rs' },
        spec: {
          replicas,
          selector: { matchLabels: { app: 'x' } },
          template: { metadata: { labels: { app: 'x' } }, spec: { containers: [{ name: 'm', image: 'i' }] } },
        },
      });
    }

    async function readyPods(at: Space, count: number, owner: KubeObject | null): Promise<void> {
      for (let index = 0; index < count; index += 1) {
        const owned = owner === null ? {} : ownedBy(owner, { controller: true });
        await at.pod(`p${index}`, { labels: { app: 'x' }, ...owned });
        const status = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
        await at.client.must('PATCH', `${at.pods}/p${index}/status`, { status }, PATCH_TYPE.strategic);
      }
    }

    it.each([
      ['minAvailable 2 of 3', { minAvailable: 2 }, 3, { desiredHealthy: 2, disruptionsAllowed: 1, expectedPods: 3 }],
      [
        'minAvailable 50% of 3',
        { minAvailable: '50%' },
        3,
        { desiredHealthy: 2, disruptionsAllowed: 1, expectedPods: 3 },
      ],
      [
        'maxUnavailable 1 of 3',
        { maxUnavailable: 1 },
        3,
        { desiredHealthy: 2, disruptionsAllowed: 1, expectedPods: 3 },
      ],
      [
        'maxUnavailable 50% of 3',
        { maxUnavailable: '50%' },
        3,
        { desiredHealthy: 1, disruptionsAllowed: 2, expectedPods: 3 },
      ],
      ['more than there are', { minAvailable: 5 }, 3, { desiredHealthy: 5, disruptionsAllowed: 0, expectedPods: 3 }],
    ])('%s', async (_what, budget, count, expected) => {
      const at = await space();
      await readyPods(at, count, await replicaSet(at, count));
      const spec = { selector: { matchLabels: { app: 'x' } }, ...budget };
      await at.client.must('POST', budgetsOf(at), { metadata: { name: 'b' }, spec });
      await eventually(async () => {
        const { body } = await at.client.get(`${budgetsOf(at)}/b`);
        expect(body.status).toMatchObject({ ...expected, currentHealthy: count, observedGeneration: 1 });
        expect(condition(body, 'DisruptionAllowed')).toMatchObject(
          expected.disruptionsAllowed > 0
            ? { status: 'True', reason: 'SufficientPods' }
            : { status: 'False', reason: 'InsufficientPods' },
        );
      });
    });

    it('two evictions at once: one spends the budget, the other is refused', async () => {
      const at = await space();
      await readyPods(at, 2, null);
      const spec = { minAvailable: 1, selector: { matchLabels: { app: 'x' } } };
      await at.client.must('POST', budgetsOf(at), { metadata: { name: 'b' }, spec });
      const allowed = async (): Promise<unknown> =>
        objectAt((await at.client.get(`${budgetsOf(at)}/b`)).body, 'status').disruptionsAllowed;
      await eventually(async () => void expect(await allowed()).toBe(1));
      const evict = (name: string) =>
        at.client.call('POST', `${at.pods}/${name}/eviction`, {
          apiVersion: 'policy/v1',
          kind: 'Eviction',
          metadata: { name },
        });
      const answers = await Promise.all([evict('p0'), evict('p1')]);
      expect(answers.map((one) => one.status).sort()).toEqual([201, 429]);
      await eventually(async () => void expect(await allowed()).toBe(0));
    });
  });
}
