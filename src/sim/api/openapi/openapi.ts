/**
 * `/openapi/v3`: an index, and a document per group and version with what kubectl reads of it: schemas of the kinds for
 * `explain`, and the operations with their parameters, by which it knows that the server checks fields.
 */
import { createHash } from 'node:crypto';
import { isObject, type JsonObject } from '../object.ts';
import { groupVersion, type Resource } from '../resources.ts';
import { type ApiResponse, json } from '../wire.ts';
import { Schemas, schemaName } from './schemas.ts';

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
  const schema = { $ref: `#/components/schemas/${schemaName(resource)}${action === 'list' ? 'List' : ''}` };
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
    'x-kubernetes-group-version-kind': { group, version, kind },
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
  const schemas = new Schemas();
  const paths: JsonObject = {};
  for (const resource of resources) {
    schemas.add(resource);
    for (const [path, operations] of pathsOf(resource)) paths[path] = operations;
  }
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: 'v1.37.2' },
    paths,
    components: { schemas: schemas.all },
  };
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
