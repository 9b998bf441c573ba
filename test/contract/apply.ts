/**
 * Server-side apply, field ownership, strategic merge, defaults and immutable fields, as one suite for the embedded API and a real
 * kube-apiserver. Every case works in a namespace of its own.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PATCH_TYPE } from '../../src/kube/patch.ts';
import type { Transport } from '../../src/kube/ports.ts';
import { arrayAt, isObject, type JsonObject, type KubeObject, objectAt, textAt } from '../../src/sim/api/object.ts';
import { type Answer, Client } from './client.ts';

export function applyContract(connect: () => Promise<Transport>): void {
  let client: Client;
  let counter = 0;
  const run = `a${process.pid}`;

  beforeAll(async () => {
    client = new Client(await connect());
  });
  afterAll(() => client.close());

  async function namespace(): Promise<string> {
    counter += 1;
    const name = `${run}-${counter}`;
    await client.must('POST', '/api/v1/namespaces', { metadata: { name } });
    return name;
  }

  const configMaps = (space: string) => `/api/v1/namespaces/${space}/configmaps`;
  const deployments = (space: string) => `/apis/apps/v1/namespaces/${space}/deployments`;
  const configMap = (name: string, data: JsonObject, metadata: JsonObject = {}) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, ...metadata },
    data,
  });
  const deployment = (name: string, spec: JsonObject = {}, podSpec: JsonObject = {}) => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { containers: [{ name: 'main', image: 'registry.k8s.io/pause:3.10' }], ...podSpec },
      },
      ...spec,
    },
  });
  const apply = (path: string, manager: string, body: unknown, more = ''): Promise<Answer> =>
    client.call('PATCH', `${path}?fieldManager=${manager}${more}`, body, PATCH_TYPE.apply);

  /** `manager operation[ subresource]` → the fields as FieldsV1. */
  function owners(object: KubeObject): Record<string, JsonObject> {
    return Object.fromEntries(
      (object.metadata.managedFields ?? []).map((entry) => {
        const subresource = textAt(entry, 'subresource');
        const name = `${textAt(entry, 'manager')} ${textAt(entry, 'operation')}${subresource && ` ${subresource}`}`;
        return [name, objectAt(entry, 'fieldsV1')];
      }),
    );
  }
  const containers = (object: KubeObject): JsonObject[] =>
    arrayAt(objectAt(objectAt(object.spec, 'template'), 'spec'), 'containers').filter(isObject);

  describe('server-side apply', () => {
    it('creates what is not there, and its manager owns what it named', async () => {
      const path = `${configMaps(await namespace())}/one`;
      const { status, body } = await apply(path, 'm1', configMap('one', { a: '1', b: '2' }, { labels: { x: 'y' } }));
      expect(status).toBe(201);
      expect(body.data).toEqual({ a: '1', b: '2' });
      expect(owners(body)).toEqual({
        'm1 Apply': { 'f:data': { 'f:a': {}, 'f:b': {} }, 'f:metadata': { 'f:labels': { 'f:x': {} } } },
      });
    });

    it('reads YAML', async () => {
      const path = `${configMaps(await namespace())}/one`;
      const yaml = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: one\ndata:\n  a: "1"\n';
      const { body } = await apply(path, 'm1', Buffer.from(yaml));
      expect(body.data).toEqual({ a: '1' });
    });

    it('removes what its manager applies no more, and nothing that others hold', async () => {
      const path = `${configMaps(await namespace())}/one`;
      await apply(path, 'm1', configMap('one', { a: '1', b: '2', c: '3' }));
      await apply(path, 'm2', configMap('one', { b: '2' }));
      const { body } = await apply(path, 'm1', configMap('one', { a: '1' }));
      expect(body.data).toEqual({ a: '1', b: '2' });
      expect(owners(body)).toEqual({
        'm1 Apply': { 'f:data': { 'f:a': {} } },
        'm2 Apply': { 'f:data': { 'f:b': {} } },
      });
    });

    it("is refused where it would change another manager's value, with a cause per field", async () => {
      const path = `${configMaps(await namespace())}/one`;
      await apply(path, 'm1', configMap('one', { a: '1', b: '2' }));
      const { status, body } = await apply(path, 'm2', configMap('one', { a: '3', b: '4' }));
      expect(status).toBe(409);
      expect(body).toMatchObject({
        reason: 'Conflict',
        message: 'Apply failed with 2 conflicts: conflicts with "m1":\n- .data.a\n- .data.b',
        details: {
          causes: [
            { reason: 'FieldManagerConflict', message: 'conflict with "m1"', field: '.data.a' },
            { reason: 'FieldManagerConflict', message: 'conflict with "m1"', field: '.data.b' },
          ],
        },
      });
      const one = await apply(path, 'm2', configMap('one', { a: '3' }));
      expect(textAt(one.body, 'message')).toBe('Apply failed with 1 conflict: conflict with "m1": .data.a');
    });

    it('names the updater that holds a field, with version and time', async () => {
      const path = configMaps(await namespace());
      await client.must('POST', `${path}?fieldManager=maker`, configMap('one', { a: '1' }));
      const { body } = await apply(`${path}/one`, 'm1', configMap('one', { a: '2' }));
      expect(textAt(body, 'message')).toMatch(
        /^Apply failed with 1 conflict: conflict with "maker" using v1( at \S+)?: \.data\.a$/,
      );
    });

    it('with force takes the fields over; the same value is held together', async () => {
      const path = `${configMaps(await namespace())}/one`;
      await apply(path, 'm1', configMap('one', { a: '1', b: '2' }));
      const { body } = await apply(path, 'm2', configMap('one', { a: '3', b: '2' }), '&force=true');
      expect(body.data).toEqual({ a: '3', b: '2' });
      expect(owners(body)).toEqual({
        'm1 Apply': { 'f:data': { 'f:b': {} } },
        'm2 Apply': { 'f:data': { 'f:a': {}, 'f:b': {} } },
      });
    });

    it('of the same again changes nothing, not even the version', async () => {
      const path = `${deployments(await namespace())}/web`;
      const first = await apply(path, 'm1', deployment('web', { replicas: 2 }));
      const again = await apply(path, 'm1', deployment('web', { replicas: 2 }));
      expect(again.status).toBe(200);
      expect(again.body.metadata.resourceVersion).toBe(first.body.metadata.resourceVersion);
    });

    it('an updater takes the fields it changes', async () => {
      const path = `${configMaps(await namespace())}/one`;
      await apply(path, 'm1', configMap('one', { a: '1', b: '2' }));
      const { body } = await client.call('PATCH', `${path}?fieldManager=u`, { data: { a: '9' } }, PATCH_TYPE.merge);
      expect(owners(body)).toEqual({
        'm1 Apply': { 'f:data': { 'f:b': {} } },
        'u Update': { 'f:data': { 'f:a': {} } },
      });
    });

    it('merges containers and env by name, ports by port and protocol, and replaces atomic lists', async () => {
      const path = `${deployments(await namespace())}/web`;
      const with1 = deployment(
        'web',
        {},
        {
          containers: [
            {
              name: 'main',
              image: 'i:1',
              env: [{ name: 'A', value: '1' }],
              ports: [{ containerPort: 80 }],
              args: ['one'],
            },
          ],
          tolerations: [{ key: 'a', operator: 'Exists' }],
        },
      );
      await apply(path, 'm1', with1);
      const sidecar = {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'web' },
        spec: {
          template: {
            spec: {
              containers: [
                { name: 'main', env: [{ name: 'B', value: '2' }], ports: [{ containerPort: 81, protocol: 'UDP' }] },
                { name: 'side', image: 'i:2' },
              ],
            },
          },
        },
      };
      const { status, body } = await apply(path, 'm2', sidecar);
      expect(status).toBe(200);
      const [main, side] = containers(body);
      expect(main).toMatchObject({ name: 'main', image: 'i:1', args: ['one'] });
      expect(arrayAt(main, 'env')).toEqual(
        expect.arrayContaining([
          { name: 'A', value: '1' },
          { name: 'B', value: '2' },
        ]),
      );
      expect(arrayAt(main, 'ports')).toHaveLength(2);
      expect(side).toMatchObject({ name: 'side' });
      expect(owners(body)['m2 Apply']).toEqual({
        'f:spec': {
          'f:template': {
            'f:spec': {
              'f:containers': {
                'k:{"name":"main"}': {
                  '.': {},
                  'f:name': {},
                  'f:env': { 'k:{"name":"B"}': { '.': {}, 'f:name': {}, 'f:value': {} } },
                  'f:ports': {
                    'k:{"containerPort":81,"protocol":"UDP"}': { '.': {}, 'f:containerPort': {}, 'f:protocol': {} },
                  },
                },
                'k:{"name":"side"}': { '.': {}, 'f:name': {}, 'f:image': {} },
              },
            },
          },
        },
      });
      const other = await apply(path, 'm2', {
        ...sidecar,
        spec: { template: { spec: { tolerations: [{ key: 'b', operator: 'Exists' }] } } },
      });
      expect(textAt(other.body, 'message')).toContain('.spec.template.spec.tolerations');
    });

    it('takes a container away with its defaults when its only manager drops it', async () => {
      const path = `${deployments(await namespace())}/web`;
      const two = deployment(
        'web',
        {},
        {
          containers: [
            { name: 'main', image: 'i:1' },
            { name: 'side', image: 'i:2' },
          ],
        },
      );
      await apply(path, 'm1', two);
      const { body } = await apply(path, 'm1', deployment('web', {}, { containers: [{ name: 'main', image: 'i:1' }] }));
      expect(containers(body).map((one) => one.name)).toEqual(['main']);
    });

    it('gives a field up without removing it when another manager shares it', async () => {
      const path = `${deployments(await namespace())}/web`;
      await apply(path, 'm1', deployment('web', { replicas: 3 }));
      await apply(path, 'scaler', {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'web' },
        spec: { replicas: 3 },
      });
      const { body } = await apply(path, 'm1', deployment('web'));
      expect(body.spec?.replicas).toBe(3);
    });

    it('finalizers are a set, owner references are told apart by uid', async () => {
      const path = `${configMaps(await namespace())}/one`;
      const owner = (uid: string) => ({ apiVersion: 'v1', kind: 'Pod', name: 'p', uid });
      await apply(
        path,
        'm1',
        configMap('one', { k: 'v' }, { finalizers: ['x.dev/a'], ownerReferences: [owner('u1')] }),
      );
      const { body } = await apply(
        path,
        'm2',
        configMap('one', { k: 'v' }, { finalizers: ['x.dev/b'], ownerReferences: [owner('u2')] }),
      );
      expect(body.metadata.finalizers?.toSorted()).toEqual(['x.dev/a', 'x.dev/b']);
      expect(body.metadata.ownerReferences?.map((one) => one.uid).toSorted()).toEqual(['u1', 'u2']);
      expect(objectAt(owners(body)['m2 Apply'], 'f:metadata')).toEqual({
        'f:finalizers': { 'v:"x.dev/b"': {} },
        'f:ownerReferences': { 'k:{"uid":"u2"}': {} },
      });
      await client.call('PATCH', path, { metadata: { finalizers: null } }, PATCH_TYPE.merge);
    });

    it('of a status writes the status alone, as a manager of its own', async () => {
      const space = await namespace();
      const pods = `/api/v1/namespaces/${space}/pods`;
      const spec = { containers: [{ name: 'main', image: 'i:1' }], automountServiceAccountToken: false };
      await client.must('POST', `${pods}?fieldManager=maker`, { metadata: { name: 'p' }, spec });
      const conditions = [{ type: 'x.dev/Seen', status: 'True' }];
      const { status, body } = await apply(`${pods}/p/status`, 'm1', {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'p' },
        status: { conditions },
      });
      expect(status).toBe(200);
      expect(owners(body)['m1 Apply status']).toEqual({
        'f:status': { 'f:conditions': { 'k:{"type":"x.dev/Seen"}': { '.': {}, 'f:status': {}, 'f:type': {} } } },
      });
      expect((await apply(`${pods}/none/status`, 'm1', { apiVersion: 'v1', kind: 'Pod', metadata: {} })).status).toBe(
        404,
      );
    });

    it.each([
      ['no manager', (path: string) => client.call('PATCH', path, configMap('one', {}), PATCH_TYPE.apply), 422],
      ['a field that does not exist', (path: string) => apply(path, 'm', { ...configMap('one', {}), foo: 1 }), 500],
      ['another version', (path: string) => apply(path, 'm', { ...configMap('one', {}), apiVersion: 'v2' }), 400],
      ['no kind', (path: string) => apply(path, 'm', { data: {} }), 400],
      ['a body that is no YAML', (path: string) => apply(path, 'm', Buffer.from('{"a":')), 400],
      [
        'managedFields in the body',
        (path: string) => apply(path, 'm', configMap('one', {}, { managedFields: [{ manager: 'x' }] })),
        400,
      ],
      [
        'a uid of nothing',
        (path: string) => apply(path.replace('/one', '/none'), 'm', configMap('none', {}, { uid: 'x' })),
        409,
      ],
      [
        'force with another patch',
        (path: string) => client.call('PATCH', `${path}?force=true`, { data: {} }, PATCH_TYPE.merge),
        422,
      ],
    ] as const)('%s is refused', async (_what, attempt, code) => {
      const path = configMaps(await namespace());
      await client.must('POST', path, configMap('one', { a: '1' }));
      expect((await attempt(`${path}/one`)).status).toBe(code);
    });

    it("kubectl takes over what kubectl's client-side apply wrote", async () => {
      const path = configMaps(await namespace());
      const last = JSON.stringify(configMap('one', { a: '1' }));
      const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': last };
      await client.must(
        'POST',
        `${path}?fieldManager=kubectl-client-side-apply`,
        configMap('one', { a: '1' }, { annotations }),
      );
      expect((await apply(`${path}/one`, 'kubectl', configMap('one', { a: '2' }))).body.data).toEqual({ a: '2' });
      expect((await apply(`${path}/one`, 'other', configMap('one', { a: '3' }))).status).toBe(409);
    });

    it('a client may write managedFields itself, and [{}] forgets all managers', async () => {
      const path = `${configMaps(await namespace())}/one`;
      await apply(path, 'm1', configMap('one', { a: '1' }));
      const operations = [{ op: 'replace', path: '/metadata/managedFields/0/manager', value: 'm2' }];
      const renamed = await client.call('PATCH', path, operations, PATCH_TYPE.json);
      expect(Object.keys(owners(renamed.body))).toEqual(['m2 Apply']);
      const forgot = await client.call('PATCH', path, { metadata: { managedFields: [{}] } }, PATCH_TYPE.merge);
      expect(forgot.body.metadata.managedFields).toBeUndefined();
    });
  });

  describe('owners of updates', () => {
    it('the creator of a deployment holds what it wrote and what was defaulted', async () => {
      const made = await client.must(
        'POST',
        `${deployments(await namespace())}?fieldManager=maker`,
        deployment(
          'web',
          { replicas: 2 },
          { containers: [{ name: 'main', image: 'i:1', ports: [{ containerPort: 80 }] }] },
        ),
      );
      expect(owners(made)).toEqual({
        'maker Update': {
          'f:spec': {
            'f:progressDeadlineSeconds': {},
            'f:replicas': {},
            'f:revisionHistoryLimit': {},
            'f:selector': {},
            'f:strategy': {
              'f:rollingUpdate': { '.': {}, 'f:maxSurge': {}, 'f:maxUnavailable': {} },
              'f:type': {},
            },
            'f:template': {
              'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } },
              'f:spec': {
                'f:containers': {
                  'k:{"name":"main"}': {
                    '.': {},
                    'f:image': {},
                    'f:imagePullPolicy': {},
                    'f:name': {},
                    'f:ports': {
                      '.': {},
                      'k:{"containerPort":80,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {}, 'f:protocol': {} },
                    },
                    'f:resources': {},
                    'f:terminationMessagePath': {},
                    'f:terminationMessagePolicy': {},
                  },
                },
                'f:dnsPolicy': {},
                'f:restartPolicy': {},
                'f:schedulerName': {},
                'f:securityContext': {},
                'f:terminationGracePeriodSeconds': {},
              },
            },
          },
        },
      });
    });

    it('a status writer holds the status', async () => {
      const path = `${deployments(await namespace())}`;
      const made = await client.must('POST', `${path}?fieldManager=maker`, deployment('web'));
      const status = { replicas: 1, observedGeneration: 1 };
      const body = await client.must('PUT', `${path}/web/status?fieldManager=controller`, { ...made, status });
      expect(owners(body)['controller Update status']).toEqual({
        'f:status': { 'f:observedGeneration': {}, 'f:replicas': {} },
      });
      expect(owners(body)['maker Update']).toEqual(owners(made)['maker Update']);
    });

    it('a removed field has no holder', async () => {
      const path = configMaps(await namespace());
      await client.must('POST', `${path}?fieldManager=maker`, configMap('one', { a: '1', b: '2' }));
      const { body } = await client.call(
        'PATCH',
        `${path}/one?fieldManager=u`,
        { data: { a: null } },
        PATCH_TYPE.merge,
      );
      expect(owners(body)).toEqual({ 'maker Update': { 'f:data': { '.': {}, 'f:b': {} } } });
    });
  });

  describe('strategic merge', () => {
    async function web(podSpec: JsonObject): Promise<string> {
      const path = deployments(await namespace());
      await client.must('POST', path, deployment('web', {}, podSpec));
      return `${path}/web`;
    }
    const inPod = (spec: JsonObject) => ({ spec: { template: { spec } } });
    const podSpecOf = (answer: Answer): JsonObject => objectAt(objectAt(answer.body.spec, 'template'), 'spec');
    const three = ['a', 'b', 'c'].map((name) => ({ name, image: 'i:1' }));

    it('deletes an element by its key, replaces a list, deletes a map', async () => {
      const path = await web({ containers: three, nodeSelector: { x: 'y' } });
      const deleted = await client.strategic(path, inPod({ containers: [{ $patch: 'delete', name: 'b' }] }));
      expect(arrayAt(podSpecOf(deleted), 'containers').map((one) => textAt(one, 'name'))).toEqual(['a', 'c']);
      const replaced = await client.strategic(
        path,
        inPod({ containers: [{ $patch: 'replace' }, { name: 'z', image: 'i:2' }] }),
      );
      expect(arrayAt(podSpecOf(replaced), 'containers').map((one) => textAt(one, 'name'))).toEqual(['z']);
      const bare = await client.strategic(path, inPod({ nodeSelector: { $patch: 'replace', k: 'v' } }));
      expect(podSpecOf(bare).nodeSelector).toEqual({ k: 'v' });
      const none = await client.strategic(path, inPod({ nodeSelector: { $patch: 'delete' } }));
      expect(podSpecOf(none).nodeSelector).toBeUndefined();
    });

    it('puts elements in the order that is asked for', async () => {
      const path = await web({ containers: three });
      const { body } = await client.strategic(
        path,
        inPod({
          '$setElementOrder/containers': [{ name: 'c' }, { name: 'd' }, { name: 'a' }],
          containers: [{ name: 'd', image: 'i:1' }],
        }),
      );
      const names = containers(body).map((one) => textAt(one, 'name'));
      expect(names.filter((name) => name !== 'b')).toEqual(['c', 'd', 'a']);
      expect(names).toContain('b');
    });

    it('$retainKeys drops the other members of a union', async () => {
      const path = await web({ volumes: [{ name: 'v', emptyDir: {} }] });
      const answer = await client.strategic(
        path,
        inPod({ volumes: [{ $retainKeys: ['name', 'hostPath'], name: 'v', hostPath: { path: '/x' } }] }),
      );
      expect(podSpecOf(answer).volumes).toEqual([{ name: 'v', hostPath: { path: '/x', type: '' } }]);
      const strategy = await client.strategic(path, {
        spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } },
      });
      expect(strategy.body.spec?.strategy).toEqual({ type: 'Recreate' });
    });

    it('deletes from a list of plain values', async () => {
      const path = configMaps(await namespace());
      await client.must('POST', path, configMap('one', {}, { finalizers: ['x.dev/a', 'x.dev/b'] }));
      const { body } = await client.strategic(`${path}/one`, {
        metadata: { '$deleteFromPrimitiveList/finalizers': ['x.dev/a'] },
      });
      expect(body.metadata.finalizers).toEqual(['x.dev/b']);
      const added = await client.strategic(`${path}/one`, { metadata: { finalizers: ['x.dev/c'] } });
      expect(added.body.metadata.finalizers).toEqual(['x.dev/c', 'x.dev/b']);
      await client.call('PATCH', `${path}/one`, { metadata: { finalizers: null } }, PATCH_TYPE.merge);
    });

    it('ports of a service and of a container are told apart by their own keys', async () => {
      const space = await namespace();
      const services = `/api/v1/namespaces/${space}/services`;
      const spec = { selector: { a: 'b' }, ports: [{ name: 'a', port: 80 }] };
      await client.must('POST', services, { metadata: { name: 's' }, spec });
      const { body } = await client.strategic(`${services}/s`, { spec: { ports: [{ name: 'b', port: 81 }] } });
      expect(
        arrayAt(body.spec, 'ports')
          .map((one) => (one as JsonObject).port)
          .sort(),
      ).toEqual([80, 81]);
    });

    it('an element without its key is refused', async () => {
      const path = await web({});
      expect((await client.strategic(path, inPod({ containers: [{ image: 'x' }] }))).status).toBeGreaterThanOrEqual(
        400,
      );
    });
  });

  describe('what the server fills in', () => {
    const create = async (path: (space: string) => string, body: unknown): Promise<KubeObject> =>
      client.must('POST', path(await namespace()), body);
    const podTemplate = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'm', image: 'i' }] } };
    const defaultedPodSpec = {
      containers: [
        {
          name: 'm',
          image: 'i',
          imagePullPolicy: 'Always',
          resources: {},
          terminationMessagePath: '/dev/termination-log',
          terminationMessagePolicy: 'File',
        },
      ],
      dnsPolicy: 'ClusterFirst',
      restartPolicy: 'Always',
      schedulerName: 'default-scheduler',
      securityContext: {},
      terminationGracePeriodSeconds: 30,
    };
    const apps = (plural: string) => (space: string) => `/apis/apps/v1/namespaces/${space}/${plural}`;
    const core = (plural: string) => (space: string) => `/api/v1/namespaces/${space}/${plural}`;

    it.each([
      [
        'deployment',
        apps('deployments'),
        { metadata: { name: 'x' }, spec: { selector: { matchLabels: { a: 'b' } }, template: podTemplate } },
        {
          spec: {
            replicas: 1,
            revisionHistoryLimit: 10,
            progressDeadlineSeconds: 600,
            strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
            selector: { matchLabels: { a: 'b' } },
            template: { ...podTemplate, spec: defaultedPodSpec },
          },
          status: {},
        },
      ],
      [
        'stateful set',
        apps('statefulsets'),
        {
          metadata: { name: 'x' },
          spec: { serviceName: 's', selector: { matchLabels: { a: 'b' } }, template: podTemplate },
        },
        {
          spec: {
            replicas: 1,
            revisionHistoryLimit: 10,
            serviceName: 's',
            podManagementPolicy: 'OrderedReady',
            persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
            updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, partition: 0 } },
            selector: { matchLabels: { a: 'b' } },
            template: { ...podTemplate, spec: defaultedPodSpec },
          },
          status: { replicas: 0, availableReplicas: 0 },
        },
      ],
      [
        'daemon set',
        apps('daemonsets'),
        { metadata: { name: 'x' }, spec: { selector: { matchLabels: { a: 'b' } }, template: podTemplate } },
        {
          spec: {
            revisionHistoryLimit: 10,
            updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } },
            selector: { matchLabels: { a: 'b' } },
            template: { ...podTemplate, spec: defaultedPodSpec },
          },
          status: { currentNumberScheduled: 0, desiredNumberScheduled: 0, numberMisscheduled: 0, numberReady: 0 },
        },
      ],
      [
        'persistent volume claim',
        core('persistentvolumeclaims'),
        {
          metadata: { name: 'x' },
          spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1024Mi' } } },
        },
        {
          spec: {
            accessModes: ['ReadWriteOnce'],
            resources: { requests: { storage: '1Gi' } },
            volumeMode: 'Filesystem',
          },
          status: { phase: 'Pending' },
        },
      ],
      [
        'horizontal pod autoscaler',
        (space: string) => `/apis/autoscaling/v2/namespaces/${space}/horizontalpodautoscalers`,
        {
          metadata: { name: 'x' },
          spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'w' }, maxReplicas: 3 },
        },
        {
          spec: {
            minReplicas: 1,
            maxReplicas: 3,
            metrics: [
              { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } },
            ],
            scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'w' },
          },
          status: { currentMetrics: null, desiredReplicas: 0 },
        },
      ],
      [
        'disruption budget',
        (space: string) => `/apis/policy/v1/namespaces/${space}/poddisruptionbudgets`,
        { metadata: { name: 'x' }, spec: { minAvailable: 1, selector: { matchLabels: { a: 'b' } } } },
        {
          spec: { minAvailable: 1, selector: { matchLabels: { a: 'b' } } },
          status: { currentHealthy: 0, desiredHealthy: 0, disruptionsAllowed: 0, expectedPods: 0 },
        },
      ],
      [
        'secret',
        core('secrets'),
        { metadata: { name: 'x' }, stringData: { a: 'b' } },
        { type: 'Opaque', data: { a: 'Yg==' } },
      ],
    ])('a %s', async (_kind, path, body, expected) => {
      const { apiVersion: _v, kind: _k, metadata, ...rest } = await create(path, body);
      expect(rest).toEqual(expected);
      expect(metadata.generation).toBe('spec' in expected && metadata.generation !== undefined ? 1 : undefined);
    });

    it('a job gets the selector and labels of its uid', async () => {
      const made = await create((space) => `/apis/batch/v1/namespaces/${space}/jobs`, {
        metadata: { name: 'x' },
        spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'm', image: 'i:1' }] } } },
      });
      const uid = made.metadata.uid;
      const labels = {
        'batch.kubernetes.io/controller-uid': uid,
        'batch.kubernetes.io/job-name': 'x',
        'controller-uid': uid,
        'job-name': 'x',
      };
      expect(made.metadata.labels).toEqual(labels);
      expect(made.spec).toMatchObject({
        backoffLimit: 6,
        completions: 1,
        parallelism: 1,
        completionMode: 'NonIndexed',
        suspend: false,
        manualSelector: false,
        podReplacementPolicy: 'TerminatingOrFailed',
        selector: { matchLabels: { 'batch.kubernetes.io/controller-uid': uid } },
        template: { metadata: { labels } },
      });
    });

    it('a service gets an address that no other has, and keeps it', async () => {
      const path = core('services')(await namespace());
      const body = (name: string) => ({ metadata: { name }, spec: { selector: { a: 'b' }, ports: [{ port: 80 }] } });
      const one = await client.must('POST', path, body('one'));
      const two = await client.must('POST', path, body('two'));
      expect(one.spec).toMatchObject({
        clusterIPs: [one.spec?.clusterIP],
        internalTrafficPolicy: 'Cluster',
        ipFamilies: ['IPv4'],
        ipFamilyPolicy: 'SingleStack',
        ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }],
        sessionAffinity: 'None',
        type: 'ClusterIP',
      });
      expect(two.spec?.clusterIP).not.toBe(one.spec?.clusterIP);
      const kept = await client.must('PUT', `${path}/one`, { ...body('one'), metadata: { name: 'one' } });
      expect(kept.spec?.clusterIP).toBe(one.spec?.clusterIP);
      const moved = await client.call('PATCH', `${path}/one`, { spec: { clusterIP: '10.0.0.77' } }, PATCH_TYPE.merge);
      expect(moved.status).toBe(422);
      const headless = { ...body('three'), spec: { clusterIP: 'None', selector: { a: 'b' } } };
      expect((await client.must('POST', path, headless)).spec?.clusterIPs).toEqual(['None']);
      const open = { ...body('four'), spec: { ...body('four').spec, type: 'NodePort' } };
      const [port] = arrayAt((await client.must('POST', path, open)).spec, 'ports');
      expect((port as JsonObject).nodePort).toBeGreaterThanOrEqual(30_000);
    });

    it.each([
      ['8000', '8k'],
      ['0.5', '500m'],
      [1.5, '1500m'],
      ['1024Mi', '1Gi'],
      ['1.5Gi', '1536Mi'],
      ['1000m', '1'],
      ['1e3', '1e3'],
      ['12e4', '120e3'],
      ['0.1Gi', '107374182400m'],
      ['0.0000000001', '1m'],
      ['1000000Ki', '1000000Ki'],
      ['0', '0'],
    ])('writes the quantity %s as %s', async (given, written) => {
      const name = `${run}-q${++counter}`;
      await client.must('POST', '/api/v1/nodes', { metadata: { name } });
      const answer = await client.call(
        'PATCH',
        `/api/v1/nodes/${name}/status`,
        { status: { capacity: { cpu: given } } },
        PATCH_TYPE.merge,
      );
      await client.must('DELETE', `/api/v1/nodes/${name}`);
      expect(objectAt(answer.body.status, 'capacity')).toEqual({ cpu: written });
    });

    it('drops unknown fields, or refuses them when asked to', async () => {
      const path = configMaps(await namespace());
      const odd = { ...configMap('one', { a: '1' }), more: { x: 1 } };
      expect((await client.must('POST', path, odd)).more).toBeUndefined();
      const strict = await client.call('POST', `${path}?fieldValidation=Strict`, {
        ...odd,
        metadata: { name: 'two', y: 1 },
      });
      expect(strict.status).toBe(400);
      expect(textAt(strict.body, 'message')).toContain(
        'strict decoding error: unknown field "metadata.y", unknown field "more"',
      );
    });

    it('refuses a value of the wrong type', async () => {
      const { status, body } = await client.call('POST', configMaps(await namespace()), configMap('one', { a: 1 }));
      expect(status).toBe(400);
      expect(textAt(body, 'message')).toBe(
        'ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal number into Go struct field ConfigMap.data of type string',
      );
    });
  });

  describe('what does not change', () => {
    const job = {
      metadata: { name: 'x' },
      spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'm', image: 'i:1' }] } } },
    };
    it.each([
      [
        'the selector of a deployment',
        (space: string) => deployments(space),
        deployment('x'),
        { spec: { selector: { matchLabels: { app: 'y' } }, template: { metadata: { labels: { app: 'y' } } } } },
        'field is immutable',
      ],
      [
        'the template of a job',
        (space: string) => `/apis/batch/v1/namespaces/${space}/jobs`,
        job,
        { spec: { template: { spec: { containers: [{ name: 'm', image: 'i:2' }] } } } },
        'field is immutable',
      ],
      [
        'the completions of a job',
        (space: string) => `/apis/batch/v1/namespaces/${space}/jobs`,
        job,
        { spec: { completions: 4 } },
        'field is immutable',
      ],
      [
        'the access modes of a claim',
        (space: string) => `/api/v1/namespaces/${space}/persistentvolumeclaims`,
        {
          metadata: { name: 'x' },
          spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
        },
        { spec: { accessModes: ['ReadWriteMany'] } },
        'spec is immutable after creation',
      ],
      [
        'the data of an immutable config map',
        configMaps,
        { ...configMap('x', { a: '1' }), immutable: true },
        { data: { a: '2' } },
        'field is immutable when `immutable` is set',
      ],
      [
        'an immutable secret',
        (space: string) => `/api/v1/namespaces/${space}/secrets`,
        { metadata: { name: 'x' }, immutable: true },
        { immutable: false },
        'field is immutable when `immutable` is set',
      ],
      [
        'the type of a secret',
        (space: string) => `/api/v1/namespaces/${space}/secrets`,
        { metadata: { name: 'x' } },
        { type: 'other' },
        'field is immutable',
      ],
      [
        'the service name of a stateful set',
        (space: string) => `/apis/apps/v1/namespaces/${space}/statefulsets`,
        {
          metadata: { name: 'x' },
          spec: {
            serviceName: 's',
            selector: { matchLabels: { a: 'b' } },
            template: { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'm', image: 'i' }] } },
          },
        },
        { spec: { serviceName: 't' } },
        'field is immutable',
      ],
    ])('%s', async (_what, path, body, change, text) => {
      const collection = path(await namespace());
      await client.must('POST', collection, body);
      const answer = await client.call('PATCH', `${collection}/x`, change, PATCH_TYPE.merge);
      expect(answer.status).toBe(422);
      expect(textAt(answer.body, 'message')).toContain(text);
    });

    it('a deployment whose selector misses its own pods is refused', async () => {
      const odd = deployment('x', { selector: { matchLabels: { app: 'other' } } });
      const { status, body } = await client.call('POST', deployments(await namespace()), odd);
      expect(status).toBe(422);
      expect(textAt(body, 'message')).toContain('`selector` does not match template `labels`');
    });

    it('the generation counts changes of the spec alone', async () => {
      const path = deployments(await namespace());
      const generation = async (patch: unknown, sub = '') =>
        (await client.must('PATCH', `${path}/x${sub}`, patch, PATCH_TYPE.merge)).metadata.generation;
      expect(
        (await client.must('POST', path, { ...deployment('x'), metadata: { name: 'x', generation: 9 } })).metadata
          .generation,
      ).toBe(1);
      expect(await generation({ metadata: { labels: { a: 'b' } } })).toBe(1);
      expect(await generation({ status: { replicas: 3 } }, '/status')).toBe(1);
      expect(await generation({ spec: { replicas: 3 } })).toBe(2);
      expect(await generation({ spec: { replicas: 3 } })).toBe(2);
    });

    it.each([
      ['poddisruptionbudgets', '/apis/policy/v1', { spec: { minAvailable: 1 } }, 422],
      ['leases', '/apis/coordination.k8s.io/v1', { spec: {} }, 422],
      ['configmaps', '/api/v1', { data: {} }, 200],
    ])('an update of %s without a version', async (plural, root, body, code) => {
      const path = `${root}/namespaces/${await namespace()}/${plural}`;
      await client.must('POST', path, { metadata: { name: 'x' }, ...body });
      const answer = await client.call('PUT', `${path}/x`, { metadata: { name: 'x', labels: { a: 'b' } }, ...body });
      expect(answer.status).toBe(code);
    });
  });

  describe('scale', () => {
    it('is read and written in one shape', async () => {
      const path = deployments(await namespace());
      await client.must('POST', path, deployment('web', { replicas: 2 }));
      const scale = (await client.get(`${path}/web/scale`)).body;
      expect(scale).toMatchObject({
        apiVersion: 'autoscaling/v1',
        kind: 'Scale',
        spec: { replicas: 2 },
        status: { replicas: 0, selector: 'app=web' },
      });
      const next = await client.call('PATCH', `${path}/web/scale`, { spec: { replicas: 5 } }, PATCH_TYPE.merge);
      expect(next.body.spec).toEqual({ replicas: 5 });
      expect((await client.call('PUT', `${path}/web/scale`, scale)).status).toBe(409);
      expect((await client.get(`${path}/web`)).body.spec?.replicas).toBe(5);
    });
  });

  describe('dry runs', () => {
    it('answer as if and store nothing', async () => {
      const path = configMaps(await namespace());
      const made = await client.call('POST', `${path}?dryRun=All`, configMap('one', { a: '1' }));
      expect(made.status).toBe(201);
      expect(made.body.metadata.resourceVersion).toBeUndefined();
      expect((await client.get(`${path}/one`)).status).toBe(404);
      const stored = await client.must('POST', path, configMap('one', { a: '1' }));
      const patched = await client.call('PATCH', `${path}/one?dryRun=All`, { data: { a: '2' } }, PATCH_TYPE.merge);
      expect(patched.body.data).toEqual({ a: '2' });
      expect((await apply(`${path}/two`, 'm', configMap('two', {}), '&dryRun=All')).status).toBe(201);
      expect((await client.call('DELETE', `${path}/one?dryRun=All`)).status).toBe(200);
      expect((await client.get(`${path}/one`)).body.metadata.resourceVersion).toBe(stored.metadata.resourceVersion);
      expect((await client.get(`${path}/two`)).status).toBe(404);
    });

    it('of another kind are refused', async () => {
      const { status } = await client.call('POST', `${configMaps(await namespace())}?dryRun=some`, configMap('x', {}));
      expect(status).toBe(422);
    });
  });
}
