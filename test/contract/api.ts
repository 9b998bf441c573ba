/**
 * What Muster relies on of a Kubernetes API server, as one suite. It runs against the embedded API (test/unit) and against a
 * real kube-apiserver (test/e2e): a case that fails on one side only is a defect of the embedded one, or a line in its README.
 * Every case works in a namespace of its own and needs no controller, kubelet or scheduler.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PATCH_TYPE } from '../../src/kube/patch.ts';
import type { Transport } from '../../src/kube/ports.ts';
import { arrayAt, type JsonObject, type KubeObject, objectAt, textAt } from '../../src/sim/api/object.ts';
import { Client, condition, items, listVersion } from './client.ts';

let counter = 0;
function next(): number {
  counter += 1;
  return counter;
}

export function apiContract(connect: () => Promise<Transport>): void {
  let client: Client;
  const run = `c${process.pid}`;

  beforeAll(async () => {
    client = new Client(await connect());
  });
  afterAll(() => client.close());

  /** A fresh namespace and the path of its pods. */
  async function pods(): Promise<{ namespace: string; path: string }> {
    const namespace = `${run}-${next()}`;
    await client.must('POST', '/api/v1/namespaces', { metadata: { name: namespace } });
    return { namespace, path: `/api/v1/namespaces/${namespace}/pods` };
  }

  const pod = (name: string, spec: JsonObject = {}, metadata: JsonObject = {}) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, ...metadata },
    spec: {
      containers: [{ name: 'main', image: 'registry.k8s.io/pause' }],
      automountServiceAccountToken: false,
      ...spec,
    },
  });
  const bindingOf = (bound: KubeObject, node: string, metadata: JsonObject = {}) => ({
    apiVersion: 'v1',
    kind: 'Binding',
    metadata: { name: bound.metadata.name, uid: bound.metadata.uid, ...metadata },
    target: { apiVersion: 'v1', kind: 'Node', name: node },
  });

  describe('objects', () => {
    it('a created pod gets uid, version, creation time and defaults', async () => {
      const { path } = await pods();
      const { status, body } = await client.call('POST', path, pod('one'));
      expect(status).toBe(201);
      expect(body.metadata.uid).toMatch(/^[0-9a-f-]{36}$/);
      expect(Number(body.metadata.resourceVersion)).toBeGreaterThan(0);
      expect(body.metadata.creationTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      expect(body.spec).toMatchObject({
        schedulerName: 'default-scheduler',
        terminationGracePeriodSeconds: 30,
        priority: 0,
      });
      expect(body.status).toMatchObject({ phase: 'Pending', qosClass: 'BestEffort' });
    });

    it('generateName makes different names that begin with it', async () => {
      const { path } = await pods();
      const one = await client.must('POST', path, { ...pod(''), metadata: { generateName: 'job-' } });
      const two = await client.must('POST', path, { ...pod(''), metadata: { generateName: 'job-' } });
      expect(one.metadata.name).toMatch(/^job-[a-z0-9]{5}$/);
      expect(two.metadata.name).not.toBe(one.metadata.name);
    });

    it.each([
      ['a name that is taken', async (path: string) => client.call('POST', path, pod('taken')), 409, 'AlreadyExists'],
      [
        'a pod without containers',
        async (path: string) => client.call('POST', path, pod('x', { containers: [] })),
        422,
        'Invalid',
      ],
      ['a name with capitals', async (path: string) => client.call('POST', path, pod('Big')), 422, 'Invalid'],
      [
        'an annotation key whose name part has 64 characters',
        async (path: string) =>
          client.call('POST', path, pod('x', {}, { annotations: { [`muster.dev/${'k'.repeat(64)}`]: '' } })),
        422,
        'Invalid',
      ],
      [
        'a namespace that does not exist',
        async () => client.call('POST', '/api/v1/namespaces/no-such-namespace/pods', pod('x')),
        404,
        'NotFound',
      ],
      [
        'a priority class that does not exist',
        async (path: string) => client.call('POST', path, pod('x', { priorityClassName: 'no-such' })),
        403,
        'Forbidden',
      ],
      [
        'a body that is not JSON',
        async (path: string) => client.call('POST', path, Buffer.from('{"half":')),
        400,
        'BadRequest',
      ],
      [
        'an object of another kind',
        async (path: string) => client.call('POST', path, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'x' } }),
        400,
        'BadRequest',
      ],
      ['reading what is not there', async (path: string) => client.get(`${path}/nobody`), 404, 'NotFound'],
      ['a resource that does not exist', async () => client.get('/api/v1/gizmos'), 404, 'NotFound'],
    ] as const)('%s is refused with its Status', async (_what, attempt, code, reason) => {
      const { path } = await pods();
      await client.must('POST', path, pod('taken'));
      const { status, body } = await attempt(path);
      expect(status).toBe(code);
      if (reason !== 'NotFound' || textAt(body, 'kind') !== '')
        expect(body).toMatchObject({ kind: 'Status', status: 'Failure', reason, code });
    });

    it('an object of a list does not say its kind, one that is asked for does', async () => {
      const { path } = await pods();
      await client.must('POST', path, pod('one'));
      const [listed] = items(await client.must('GET', path));
      expect(listed).toMatchObject({ metadata: { name: 'one' } });
      expect([listed?.kind, listed?.apiVersion]).toEqual([undefined, undefined]);
      expect(await client.must('GET', `${path}/one`)).toMatchObject({ kind: 'Pod', apiVersion: 'v1' });
    });

    it('an Event is one in both APIs, each with its own names', async () => {
      const { namespace } = await pods();
      const regarding = { kind: 'Pod', namespace, name: 'one', apiVersion: 'v1' };
      const told = { reason: 'Tested', type: 'Normal', action: 'Testing' };
      const newer = `/apis/events.k8s.io/v1/namespaces/${namespace}/events`;
      const older = `/api/v1/namespaces/${namespace}/events`;
      const made = await client.must('POST', newer, {
        metadata: { name: 'told' },
        eventTime: '2020-01-01T00:00:00.000000Z',
        reportingController: 'test',
        reportingInstance: 'test-0',
        note: 'it happened',
        regarding,
        ...told,
      });
      expect(made).toMatchObject({ apiVersion: 'events.k8s.io/v1', note: 'it happened', regarding });
      const seen = await client.must('GET', `${older}/told`);
      expect(seen).toMatchObject({ apiVersion: 'v1', message: 'it happened', involvedObject: regarding, ...told });
      expect(seen.metadata.uid).toBe(made.metadata.uid);
      expect('note' in seen).toBe(false);
      const counted = await client.must('PATCH', `${older}/told`, { count: 3 }, PATCH_TYPE.merge);
      expect(await client.must('GET', `${newer}/told`)).toMatchObject({
        deprecatedCount: 3,
        metadata: { resourceVersion: counted.metadata.resourceVersion },
      });
      const selected = `${older}?fieldSelector=${encodeURIComponent('involvedObject.name=one')}`;
      expect(items(await client.must('GET', selected))).toHaveLength(1);
      await client.must('DELETE', `${newer}/told`);
      expect((await client.get(`${older}/told`)).status).toBe(404);
    });

    it('an update with an old resourceVersion is a conflict and changes nothing', async () => {
      const { path } = await pods();
      const first = await client.must('POST', path, pod('one'));
      const second = await client.must('PUT', `${path}/one`, {
        ...first,
        metadata: { ...first.metadata, labels: { a: '1' } },
      });
      expect(Number(second.metadata.resourceVersion)).toBeGreaterThan(Number(first.metadata.resourceVersion));
      const stale = await client.call('PUT', `${path}/one`, {
        ...first,
        metadata: { ...first.metadata, labels: { a: '2' } },
      });
      expect(stale).toMatchObject({ status: 409, body: { reason: 'Conflict' } });
      expect((await client.get(`${path}/one`)).body.metadata.labels).toEqual({ a: '1' });
    });

    it('a write that changes nothing keeps the resourceVersion', async () => {
      const { path } = await pods();
      const made = await client.must('POST', path, pod('one', {}, { labels: { a: '1' } }));
      const same = await client.strategic(`${path}/one`, { metadata: { labels: { a: '1' } } });
      expect(same.body.metadata.resourceVersion).toBe(made.metadata.resourceVersion);
    });

    it('the spec of a pod cannot change, its labels can', async () => {
      const { path } = await pods();
      await client.must('POST', path, pod('one'));
      expect((await client.strategic(`${path}/one`, { spec: { nodeName: 'n1' } })).status).toBe(422);
      expect((await client.strategic(`${path}/one`, { metadata: { labels: { a: '1' } } })).status).toBe(200);
    });
  });

  describe('patches', () => {
    it('a JSON patch applies its operations, and a failed test changes nothing', async () => {
      const { path } = await pods();
      await client.must('POST', path, pod('one', {}, { annotations: { 'muster.dev/a': '1' } }));
      const operations = [
        { op: 'test', path: '/metadata/annotations/muster.dev~1a', value: '1' },
        { op: 'replace', path: '/metadata/annotations/muster.dev~1a', value: '2' },
      ];
      const done = await client.call('PATCH', `${path}/one`, operations, PATCH_TYPE.json);
      expect(done.body.metadata.annotations).toEqual({ 'muster.dev/a': '2' });
      const again = await client.call('PATCH', `${path}/one`, operations, PATCH_TYPE.json);
      expect(again.status).toBe(422);
    });

    it('a merge patch deletes with null and replaces lists', async () => {
      const { namespace } = await pods();
      const path = `/api/v1/namespaces/${namespace}/configmaps`;
      await client.must('POST', path, { metadata: { name: 'one' }, data: { a: '1', b: '2' } });
      const { body } = await client.call('PATCH', `${path}/one`, { data: { a: null, c: '3' } }, PATCH_TYPE.merge);
      expect(body.data).toEqual({ b: '2', c: '3' });
    });

    it('a strategic patch merges conditions by type', async () => {
      const { path } = await pods();
      await client.must('POST', path, pod('one', { schedulingGates: [{ name: 'x.dev/wait' }] }));
      const ours = { type: 'muster.dev/Planned', status: 'True' };
      const { body } = await client.strategic(`${path}/one/status`, { status: { conditions: [ours] } });
      expect(
        arrayAt(body.status, 'conditions')
          .map((one) => textAt(one, 'type'))
          .sort(),
      ).toEqual(['PodScheduled', 'muster.dev/Planned']);
    });

    it('a strategic patch removes one scheduling gate by name and leaves the others', async () => {
      const { path } = await pods();
      await client.must(
        'POST',
        path,
        pod('one', { schedulingGates: [{ name: 'x.dev/ours' }, { name: 'y.dev/theirs' }] }),
      );
      const { body } = await client.strategic(`${path}/one`, {
        spec: { schedulingGates: [{ $patch: 'delete', name: 'x.dev/ours' }] },
      });
      expect(body.spec?.schedulingGates).toEqual([{ name: 'y.dev/theirs' }]);
    });

    it('a gate cannot be put back', async () => {
      const { path } = await pods();
      await client.must('POST', path, pod('one'));
      const { status, body } = await client.strategic(`${path}/one`, {
        spec: { schedulingGates: [{ name: 'x.dev/late' }] },
      });
      expect(status).toBe(422);
      expect(textAt(body, 'message')).toContain('only deletion is allowed');
    });

    it('one status patch writes annotations, nomination and a condition together, and leaves the spec alone', async () => {
      const { path } = await pods();
      await client.must('POST', path, pod('one', { schedulingGates: [{ name: 'x.dev/wait' }] }));
      const { body } = await client.strategic(`${path}/one/status`, {
        metadata: { annotations: { 'muster.dev/plan': 'p' } },
        spec: { nodeName: 'n1' },
        status: { nominatedNodeName: 'n1', conditions: [{ type: 'muster.dev/Planned', status: 'True' }] },
      });
      expect(body.metadata.annotations).toMatchObject({ 'muster.dev/plan': 'p' });
      expect(body.status).toMatchObject({ nominatedNodeName: 'n1' });
      expect(body.spec?.nodeName).toBeUndefined();
    });

    it('a patch of the pod itself ignores status', async () => {
      const { path } = await pods();
      await client.must('POST', path, pod('one'));
      const { body } = await client.strategic(`${path}/one`, {
        metadata: { labels: { a: '1' } },
        status: { phase: 'Running' },
      });
      expect(body.status?.phase).toBe('Pending');
    });

    it('a node status patch adds an extended resource beside the others', async () => {
      const name = `${run}-node-${next()}`;
      await client.must('POST', '/api/v1/nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name } });
      await client.must(
        'PATCH',
        `/api/v1/nodes/${name}/status`,
        { status: { capacity: { cpu: '8' }, allocatable: { cpu: '8' } } },
        PATCH_TYPE.strategic,
      );
      const { body } = await client.strategic(`/api/v1/nodes/${name}/status`, {
        status: { capacity: { 'muster.dev/gpu-milli': '8500' }, allocatable: { 'muster.dev/gpu-milli': '8500' } },
      });
      // not a round thousand: the real API server answers `8k` for 8000, the embedded one keeps the text (its README says so)
      expect(body.status?.allocatable).toEqual({ cpu: '8', 'muster.dev/gpu-milli': '8500' });
      await client.must('DELETE', `/api/v1/nodes/${name}`);
    });

    it('an unknown patch type is answered with 415', async () => {
      const { path } = await pods();
      await client.must('POST', path, pod('one'));
      expect((await client.call('PATCH', `${path}/one`, {}, 'application/json')).status).toBe(415);
    });
  });

  describe('binding', () => {
    it('writes node, annotations, labels and PodScheduled in one version, and clears the nomination', async () => {
      const { path } = await pods();
      const made = await client.must('POST', path, pod('one', {}, { annotations: { keep: 'me' } }));
      const nominated = await client.strategic(`${path}/one/status`, { status: { nominatedNodeName: 'n9' } });
      const watch = await client.watch(`${path}?watch=true&resourceVersion=${nominated.body.metadata.resourceVersion}`);
      const claim = { annotations: { 'muster.dev/claim': 'c' }, labels: { zone: 'a' } };
      const answer = await client.call('POST', `${path}/one/binding`, bindingOf(made, 'n1', claim));
      expect(answer).toMatchObject({ status: 201, body: { kind: 'Status', status: 'Success' } });
      const event = await watch.next();
      watch.abort();
      expect(event?.object.spec?.nodeName).toBe('n1');
      expect(event?.object.metadata.annotations).toMatchObject({ keep: 'me', 'muster.dev/claim': 'c' });
      expect(event?.object.metadata.labels).toMatchObject({ zone: 'a' });
      expect(condition(event!.object, 'PodScheduled').status).toBe('True');
      expect(event?.object.status?.nominatedNodeName).toBeUndefined();
    });

    it.each([
      [
        'the uid of an earlier pod',
        {},
        (made: KubeObject) =>
          bindingOf({ ...made, metadata: { ...made.metadata, uid: '00000000-0000-0000-0000-000000000000' } }, 'n1'),
        'Precondition failed',
      ],
      [
        'a pod that is gated',
        { schedulingGates: [{ name: 'x.dev/wait' }] },
        (made: KubeObject) => bindingOf(made, 'n1'),
        'schedulingGates',
      ],
    ] as const)('%s is refused and binds nothing', async (_what, spec, binding, text) => {
      const { path } = await pods();
      const made = await client.must('POST', path, pod('one', spec));
      const { status, body } = await client.call('POST', `${path}/one/binding`, binding(made));
      expect([409, 422]).toContain(status);
      expect(textAt(body, 'message')).toContain(text);
      expect((await client.get(`${path}/one`)).body.spec?.nodeName).toBeUndefined();
    });

    it('a second Binding is refused and keeps the first node and annotations', async () => {
      const { path } = await pods();
      const made = await client.must('POST', path, pod('one'));
      await client.must('POST', `${path}/one/binding`, bindingOf(made, 'n1', { annotations: { a: '1' } }));
      const second = await client.call(
        'POST',
        `${path}/one/binding`,
        bindingOf(made, 'n2', { annotations: { a: '2' } }),
      );
      expect(second).toMatchObject({ status: 409, body: { reason: 'Conflict' } });
      expect(textAt(second.body, 'message')).toContain('already assigned to node');
      const { body } = await client.get(`${path}/one`);
      expect([body.spec?.nodeName, body.metadata.annotations?.a]).toEqual(['n1', '1']);
    });

    it('a pod that does not exist cannot be bound', async () => {
      const { path } = await pods();
      const binding = {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { name: 'no' },
        target: { kind: 'Node', name: 'n1' },
      };
      expect((await client.call('POST', `${path}/no/binding`, binding)).status).toBe(404);
    });
  });

  describe('deletion', () => {
    it('an unbound pod goes at once', async () => {
      const { path } = await pods();
      await client.must('POST', path, pod('one'));
      await client.must('DELETE', `${path}/one`);
      expect((await client.get(`${path}/one`)).status).toBe(404);
    });

    it('a bound pod stays, marked, until it is deleted with grace 0, and cannot be bound meanwhile', async () => {
      const { path } = await pods();
      const made = await client.must('POST', path, pod('one', { terminationGracePeriodSeconds: 7 }));
      await client.must('POST', `${path}/one/binding`, bindingOf(made, 'n1'));
      await client.must('DELETE', `${path}/one`);
      const { body } = await client.get(`${path}/one`);
      expect(body.metadata.deletionTimestamp).toBeDefined();
      expect(body.metadata.deletionGracePeriodSeconds).toBe(7);
      await client.must('DELETE', `${path}/one`, { gracePeriodSeconds: 0 });
      expect((await client.get(`${path}/one`)).status).toBe(404);
    });

    it('a finalizer keeps the object until it is removed', async () => {
      const { path } = await pods();
      await client.must('POST', path, pod('one', {}, { finalizers: ['muster.dev/hold'] }));
      await client.must('DELETE', `${path}/one`);
      expect((await client.get(`${path}/one`)).body.metadata.deletionTimestamp).toBeDefined();
      await client.must('PATCH', `${path}/one`, { metadata: { finalizers: null } }, PATCH_TYPE.merge);
      expect((await client.get(`${path}/one`)).status).toBe(404);
    });

    it('a wrong uid in the preconditions deletes nothing', async () => {
      const { path } = await pods();
      await client.must('POST', path, pod('one'));
      const options = { preconditions: { uid: '00000000-0000-0000-0000-000000000000' } };
      expect((await client.call('DELETE', `${path}/one`, options)).status).toBe(409);
      expect((await client.get(`${path}/one`)).status).toBe(200);
    });

    it('a collection is deleted by its selector', async () => {
      const { path } = await pods();
      for (const name of ['a', 'b', 'c'])
        await client.must('POST', path, pod(name, {}, { labels: { go: String(name !== 'c') } }));
      await client.must('DELETE', `${path}?labelSelector=go%3Dtrue`);
      expect(items((await client.get(path)).body).map((one) => one.metadata.name)).toEqual(['c']);
    });
  });

  describe('eviction', () => {
    const eviction = (name: string) => ({ apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name } });

    /** A bound, running pod behind a budget that allows so many disruptions. */
    async function guarded(allowed: number): Promise<{ path: string; budgets: string }> {
      const { namespace, path } = await pods();
      const budgets = `/apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets`;
      const made = await client.must('POST', path, pod('one', {}, { labels: { app: 'a' } }));
      await client.must('POST', `${path}/one/binding`, bindingOf(made, 'n1'));
      await client.must(
        'PATCH',
        `${path}/one/status`,
        { status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] } },
        PATCH_TYPE.strategic,
      );
      const budget = await client.must('POST', budgets, {
        metadata: { name: 'pdb' },
        spec: { minAvailable: 0, selector: { matchLabels: { app: 'a' } } },
      });
      const status = {
        observedGeneration: budget.metadata.generation,
        disruptionsAllowed: allowed,
        currentHealthy: 1,
        desiredHealthy: 1 - allowed,
        expectedPods: 1,
      };
      await client.must('PATCH', `${budgets}/pdb/status`, { status }, PATCH_TYPE.merge);
      return { path, budgets };
    }

    it('is refused with 429 while the budget allows no disruption', async () => {
      const { path } = await guarded(0);
      const { status, body } = await client.call('POST', `${path}/one/eviction`, eviction('one'));
      expect([status, textAt(body, 'reason')]).toEqual([429, 'TooManyRequests']);
      expect(textAt(body, 'message')).toContain('disruption budget');
      expect((await client.get(`${path}/one`)).body.metadata.deletionTimestamp).toBeUndefined();
    });

    it('spends the budget, marks the pod and deletes it with its grace', async () => {
      const { path, budgets } = await guarded(1);
      expect((await client.call('POST', `${path}/one/eviction`, eviction('one'))).status).toBe(201);
      const { body } = await client.get(`${path}/one`);
      expect(body.metadata.deletionTimestamp).toBeDefined();
      expect(condition(body, 'DisruptionTarget').status).toBe('True');
      const budget = await client.get(`${budgets}/pdb`);
      expect(budget.body.status?.disruptionsAllowed).toBe(0);
      expect(Object.keys(objectAt(budget.body.status, 'disruptedPods'))).toEqual(['one']);
    });

    it('of a pod without a budget deletes it', async () => {
      const { path } = await pods();
      await client.must('POST', path, pod('one'));
      expect((await client.call('POST', `${path}/one/eviction`, eviction('one'))).status).toBe(201);
      expect((await client.get(`${path}/one`)).status).toBe(404);
    });
  });

  describe('lists', () => {
    it('pages follow each other in order and show the version of the first page', async () => {
      const { path } = await pods();
      for (const name of ['a', 'b', 'c', 'd', 'e']) await client.must('POST', path, pod(name));
      const first = (await client.get(`${path}?limit=2`)).body;
      await client.must('DELETE', `${path}/d`);
      await client.must('POST', path, pod('f'));
      const names = items(first).map((one) => one.metadata.name);
      let token = textAt(first.metadata, 'continue');
      while (token !== '') {
        const following = (await client.get(`${path}?limit=2&continue=${encodeURIComponent(token)}`)).body;
        expect(listVersion(following)).toBe(listVersion(first));
        names.push(...items(following).map((one) => one.metadata.name));
        token = textAt(following.metadata, 'continue');
      }
      expect(names).toEqual(['a', 'b', 'c', 'd', 'e']);
    });

    it.each([
      ['labelSelector=app%3Da', ['one', 'two']],
      ['labelSelector=app%21%3Da', ['other']],
      ['labelSelector=app+in+%28a%2Cb%29', ['one', 'other', 'two']],
      ['labelSelector=%21tier', ['one', 'other']],
      ['labelSelector=app%3Da%2Ctier', ['two']],
      ['fieldSelector=metadata.name%3Dtwo', ['two']],
      ['fieldSelector=spec.nodeName%3Dn1', ['one']],
      ['fieldSelector=spec.nodeName%3D', ['other', 'two']],
      ['fieldSelector=spec.schedulerName%3Dmuster-scheduler', ['other']],
      ['fieldSelector=status.phase%21%3DPending', []],
    ])('?%s', async (query, expected) => {
      const { path } = await pods();
      const one = await client.must('POST', path, pod('one', {}, { labels: { app: 'a' } }));
      await client.must('POST', path, pod('two', {}, { labels: { app: 'a', tier: 'x' } }));
      await client.must('POST', path, pod('other', { schedulerName: 'muster-scheduler' }, { labels: { app: 'b' } }));
      await client.must('POST', `${path}/one/binding`, bindingOf(one, 'n1'));
      expect(items((await client.get(`${path}?${query}`)).body).map((found) => found.metadata.name)).toEqual(expected);
    });

    it('ResourceSlices are selected by driver and node', async () => {
      const path = '/apis/resource.k8s.io/v1/resourceslices';
      const name = `${run}-${next()}`;
      const slice = (suffix: string, driver: string) => ({
        metadata: { name: `${name}-${suffix}` },
        spec: { driver, nodeName: name, pool: { name, generation: 1, resourceSliceCount: 1 }, devices: [] },
      });
      for (const [suffix, driver] of [
        ['a', 'gpu.nvidia.com'],
        ['b', 'other.example.com'],
      ] as const) {
        await client.must('POST', path, slice(suffix, driver));
      }
      const selector = encodeURIComponent(`spec.driver=gpu.nvidia.com,spec.nodeName=${name}`);
      const found = items((await client.get(`${path}?fieldSelector=${selector}`)).body).map((one) => one.metadata.name);
      for (const suffix of ['a', 'b']) await client.must('DELETE', `${path}/${name}-${suffix}`);
      expect(found).toEqual([`${name}-a`]);
    });

    it('a field that cannot be selected by is a bad request', async () => {
      const { path } = await pods();
      expect((await client.get(`${path}?fieldSelector=spec.colour%3Dred`)).status).toBe(400);
    });

    it('the list of all namespaces carries the objects with their kind in the list only', async () => {
      const { namespace, path } = await pods();
      await client.must('POST', path, pod('one'));
      const { body } = await client.get(`/api/v1/pods?fieldSelector=metadata.namespace%3D${namespace}`);
      expect(body.kind).toBe('PodList');
      expect(items(body)).toHaveLength(1);
    });
  });

  describe('watches', () => {
    it('tell what happened after the version they begin at, in order', async () => {
      const { path } = await pods();
      const { body } = await client.get(path);
      await client.must('POST', path, pod('one'));
      const watch = await client.watch(`${path}?watch=true&resourceVersion=${listVersion(body)}`);
      await client.strategic(`${path}/one`, { metadata: { labels: { a: '1' } } });
      await client.must('DELETE', `${path}/one`);
      const events = await watch.until((event) => event.type === 'DELETED');
      watch.abort();
      const versions = events.map((event) => Number(event.object.metadata.resourceVersion));
      expect(events.map((event) => event.type).filter((type, at, all) => type !== all[at - 1])).toEqual([
        'ADDED',
        'MODIFIED',
        'DELETED',
      ]);
      expect(versions).toEqual([...versions].sort((a, b) => a - b));
    });

    it('without a version begin with what exists', async () => {
      const { path } = await pods();
      await client.must('POST', path, pod('one'));
      const watch = await client.watch(`${path}?watch=true`);
      const event = await watch.next();
      watch.abort();
      expect([event?.type, event?.object.metadata.name]).toEqual(['ADDED', 'one']);
    });

    it('see an object that stops matching their selector as deleted, one that starts to as added', async () => {
      const { path } = await pods();
      const { body } = await client.get(path);
      const watch = await client.watch(
        `${path}?watch=true&labelSelector=on%3Dyes&resourceVersion=${listVersion(body)}`,
      );
      await client.must('POST', path, pod('one', {}, { labels: { on: 'no' } }));
      for (const on of ['yes', 'no']) await client.strategic(`${path}/one`, { metadata: { labels: { on } } });
      const events = [await watch.next(), await watch.next()];
      watch.abort();
      expect(events.map((event) => event?.type)).toEqual(['ADDED', 'DELETED']);
    });

    it('from a version that is gone answer 410', async () => {
      const { path } = await pods();
      const watch = await client.watch(`${path}?watch=true&resourceVersion=1`);
      if (watch.status === 410) return watch.abort();
      const event = await watch.next();
      watch.abort();
      expect(event).toMatchObject({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } });
    });

    it('end after timeoutSeconds', async () => {
      const { path } = await pods();
      const watch = await client.watch(`${path}?watch=true&timeoutSeconds=1`);
      expect(await watch.next()).toBeNull();
    });

    it('with sendInitialEvents send what exists, mark the end by a bookmark, and go on', async () => {
      const { path } = await pods();
      for (const name of ['a', 'b']) await client.must('POST', path, pod(name));
      const query = 'watch=true&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan';
      const watch = await client.watch(`${path}?${query}`);
      const initial = await watch.until((event) => event.type === 'BOOKMARK');
      expect(
        initial
          .slice(0, -1)
          .map((event) => [event.type, event.object.metadata.name])
          .sort(),
      ).toEqual([
        ['ADDED', 'a'],
        ['ADDED', 'b'],
      ]);
      expect(initial.at(-1)?.object.metadata.annotations).toEqual({ 'k8s.io/initial-events-end': 'true' });
      await client.must('POST', path, pod('c'));
      const later = await watch.until((event) => event.type === 'ADDED');
      watch.abort();
      expect(later.at(-1)?.object.metadata.name).toBe('c');
    });

    it('with sendInitialEvents need resourceVersionMatch', async () => {
      const { path } = await pods();
      const watch = await client.watch(`${path}?watch=true&sendInitialEvents=true`);
      watch.abort();
      expect(watch.status).toBe(422);
    });

    it('with bookmarks end on one that is at least as new as the last event', async () => {
      const { path } = await pods();
      const made = await client.must('POST', path, pod('one'));
      const watch = await client.watch(
        `${path}?watch=true&allowWatchBookmarks=true&timeoutSeconds=3&resourceVersion=${made.metadata.resourceVersion}`,
      );
      const event = await watch.next();
      expect(event?.type ?? 'BOOKMARK').toBe('BOOKMARK');
      if (event)
        expect(Number(event.object.metadata.resourceVersion)).toBeGreaterThanOrEqual(
          Number(made.metadata.resourceVersion),
        );
      watch.abort();
    });
  });

  describe('other resources', () => {
    it.each([
      ['/api/v1/nodes', { apiVersion: 'v1', kind: 'Node' }],
      [
        '/apis/scheduling.k8s.io/v1/priorityclasses',
        { apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', value: 7 },
      ],
      [
        '/apis/coordination.k8s.io/v1/namespaces/default/leases',
        { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', spec: { holderIdentity: 'a' } },
      ],
      ['/api/v1/namespaces/default/configmaps', { apiVersion: 'v1', kind: 'ConfigMap', data: { a: '1' } }],
      [
        '/apis/resource.k8s.io/v1/resourceslices',
        {
          apiVersion: 'resource.k8s.io/v1',
          kind: 'ResourceSlice',
          spec: {
            driver: 'gpu.nvidia.com',
            nodeName: 'n',
            pool: { name: 'n', generation: 1, resourceSliceCount: 1 },
            devices: [],
          },
        },
      ],
    ])('%s: create, read, update, list, delete', async (path, object) => {
      const name = `${run}-${next()}`;
      const made = await client.must('POST', path, { ...object, metadata: { name } });
      await client.must('PUT', `${path}/${name}`, { ...made, metadata: { ...made.metadata, labels: { run } } });
      const listed = items((await client.get(`${path}?labelSelector=run%3D${run}`)).body).map(
        (one) => one.metadata.name,
      );
      expect(listed).toContain(name);
      await client.must('DELETE', `${path}/${name}`);
      expect((await client.get(`${path}/${name}`)).status).toBe(404);
    });

    it('a pod takes its priority from its class', async () => {
      const { path } = await pods();
      const name = `${run}-${next()}`;
      await client.must('POST', '/apis/scheduling.k8s.io/v1/priorityclasses', {
        metadata: { name },
        value: 1234,
        preemptionPolicy: 'Never',
      });
      const made = await client.must('POST', path, pod('one', { priorityClassName: name }));
      expect(made.spec).toMatchObject({ priority: 1234, preemptionPolicy: 'Never' });
      await client.must('DELETE', `/apis/scheduling.k8s.io/v1/priorityclasses/${name}`);
    });

    it.each(['/readyz', '/livez', '/healthz'])('%s is ok', async (path) => {
      const { status, body } = await client.get(path);
      expect([status, body.text]).toEqual([200, 'ok']);
    });

    it('discovery names groups, resources and their subresources', async () => {
      expect((await client.get('/api')).body).toMatchObject({ kind: 'APIVersions', versions: ['v1'] });
      const core = arrayAt((await client.get('/api/v1')).body, 'resources').map((one) => textAt(one, 'name'));
      expect(core).toEqual(expect.arrayContaining(['pods', 'pods/status', 'pods/binding', 'pods/eviction', 'nodes']));
      const groups = arrayAt((await client.get('/apis')).body, 'groups').map((one) => textAt(one, 'name'));
      expect(groups).toEqual(expect.arrayContaining(['coordination.k8s.io', 'policy', 'resource.k8s.io']));
      expect(textAt((await client.get('/version')).body, 'major')).toBe('1');
    });
  });
}
