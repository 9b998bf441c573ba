/**
 * `/openapi/v3`: an index, and a document per group and version with what kubectl reads of it: schemas of the kinds for
 * `explain`, and the operations with their parameters, by which it knows that the server checks fields.
 */
import { createHash } from 'node:crypto';
import { isObject, type JsonObject, objectAt } from './object.ts';
import { groupVersion, type Resource } from './resources.ts';
import { type ApiResponse, json } from './wire.ts';

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1';

const text = { type: 'string' };
const texts = { type: 'object', additionalProperties: text };

const OBJECT_META: JsonObject = {
  description: 'Metadata that all objects have.',
  type: 'object',
  properties: {
    name: { ...text, description: 'Unique within a namespace.' },
    generateName: { ...text, description: 'Beginning of a name that the server makes.' },
    namespace: { ...text, description: 'The space within which the name is unique.' },
    labels: { ...texts, description: 'What selectors match.' },
    annotations: { ...texts, description: 'Any other data.' },
    finalizers: { type: 'array', items: text, description: 'What holds a deletion back.' },
    ownerReferences: {
      type: 'array',
      items: { type: 'object', additionalProperties: true },
      description: 'Objects that this one depends on.',
    },
    uid: text,
    resourceVersion: text,
    generation: { type: 'integer', format: 'int64' },
    creationTimestamp: { type: 'string', format: 'date-time' },
    deletionTimestamp: { type: 'string', format: 'date-time' },
    deletionGracePeriodSeconds: { type: 'integer', format: 'int64' },
  },
};

const LIST_META: JsonObject = {
  description: 'Metadata of lists.',
  type: 'object',
  properties: { continue: text, remainingItemCount: { type: 'integer' }, resourceVersion: text },
};

const ref = (name: string): JsonObject => ({ $ref: `#/components/schemas/${name}` });

/** `dev.muster.v1.Queue`: how OpenAPI of Kubernetes names a kind. */
function schemaName({ group, version, kind }: Resource): string {
  const domain = group === '' ? 'io.k8s.api.core' : group.split('.').reverse().join('.');
  return `${domain}.${version}.${kind}`;
}

const gvk = ({ group, version, kind }: Resource, suffix = ''): JsonObject => ({
  group,
  version,
  kind: `${kind}${suffix}`,
});

const TYPE_META = {
  apiVersion: { ...text, description: 'Version of the schema of this object.' },
  kind: { ...text, description: 'What this object is.' },
};

function kindSchema(resource: Resource): JsonObject {
  const given = resource.rules?.schema ?? null;
  const free = { type: 'object', additionalProperties: true };
  const properties: JsonObject =
    given === null
      ? {
          spec: { ...free, description: `What is wanted of the ${resource.kind}.` },
          status: { ...free, description: 'What was last seen.' },
        }
      : objectAt(given, 'properties');
  return {
    ...(given ?? { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }),
    properties: {
      ...TYPE_META,
      ...properties,
      metadata: { description: 'Metadata that all objects have.', allOf: [ref(`${META}.ObjectMeta`)] },
    },
    'x-kubernetes-group-version-kind': [gvk(resource)],
  };
}

function listSchema(resource: Resource): JsonObject {
  return {
    description: `A list of ${resource.kind}.`,
    type: 'object',
    required: ['items'],
    properties: {
      ...TYPE_META,
      items: { type: 'array', items: { allOf: [ref(schemaName(resource))], default: {} } },
      metadata: { allOf: [ref(`${META}.ListMeta`)], default: {} },
    },
    'x-kubernetes-group-version-kind': [gvk(resource, 'List')],
  };
}

const queryText = (name: string, description: string): JsonObject => ({
  name,
  in: 'query',
  description,
  schema: { type: 'string', uniqueItems: true },
});
const DRY_RUN = queryText('dryRun', 'All: nothing is stored.');
const FIELD_MANAGER = queryText('fieldManager', 'Who writes.');
const FIELD_VALIDATION = queryText(
  'fieldValidation',
  'Ignore, Warn or Strict: what becomes of unknown and repeated fields.',
);
const WRITE_PARAMETERS = [DRY_RUN, FIELD_MANAGER, FIELD_VALIDATION];

