/**
 * CustomResourceDefinitions, tables, discovery and OpenAPI as one suite, run against the embedded API (test/unit/sim) and a
 * real kube-apiserver (test/e2e): a case that fails on one side only is a defect of the embedded one. Causes come in an order
 * of the server's choice (Go's maps), so they are compared as sets.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { arrayAt, isObject, type JsonObject, type KubeObject, objectAt, textAt } from '../../src/sim/api/object.ts';
import { columns, definition, mainVersion, olderVersion } from './crd-samples.ts';
import { type ServerAddress, Wire, type WireAnswer } from './wire.ts';

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io';
const PARTIAL = 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io';
const MERGE = 'application/merge-patch+json';
const NOT_CHECKED =
  'Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation';

let counter = 0;

/** `[field, message]` of all causes, sorted. */
function causes({ body }: WireAnswer): string[][] {
  return arrayAt(objectAt(body, 'details'), 'causes')
    .map((one) => [textAt(one, 'field'), textAt(one, 'message')])
    .sort();
}

export function crdContract(connect: () => Promise<ServerAddress>): void {
  let wire: Wire;
  const group = `c${process.pid}.example.com`;
  let gizmos = '';

  beforeAll(async () => {
    wire = new Wire(await connect());
    gizmos = (await define([mainVersion(), olderVersion()])).path;
  });
  afterAll(() => wire.close());

  const nextName = () => {
    counter += 1;
    return `x${counter}`;
  };

  async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
    for (let attempt = 0; attempt < 200; attempt += 1) {
      if (await holds()) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`never: ${what}`);
  }

  /** A definition of a new kind, once it is served. */
  async function define(versions: readonly JsonObject[], scope = 'Namespaced') {
    counter += 1;
    const kind = `Gizmo${'abcdefghijklmnopqrstuvwxyz'[counter % 26]}${counter}`;
    const body = definition(group, kind, versions, scope);
    await wire.must('POST', CRDS, { body });
    const { name } = body.metadata;
    const version = textAt(versions[0], 'name');
    const path =
      scope === 'Namespaced'
        ? `/apis/${group}/${version}/namespaces/default/${body.spec.names.plural}`
        : `/apis/${group}/${version}/${body.spec.names.plural}`;
    await until(`${name} is served`, async () => (await wire.call('GET', path)).status === 200);
    return { name, path, kind, plural: body.spec.names.plural };
  }

  const gizmo = (name: string, spec: unknown, rest: JsonObject = {}) => ({ metadata: { name }, spec, ...rest });
  const create = (spec: unknown, query = '', rest: JsonObject = {}) => {
    const plural = gizmos.split('/').at(-1)!;
    const kind = `G${plural.slice(1, -1)}`;
    const body = { apiVersion: `${group}/v1`, kind, ...gizmo(nextName(), spec, rest) };
    return wire.call('POST', `${gizmos}${query}`, { body });
  };
  const patch = (name: string, body: unknown, subresource = '') =>
    wire.call('PATCH', `${gizmos}/${name}${subresource}`, { body, contentType: MERGE });

  describe('definitions', () => {
    it('names get their defaults, are accepted, and the kind appears in discovery in both forms', async () => {
      const { name, kind, plural } = await define([olderVersion(), mainVersion()]);
      await until('established', async () => {
        const { body } = await wire.call('GET', `${CRDS}/${name}`);
        return arrayAt(body.status, 'conditions').some(
          (one) => textAt(one, 'type') === 'Established' && textAt(one, 'status') === 'True',
        );
      });
      const { body } = await wire.call('GET', `${CRDS}/${name}`);
      const names = {
        plural,
        singular: kind.toLowerCase(),
        kind,
        listKind: `${kind}List`,
        categories: ['toys', 'all'],
      };
      expect(body.spec).toMatchObject({ names, conversion: { strategy: 'None' } });
      expect(body.status).toMatchObject({ acceptedNames: names, storedVersions: ['v1'] });
      const listed = await wire.must('GET', `/apis/${group}/v1`);
      const resources = arrayAt(listed, 'resources').filter((one) => textAt(one, 'name').split('/')[0] === plural);
      expect(resources.map((one) => textAt(one, 'name'))).toEqual([plural, `${plural}/status`, `${plural}/scale`]);
      expect(resources[0]).toMatchObject({
        singularName: kind.toLowerCase(),
        kind,
        namespaced: true,
        categories: ['toys', 'all'],
        shortNames: [`${kind.toLowerCase()}x`],
      });
      expect(resources[2]).toMatchObject({ group: 'autoscaling', version: 'v1', kind: 'Scale' });
      const apiGroup = await wire.must('GET', `/apis/${group}`);
      expect(apiGroup).toMatchObject({ preferredVersion: { version: 'v1' } });
      const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json';
      const answer = await wire.call('GET', '/apis', { accept });
      expect(answer.contentType).toContain('as=APIGroupDiscoveryList');
      const mine = arrayAt(answer.body, 'items').find((one) => textAt(objectAt(one, 'metadata'), 'name') === group);
      expect(arrayAt(mine, 'versions').map((one) => textAt(one, 'version'))).toEqual(['v1', 'v1beta1']);
      const found = arrayAt(arrayAt(mine, 'versions')[0], 'resources').find(
        (one) => textAt(one, 'resource') === plural,
      );
      expect(found).toMatchObject({ scope: 'Namespaced', responseKind: { group, version: 'v1', kind } });
      expect(arrayAt(found, 'subresources').map((one) => textAt(one, 'subresource'))).toEqual(['status', 'scale']);
    });

    const spec = (schema: JsonObject) => ({ type: 'object', properties: { spec: schema } });
    const at = 'spec.validation.openAPIV3Schema';
    const inSpec = `${at}.properties[spec]`;
    it.each<[string, JsonObject, string, string]>([
      ['no type at the root', {}, `${at}.type`, 'Required value: must not be empty at the root'],
      [
        'a root that is no object',
        { type: 'string' },
        `${at}.type`,
        'Invalid value: "string": must be object at the root',
      ],
      [
        'a field without type',
        spec({}),
        `${inSpec}.type`,
        'Required value: must not be empty for specified object fields',
      ],
      [
        'items without type',
        spec({ type: 'array', items: {} }),
        `${inSpec}.items.type`,
        'Required value: must not be empty for specified array items',
      ],
      ['an array without items', spec({ type: 'array' }), `${inSpec}.items`, 'Required value: must be specified'],
      [
        'an unknown type',
        spec({ type: 'text' }),
        `${inSpec}.type`,
        'Unsupported value: "text": supported values: "array", "boolean", "integer", "number", "object", "string"',
      ],
      [
        'properties beside additionalProperties',
        spec({ type: 'object', properties: { a: { type: 'string' } }, additionalProperties: { type: 'string' } }),
        `${inSpec}.additionalProperties`,
        'Forbidden: additionalProperties and properties are mutual exclusive',
      ],
      [
        'a type inside anyOf',
        spec({ type: 'object', anyOf: [{ type: 'object' }] }),
        `${inSpec}.anyOf[0].type`,
        'Forbidden: must be empty to be structural',
      ],
      [
        'a list map without keys',
        spec({ type: 'array', 'x-kubernetes-list-type': 'map', items: { type: 'object', properties: {} } }),
        `${inSpec}.x-kubernetes-list-map-keys`,
        'Required value: must not be empty if x-kubernetes-list-type is map',
      ],
      [
        'a default with unknown fields',
        spec({ type: 'object', default: { zz: 1 }, properties: { a: { type: 'integer' } } }),
        `${inSpec}.default`,
        'Invalid value: {"zz":1}: must not have unknown fields',
      ],
      [
        'x-kubernetes-preserve-unknown-fields: false',
        spec({ type: 'object', 'x-kubernetes-preserve-unknown-fields': false }),
        `${inSpec}.x-kubernetes-preserve-unknown-fields`,
        'Invalid value: false: must be true or undefined',
      ],
      [
        'more than names of metadata',
        { type: 'object', properties: { metadata: { type: 'object', properties: { labels: { type: 'object' } } } } },
        `${at}.properties[metadata]`,
        'Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified',
      ],
      [
        'a rule over a field that is not there',
        spec({ type: 'object', 'x-kubernetes-validations': [{ rule: 'self.nope > 1' }] }),
        `${inSpec}.x-kubernetes-validations[0].rule`,
        'Invalid value: {"Rule":"self.nope \\u003e 1","Message":"","MessageExpression":"","Reason":null,"FieldPath":"","OptionalOldSelf":null}: compilation failed: ERROR: <input>:1:5: undefined field \'nope\'\n | self.nope > 1\n | ....^',
      ],
      [
        'a rule that is not a bool',
        spec({ type: 'string', 'x-kubernetes-validations': [{ rule: "'a'" }] }),
        `${inSpec}.x-kubernetes-validations[0].rule`,
        'Invalid value: {"Rule":"\'a\'","Message":"","MessageExpression":"","Reason":null,"FieldPath":"","OptionalOldSelf":null}: cel expression must evaluate to a bool',
      ],
    ])('a schema with %s is refused', async (_what, openAPIV3Schema, field, message) => {
      counter += 1;
      const versions = [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema } }];
      const answer = await wire.call('POST', CRDS, { body: definition(group, `Bad${counter}`, versions) });
      expect(answer.status).toBe(422);
      expect(causes(answer)).toEqual([[field, message]]);
      expect(answer.body).toMatchObject({
        reason: 'Invalid',
        details: { group: 'apiextensions.k8s.io', kind: 'CustomResourceDefinition' },
      });
    });

    it('a name that is not plural and group is refused, and so is a column of no type', async () => {
      const version = {
        ...mainVersion(),
        additionalPrinterColumns: [{ name: 'A', type: 'strin', jsonPath: 'spec.x' }],
      };
      const body = definition(group, 'Wrong', [version]);
      body.metadata.name = `other.${group}`;
      expect(causes(await wire.call('POST', CRDS, { body }))).toEqual([
        ['metadata.name', `Invalid value: "other.${group}": must be spec.names.plural+"."+spec.group`],
        [
          'spec.additionalPrinterColumns[0].JSONPath',
          'Invalid value: "spec.x": must be a simple json path starting with .',
        ],
        [
          'spec.additionalPrinterColumns[0].type',
          'Invalid value: "strin": must be one of boolean,date,integer,number,string',
        ],
      ]);
    });

    it('a changed schema holds for the next write', async () => {
      const { name, path } = await define([mainVersion()]);
      const body = [
        {
          op: 'replace',
          path: '/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/replicas/maximum',
          value: 2,
        },
      ];
      await wire.must('PATCH', `${CRDS}/${name}`, { body, contentType: 'application/json-patch+json' });
      await until('the new maximum holds', async () => {
        const answer = await wire.call('POST', `${path}`, {
          body: gizmo(nextName(), { replicas: 3 }, await typed(name)),
        });
        return answer.status === 422;
      });
    });

    const typed = async (name: string): Promise<JsonObject> => {
      const { body } = await wire.call('GET', `${CRDS}/${name}`);
      return { apiVersion: `${group}/v1`, kind: textAt(objectAt(body.spec, 'names'), 'kind') };
    };

    it('a deleted definition takes its objects and routes along, once nothing holds an object', async () => {
      const { name, path } = await define([mainVersion()]);
      const held = { metadata: { name: 'held', finalizers: ['example.com/hold'] }, spec: {} };
      await wire.must('POST', path, { body: { ...(await typed(name)), ...held } });
      await wire.must('POST', path, { body: { ...(await typed(name)), ...gizmo('free', {}) } });
      await wire.must('DELETE', `${CRDS}/${name}`);
      await until('the free one is gone', async () => (await wire.call('GET', `${path}/free`)).status === 404);
      const waiting = await wire.must('GET', `${CRDS}/${name}`);
      expect(waiting.metadata.deletionTimestamp).toBeDefined();
      expect(waiting.metadata.finalizers).toContain('customresourcecleanup.apiextensions.k8s.io');
      await wire.must('PATCH', `${path}/held`, { body: { metadata: { finalizers: null } }, contentType: MERGE });
      await until('the definition is gone', async () => (await wire.call('GET', `${CRDS}/${name}`)).status === 404);
      await until('the routes are gone', async () => (await wire.call('GET', path)).status === 404);
    });

    it('its row names the versions that are served, and the one that is stored', async () => {
      const { name } = await define([
        olderVersion(),
        mainVersion(),
        { ...olderVersion(), name: 'v1alpha1', served: false },
      ]);
      const table = await wire.must('GET', `${CRDS}/${name}`, { accept: TABLE });
      const cells = arrayAt(arrayAt(table, 'rows')[0], 'cells');
      expect(cells.slice(0, 3)).toEqual([name, 'Namespaced', 'v1(storage),v1beta1']);
    });

    it('objects of a definition of the cluster have no namespace', async () => {
      const { path, name } = await define([mainVersion()], 'Cluster');
      const made = await wire.must('POST', path, { body: { ...(await typed(name)), ...gizmo('one', {}) } });
      expect(made.metadata.namespace).toBeUndefined();
    });
  });

  describe('objects', () => {
    it('defaults are filled in, unknown fields are taken out and warned of', async () => {
      const { status, body, warnings } = await create({
        extra: 1,
        free: { x: 1, known: { a: '1', zz: 2 } },
        ports: [{ name: 'a' }],
        maybe: null,
        template: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x', bogus: 1 }, spec: { a: 1 } },
      });
      expect(status).toBe(201);
      expect(body.spec).toEqual({
        free: { x: 1, known: { a: '1' } },
        ports: [{ name: 'a', protocol: 'TCP' }],
        maybe: null,
        replicas: 1,
        template: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x' }, spec: { a: 1 } },
      });
      expect(warnings.toSorted()).toEqual([
        '299 - "unknown field \\"spec.extra\\""',
        '299 - "unknown field \\"spec.free.known.zz\\""',
        '299 - "unknown field \\"spec.template.metadata.bogus\\""',
      ]);
    });

    it('a null that is not allowed counts as absent', async () => {
      const { status, body } = await create({ replicas: null, size: null });
      expect({ status, spec: body.spec }).toEqual({ status: 201, spec: { replicas: 1 } });
    });

    it.each<[string, unknown, [string, string][]]>([
      [
        'a number too small',
        { replicas: 0 },
        [['spec.replicas', 'Invalid value: 0: spec.replicas in body should be greater than or equal to 1']],
      ],
      [
        'a number too large',
        { replicas: 11 },
        [['spec.replicas', 'Invalid value: 11: spec.replicas in body should be less than or equal to 10']],
      ],
      [
        'a text where a boolean of choices is',
        { size: 'huge' },
        [
          ['<nil>', NOT_CHECKED],
          ['spec.size', 'Unsupported value: "huge": supported values: "small", "large"'],
        ],
      ],
      [
        'a text too short',
        { name: 'a' },
        [['spec.name', 'Invalid value: "a": spec.name in body should be at least 2 chars long']],
      ],
      [
        'a text against its pattern',
        { name: 'AB' },
        [['spec.name', 'Invalid value: "AB": spec.name in body should match \'^[a-z]+$\'']],
      ],
      [
        'a text too long',
        { name: 'abcdef' },
        [
          ['<nil>', NOT_CHECKED],
          ['spec.name', 'Too long: may not be more than 5 bytes'],
        ],
      ],
      [
        'neither integer nor text',
        { port: 1.5 },
        [
          ['<nil>', NOT_CHECKED],
          ['spec.port', 'Invalid value: "number": spec.port in body must be of type integer,string: "number"'],
        ],
      ],
      [
        'too many items',
        { tags: ['a', 'b', 'c', 'd'] },
        [
          ['<nil>', NOT_CHECKED],
          ['spec.tags', 'Too many: 4: must have at most 3 items'],
        ],
      ],
      ['a set with an element twice', { tags: ['a', 'a'] }, [['spec.tags[1]', 'Duplicate value: "a"']]],
      [
        'a list map with a key twice',
        { ports: [{ name: 'a' }, { name: 'a' }] },
        [['spec.ports[1]', 'Duplicate value: {"name":"a"}']],
      ],
      [
        'a key that is missing',
        { ports: [{ protocol: 'UDP' }] },
        [
          ['<nil>', NOT_CHECKED],
          ['spec.ports[0].name', 'Required value'],
        ],
      ],
      [
        'no time',
        { when: 'yesterday' },
        [
          ['<nil>', NOT_CHECKED],
          ['spec.when', 'Invalid value: "yesterday": spec.when in body must be of type date-time: "yesterday"'],
        ],
      ],
      [
        'a number in a map of texts',
        { labels: { a: 1 } },
        [
          ['<nil>', NOT_CHECKED],
          ['spec.labels.a', 'Invalid value: "integer": spec.labels.a in body must be of type string: "integer"'],
        ],
      ],
      [
        'no multiple',
        { ratio: 0.7 },
        [['spec.ratio', 'Invalid value: 0.7: spec.ratio in body should be a multiple of 0.5']],
      ],
      [
        'both of one',
        { one: { a: '1', b: '2' } },
        [
          [
            '<nil>',
            'Invalid value: "": "spec.one" must validate one and only one schema (oneOf). Found 2 valid alternatives',
          ],
        ],
      ],
      [
        'an embedded object without kind',
        { template: { spec: 1 } },
        [
          ['<nil>', NOT_CHECKED],
          ['spec.template.apiVersion', 'Required value'],
          ['spec.template.kind', 'Required value'],
        ],
      ],
      [
        'a rule with path and reason',
        { replicas: 5, size: 'small' },
        [['spec.replicas', 'Forbidden: small things have at most 3']],
      ],
      ['a rule with a message expression', { replicas: 7 }, [['spec', 'Invalid value: seven is bad']]],
      [
        'a rule without a message',
        { port: 'http' },
        [
          [
            'spec',
            "Invalid value: failed rule: !has(self.port) || type(self.port) != string || self.port.endsWith('%')",
          ],
        ],
      ],
      [
        'a first value that its rule refuses',
        { growing: 2 },
        [['spec.growing', 'Invalid value: 2: begins at 1 and grows']],
      ],
    ])('%s is refused', async (_what, spec, expected) => {
      const answer = await create(spec);
      expect(answer.status).toBe(422);
      expect(causes(answer)).toEqual(expected.toSorted());
      expect(answer.body).toMatchObject({ reason: 'Invalid', details: { group } });
    });

    it.each<[string, string, string, string[], string[]]>([
      ['Strict', '{"replicas":1,"extra":1}', 'strict decoding error: unknown field "spec.extra"', [], []],
      ['Strict', '{"replicas":1,"replicas":2}', 'strict decoding error: duplicate field "spec.replicas"', [], []],
      ['Warn', '{"replicas":1,"extra":1}', '', ['299 - "unknown field \\"spec.extra\\""'], []],
      ['Warn', '{"replicas":1,"replicas":2}', '', ['299 - "duplicate field \\"spec.replicas\\""'], []],
      ['Ignore', '{"replicas":1,"extra":1,"replicas":2}', '', [], []],
    ])('fieldValidation=%s with %s', async (mode, spec, refusal, warned) => {
      const kind = `G${gizmos.split('/').at(-1)!.slice(1, -1)}`;
      const body = `{"apiVersion":"${group}/v1","kind":"${kind}","metadata":{"name":"${nextName()}"},"spec":${spec}}`;
      const answer = await wire.call('POST', `${gizmos}?fieldValidation=${mode}`, { body });
      expect(answer.status).toBe(refusal === '' ? 201 : 400);
      expect(textAt(answer.body, 'message')).toContain(refusal);
      expect(answer.warnings).toEqual(warned);
    });

    it('a fieldValidation that is none is refused', async () => {
      const answer = await create({}, '?fieldValidation=Huh');
      expect(causes(answer)).toEqual([
        ['fieldValidation', 'Unsupported value: "Huh": supported values: "", "Ignore", "Strict", "Warn"'],
      ]);
    });

    it('transition rules look at the old value', async () => {
      const { body } = await create({ fixed: 'a', growing: 1 });
      const { name } = body.metadata;
      expect(causes(await patch(name, { spec: { fixed: 'b' } }))).toEqual([
        ['spec.fixed', 'Invalid value: "b": fixed is immutable'],
      ]);
      expect((await patch(name, { spec: { growing: 3 } })).status).toBe(200);
      expect(causes(await patch(name, { spec: { growing: 2 } }))).toEqual([
        ['spec.growing', 'Invalid value: 2: begins at 1 and grows'],
      ]);
      expect((await patch(name, { spec: { fixed: null } })).status).toBe(200);
    });

    it('status has a path of its own, and only a change of the rest is a new generation', async () => {
      const { body } = await create({ replicas: 2 }, '', { status: { ready: 9 } });
      const { name } = body.metadata;
      expect(body.status).toBeUndefined();
      const status = await patch(
        name,
        { status: { ready: 1 }, spec: { replicas: 3 }, metadata: { labels: { a: '1' } } },
        '/status',
      );
      expect(status.body).toMatchObject({ spec: { replicas: 2 }, status: { ready: 1 }, metadata: { generation: 1 } });
      expect(status.body.metadata.labels).toBeUndefined();
      const labelled = await patch(name, { metadata: { labels: { a: '1' } }, status: { ready: 2 } });
      expect(labelled.body).toMatchObject({ status: { ready: 1 }, metadata: { generation: 1, labels: { a: '1' } } });
      expect((await patch(name, { spec: { replicas: 3 } })).body.metadata.generation).toBe(2);
      expect(causes(await patch(name, { status: { ready: 'x' } }, '/status'))).toEqual([
        ['.status.ready', 'Invalid value: 0: .status.ready accessor error: x is of the type string, expected int64'],
        ['<nil>', NOT_CHECKED],
        ['status.ready', 'Invalid value: "string": ready in body must be of type integer: "string"'],
      ]);
    });

    it('scale reads and writes the replicas where the definition says they are', async () => {
      const { body } = await create({ replicas: 2 });
      const { name } = body.metadata;
      await patch(name, { status: { ready: 1, selector: 'a=b' } }, '/status');
      const scale = await wire.must('GET', `${gizmos}/${name}/scale`);
      expect(scale).toMatchObject({
        kind: 'Scale',
        apiVersion: 'autoscaling/v1',
        metadata: { name, namespace: 'default', uid: body.metadata.uid },
        spec: { replicas: 2 },
        status: { replicas: 1, selector: 'a=b' },
      });
      expect((await patch(name, { spec: { replicas: 4 } }, '/scale')).body).toMatchObject({ spec: { replicas: 4 } });
      const put = { ...scale, metadata: { name, namespace: 'default' }, spec: { replicas: 5 } };
      await wire.must('PUT', `${gizmos}/${name}/scale`, { body: put });
      expect((await wire.must('GET', `${gizmos}/${name}`)).spec).toMatchObject({ replicas: 5 });
      expect((await patch(name, { spec: { replicas: 40 } }, '/scale')).status).toBe(422);
    });

    it('every served version shows the same object', async () => {
      const { body } = await create({ replicas: 2, size: 'large' });
      const older = `${gizmos.replace('/v1/', '/v1beta1/')}/${body.metadata.name}`;
      expect(await wire.must('GET', older)).toMatchObject({ apiVersion: `${group}/v1beta1`, spec: { size: 'large' } });
      await wire.must('PATCH', older, { body: { spec: { replicas: 3 } }, contentType: MERGE });
      expect(await wire.must('GET', `${gizmos}/${body.metadata.name}`)).toMatchObject({
        apiVersion: `${group}/v1`,
        spec: { replicas: 3 },
      });
    });

    it('fields that the definition names can be selected, others cannot', async () => {
      const { body } = await create({ size: 'large', tags: ['selected'] });
      const found = await wire.must('GET', `${gizmos}?fieldSelector=spec.size=large`);
      const sizes = new Set(arrayAt(found, 'items').map((one) => textAt(objectAt(one, 'spec'), 'size')));
      expect([...sizes]).toEqual(['large']);
      expect(
        arrayAt(found, 'items').some((one) => isObject(one) && textAt(one.metadata, 'name') === body.metadata.name),
      ).toBe(true);
      const refused = await wire.call('GET', `${gizmos}?fieldSelector=spec.replicas=2`);
      expect(refused).toMatchObject({ status: 400, body: { message: 'field label not supported: spec.replicas' } });
    });

    it('a strategic patch is refused: only built-in kinds know how', async () => {
      const { body } = await create({});
      const answer = await wire.call('PATCH', `${gizmos}/${body.metadata.name}`, {
        body: { spec: { replicas: 2 } },
        contentType: 'application/strategic-merge-patch+json',
      });
      expect(answer.status).toBe(415);
    });
  });

  describe('tables', () => {
    const cellsOf = (table: KubeObject) => arrayAt(arrayAt(table, 'rows')[0], 'cells');

    it('the columns of a definition stand in gets, lists and watches', async () => {
      const { body } = await create({ replicas: 2, size: 'large', tags: ['a', 'b'] });
      const { name } = body.metadata;
      const at = new Date(Date.now() - 3 * 3_600_000 - 60_000).toISOString().replace(/\.\d+Z/, 'Z');
      await patch(name, { status: { conditions: [{ type: 'Ready', status: 'True', at }] } }, '/status');
      const table = await wire.must('GET', `${gizmos}/${name}`, { accept: TABLE });
      expect(table).toMatchObject({ kind: 'Table', apiVersion: 'meta.k8s.io/v1' });
      const heads = arrayAt(table, 'columnDefinitions') as JsonObject[];
      expect(heads.map((one) => [one.name, one.type, one.format, one.priority])).toEqual([
        ['Name', 'string', 'name', 0],
        ...columns.map((one) => [one.name, one.type, '', one.priority ?? 0]),
      ]);
      expect(heads[4]).toMatchObject({ description: 'how big' });
      const cells = cellsOf(table);
      expect(cells.slice(0, -1)).toEqual([name, 2, 'True', '3h1m', 'large', '["a","b"]', 'a']);
      expect(cells.at(-1)).toMatch(/^\d+s$/);
      expect(arrayAt(table, 'rows')[0]).toMatchObject({
        object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: { name } },
      });
      const list = await wire.must('GET', `${gizmos}?limit=1`, { accept: `${TABLE},application/json` });
      expect(arrayAt(list, 'rows')).toHaveLength(1);
      expect(textAt(list.metadata, 'continue')).not.toBe('');
      const watched = await wire.call('GET', `${gizmos}?watch=true&resourceVersion=0&timeoutSeconds=1`, {
        accept: TABLE,
      });
      const events = watched.text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { object: KubeObject });
      expect(events.length).toBeGreaterThan(1);
      expect(arrayAt(events[0]!.object, 'columnDefinitions')).toHaveLength(columns.length + 1);
      expect(events[1]!.object.columnDefinitions).toBeNull();
    });

    it('values that are not there are null', async () => {
      const { body } = await create({});
      const table = await wire.must('GET', `${gizmos}/${body.metadata.name}`, { accept: TABLE });
      expect(cellsOf(table).slice(1, -1)).toEqual([1, null, null, null, null, null]);
    });

    it.each([
      ['None', (object: unknown) => object === null],
      ['Metadata', (object: unknown) => textAt(object, 'kind') === 'PartialObjectMetadata'],
      ['Object', (object: unknown) => isObject(object) && isObject(object.spec)],
    ])('includeObject=%s', async (include, holds) => {
      const { body } = await create({});
      const table = await wire.must('GET', `${gizmos}/${body.metadata.name}?includeObject=${include}`, {
        accept: TABLE,
      });
      expect(holds((arrayAt(table, 'rows')[0] as JsonObject).object)).toBe(true);
    });

    it('an includeObject that is none is refused', async () => {
      const { body } = await create({});
      const answer = await wire.call('GET', `${gizmos}/${body.metadata.name}?includeObject=Huh`, { accept: TABLE });
      expect(answer).toMatchObject({
        status: 400,
        body: {
          message:
            "Unable to convert to Table as requested: includeObject: Invalid value: \"Huh\": must be 'Metadata', 'Object', 'None', or empty",
        },
      });
    });

    it('metadata alone can be asked for', async () => {
      const { body } = await create({});
      const one = await wire.must('GET', `${gizmos}/${body.metadata.name}`, { accept: PARTIAL });
      expect(one).toMatchObject({
        kind: 'PartialObjectMetadata',
        apiVersion: 'meta.k8s.io/v1',
        metadata: { name: body.metadata.name },
      });
      expect(one.spec).toBeUndefined();
      const list = await wire.must('GET', gizmos, { accept: PARTIAL.replace('Metadata;', 'MetadataList;') });
      expect(list.kind).toBe('PartialObjectMetadataList');
      expect(arrayAt(list, 'items').every((item) => isObject(item) && item.spec === undefined)).toBe(true);
    });

    it('a form that nobody serves is not acceptable', async () => {
      expect(await wire.call('GET', gizmos, { accept: 'text/html' })).toMatchObject({
        status: 406,
        body: { reason: 'NotAcceptable' },
      });
    });

    it.each([
      ['/api/v1/pods', 'Name Ready Status Restarts Age *IP *Node *Nominated-Node *Readiness-Gates'],
      [
        '/api/v1/nodes',
        'Name Status Roles Age Version *Internal-IP *External-IP *OS-Image *Kernel-Version *Container-Runtime',
      ],
      ['/api/v1/namespaces', 'Name Status Age'],
      ['/api/v1/events', 'Last-Seen Type Reason Object *Subobject *Source Message *First-Seen *Count *Name'],
      ['/api/v1/services', 'Name Type Cluster-IP External-IP Port(s) Age *Selector'],
      ['/api/v1/configmaps', 'Name Data Age'],
      ['/api/v1/secrets', 'Name Type Data Age'],
      ['/api/v1/serviceaccounts', 'Name Age'],
      [
        '/api/v1/persistentvolumes',
        'Name Capacity Access-Modes Reclaim-Policy Status Claim StorageClass VolumeAttributesClass Reason Age *VolumeMode',
      ],
      [
        '/api/v1/persistentvolumeclaims',
        'Name Status Volume Capacity Access-Modes StorageClass VolumeAttributesClass Age *VolumeMode',
      ],
      ['/api/v1/replicationcontrollers', 'Name Desired Current Ready Age *Containers *Images *Selector'],
      ['/apis/apps/v1/deployments', 'Name Ready Up-to-date Available Age *Containers *Images *Selector'],
      ['/apis/apps/v1/replicasets', 'Name Desired Current Ready Age *Containers *Images *Selector'],
      ['/apis/apps/v1/statefulsets', 'Name Ready Age *Containers *Images'],
      [
        '/apis/apps/v1/daemonsets',
        'Name Desired Current Ready Up-to-date Available Node-Selector Age *Containers *Images *Selector',
      ],
      ['/apis/batch/v1/jobs', 'Name Status Completions Duration Age *Containers *Images *Selector'],
      ['/apis/coordination.k8s.io/v1/leases', 'Name Holder Age'],
      ['/apis/policy/v1/poddisruptionbudgets', 'Name Min-Available Max-Unavailable Allowed-Disruptions Age'],
      ['/apis/scheduling.k8s.io/v1/priorityclasses', 'Name Value Global-Default Age PreemptionPolicy'],
      ['/apis/node.k8s.io/v1/runtimeclasses', 'Name Handler Age'],
      ['/apis/resource.k8s.io/v1/resourceslices', 'Name Node Driver Pool Age'],
      ['/apis/resource.k8s.io/v1/resourceclaims', 'Name State Age'],
      [
        '/apis/storage.k8s.io/v1/storageclasses',
        'Name Provisioner ReclaimPolicy VolumeBindingMode AllowVolumeExpansion Age',
      ],
      [
        '/apis/storage.k8s.io/v1/csidrivers',
        'Name AttachRequired PodInfoOnMount StorageCapacity TokenRequests RequiresRepublish Modes Age',
      ],
      ['/apis/storage.k8s.io/v1/csistoragecapacities', 'Name Created-At'],
      ['/apis/storage.k8s.io/v1/volumeattachments', 'Name Attacher PV Node Attached Age'],
      ['/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations', 'Name Webhooks Age'],
      ['/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies', 'Name Validations ParamKind Age'],
      ['/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings', 'Name PolicyName ParamRef Age'],
      ['/apis/rbac.authorization.k8s.io/v1/clusterroles', 'Name Created-At'],
      ['/apis/rbac.authorization.k8s.io/v1/rolebindings', 'Name Role Age *Users *Groups *ServiceAccounts'],
      [CRDS, 'Name Scope Versions Created-At *Group *Kind *ShortNames *Established'],
    ])('the columns of %s', async (path, expected) => {
      const table = await wire.must('GET', `${path}?limit=1`, { accept: TABLE });
      const shown = (arrayAt(table, 'columnDefinitions') as JsonObject[]).map(
        (one) => `${one.priority === 0 ? '' : '*'}${textAt(one, 'name').replaceAll(' ', '-')}`,
      );
      expect(shown.join(' ')).toBe(expected);
    });

    const container = { name: 'main', image: 'registry.k8s.io/pause' };
    const running = { state: { running: {} }, ready: true, restartCount: 0, image: '', imageID: '' };
    it.each<[string, JsonObject, JsonObject, string[]]>([
      ['a new pod', {}, {}, ['0/1', 'Pending', '0']],
      ['a gated pod', { schedulingGates: [{ name: 'example.com/wait' }] }, {}, ['0/1', 'SchedulingGated', '0']],
      [
        'a pod whose container waits',
        {},
        {
          phase: 'Pending',
          containerStatuses: [
            { ...running, name: 'main', ready: false, state: { waiting: { reason: 'ImagePullBackOff' } } },
          ],
        },
        ['0/1', 'ImagePullBackOff', '0'],
      ],
      [
        'a running pod',
        {},
        { phase: 'Running', containerStatuses: [{ ...running, name: 'main' }] },
        ['1/1', 'Running', '0'],
      ],
      [
        'a pod that restarts',
        {},
        { phase: 'Running', containerStatuses: [{ ...running, name: 'main', restartCount: 4 }] },
        ['1/1', 'Running', '4'],
      ],
      [
        'a pod that is done',
        {},
        {
          phase: 'Succeeded',
          containerStatuses: [
            { ...running, name: 'main', ready: false, state: { terminated: { exitCode: 0, reason: 'Completed' } } },
          ],
        },
        ['0/1', 'Completed', '0'],
      ],
      [
        'a pod that failed without a reason',
        {},
        {
          phase: 'Failed',
          containerStatuses: [{ ...running, name: 'main', ready: false, state: { terminated: { exitCode: 3 } } }],
        },
        ['0/1', 'ExitCode:3', '0'],
      ],
      [
        'a pod that initializes',
        { initContainers: [{ name: 'first', image: 'a' }] },
        { phase: 'Pending', initContainerStatuses: [{ ...running, name: 'first', ready: false }] },
        ['0/1', 'Init:0/1', '0'],
      ],
      ['an evicted pod', {}, { phase: 'Failed', reason: 'Evicted' }, ['0/1', 'Evicted', '0']],
    ])('the row of %s', async (_what, spec, status, expected) => {
      const name = nextName();
      const pods = '/api/v1/namespaces/default/pods';
      const body = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name },
        spec: { containers: [container], automountServiceAccountToken: false, ...spec },
      };
      await wire.must('POST', pods, { body });
      if (Object.keys(status).length > 0)
        await wire.must('PATCH', `${pods}/${name}/status`, {
          body: { status },
          contentType: 'application/merge-patch+json',
        });
      const table = await wire.must('GET', `${pods}/${name}`, { accept: TABLE });
      expect(cellsOf(table).slice(1, 4)).toEqual(expected);
    });
  });

  describe('openapi', () => {
    it('the index names a document per group and version, which has the kind, its fields and fieldValidation', async () => {
      let document: KubeObject | null = null;
      await until('the document is published', async () => {
        const index = await wire.must('GET', '/openapi/v3');
        const entry = objectAt(objectAt(index, 'paths'), `apis/${group}/v1`);
        if (textAt(entry, 'serverRelativeURL') === '') return false;
        document = await wire.must('GET', textAt(entry, 'serverRelativeURL'));
        return true;
      });
      const paths = objectAt(document, 'paths');
      const plural = gizmos.split('/').at(-1)!;
      const item = objectAt(paths, `/apis/${group}/v1/namespaces/{namespace}/${plural}/{name}`);
      const parameters = arrayAt(objectAt(item, 'patch'), 'parameters').map((one) => textAt(one, 'name'));
      expect(parameters).toContain('fieldValidation');
      const gvk = { group, version: 'v1', kind: `G${plural.slice(1, -1)}` };
      expect(objectAt(item, 'patch')['x-kubernetes-group-version-kind']).toEqual(gvk);
      const schemas = Object.values(objectAt(objectAt(document, 'components'), 'schemas'));
      const own = schemas.find((one) =>
        arrayAt(one, 'x-kubernetes-group-version-kind').some((it) => textAt(it, 'kind') === gvk.kind),
      );
      const spec = objectAt(objectAt(own, 'properties'), 'spec');
      expect(Object.keys(objectAt(spec, 'properties'))).toEqual(expect.arrayContaining(['replicas', 'size', 'ports']));
    });
  });
}