function operation(resource: Resource, verb: string, action: string, parameters: readonly JsonObject[]): JsonObject {
  const { group, version, kind } = resource;
  const schema = ref(`${schemaName(resource)}${action === 'list' ? 'List' : ''}`);
  const writes = verb === 'post' || verb === 'put';
  const patchTypes = ['application/json-patch+json', 'application/merge-patch+json', 'application/apply-patch+yaml'];
  const patchBody = Object.fromEntries(patchTypes.map((type) => [type, { schema: { type: 'object' } }]));
  return {
    tags: [`${group === '' ? 'core' : group}_${version}`],
    operationId: `${action}${version}${kind}`,
    parameters: [...parameters],
    ...(writes ? { requestBody: { content: { '*/*': { schema } } } } : {}),
    ...(verb === 'patch' ? { requestBody: { content: patchBody, required: true } } : {}),
    responses: { 200: { description: 'OK', content: { 'application/json': { schema } } } },
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': gvk(resource),
  };
}

function pathsOf(resource: Resource): [string, JsonObject][] {
  const root = resource.group === '' ? '/api/v1' : `/apis/${groupVersion(resource)}`;
  const base = resource.namespaced ? `${root}/namespaces/{namespace}/${resource.plural}` : `${root}/${resource.plural}`;
  const inPath = (name: string): JsonObject => ({ name, in: 'path', required: true, schema: { type: 'string' } });
  const namespace = resource.namespaced ? [inPath('namespace')] : [];
  const collection = {
    get: operation(resource, 'get', 'list', [queryText('labelSelector', ''), queryText('fieldSelector', '')]),
    post: operation(resource, 'post', 'post', WRITE_PARAMETERS),
    delete: operation(resource, 'delete', 'deletecollection', [DRY_RUN]),
    parameters: namespace,
  };
  const item = {
    get: operation(resource, 'get', 'get', []),
    put: operation(resource, 'put', 'put', WRITE_PARAMETERS),
    patch: operation(resource, 'patch', 'patch', [...WRITE_PARAMETERS, queryText('force', '')]),
    delete: operation(resource, 'delete', 'delete', [DRY_RUN]),
    parameters: [inPath('name'), ...namespace],
  };
  return [
    [base, collection],
    [`${base}/{name}`, item],
  ];
}

function documentOf(resources: readonly Resource[]): JsonObject {
  const schemas: JsonObject = { [`${META}.ObjectMeta`]: OBJECT_META, [`${META}.ListMeta`]: LIST_META };
  const paths: JsonObject = {};
  for (const resource of resources) {
    schemas[schemaName(resource)] = kindSchema(resource);
    schemas[`${schemaName(resource)}List`] = listSchema(resource);
    for (const [path, operations] of pathsOf(resource)) paths[path] = operations;
  }
  return { openapi: '3.0.0', info: { title: 'Kubernetes', version: 'v1.37.2' }, paths, components: { schemas } };
}

/** What answers below `/openapi`; documents are made when first asked for. */
export function openApi(resources: readonly Resource[]): (path: string) => ApiResponse | null {
  const members = Map.groupBy(resources, (one) => `${one.group === '' ? 'api' : 'apis'}/${groupVersion(one)}`);
  const documents = new Map<string, ApiResponse>();
  let index: ApiResponse | null = null;
  const document = (name: string): ApiResponse | null => {
    const own = members.get(name);
    if (own === undefined) return null;
    const made = documents.get(name) ?? json(200, documentOf(own));
    documents.set(name, made);
    return made;
  };
  return (path) => {
    if (path !== '/openapi/v3')
      return path.startsWith('/openapi/v3/') ? document(path.slice('/openapi/v3/'.length)) : null;
    index ??= json(200, {
      paths: Object.fromEntries([...members.keys()].map((name) => [name, entryOf(name, document(name))])),
    });
    return index;
  };
}

/** clients keep a document for as long as its hash stays */
function entryOf(name: string, made: ApiResponse | null): JsonObject {
  const body = isObject(made) && typeof made.body === 'string' ? made.body : '';
  const hash = createHash('sha256').update(body).digest('hex').toUpperCase();
  return { serverRelativeURL: `/openapi/v3/${name}?hash=${hash}` };
}
