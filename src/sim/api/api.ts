/**
 * The embedded API server without a server: one request in, one answer (or stream) out. Time, uids and admission come in, so
 * a simulator calls the same function that the HTTP server calls. Start reading here.
 */
import type { Clock } from '../../kube/ports.ts';
import { Catalog } from './catalog.ts';
import { definitionResource } from './crd/definition.ts';
import { Definitions, nameConflict } from './crd/lifecycle.ts';
import { Discovery } from './discovery.ts';
import { duplicateFields } from './duplicate-fields.ts';
import { ApiError, badRequest } from './errors.ts';
import { fieldValidation, reportFields } from './kind-rules.ts';
import { listResponse, page } from './list.ts';
import { isObject, type JsonObject, type KubeObject, storeKey, timestamp } from './object.ts';
import { type Representation, representation } from './representation.ts';
import { resourceId } from './resources.ts';
import { parseRoute, type Route } from './route.ts';
import { parseSelection } from './selectors.ts';
import { Store, type Version } from './store.ts';
import { watchResponse } from './watch.ts';
import { type ApiRequest, type ApiResponse, failure, json, jsonText, success } from './wire.ts';
import { type Admission, Writes } from './writes.ts';

export type ApiOptions = {
  readonly clock: Clock;
  /** a new uid; from a seed in simulations */
  readonly newUid: () => string;
  /** what ends generated names, five characters; default: taken from `newUid` */
  readonly newSuffix?: () => string;
  readonly admit?: Admission;
  /** changes kept per resource for watches that resume */
  readonly historySize?: number;
  readonly bookmarkEveryMs?: number;
};

const FIRST_VERSION = 1000;
const HISTORY_SIZE = 20_000;
const BOOKMARK_EVERY_MS = 60_000;
const NAMESPACES = ['default', 'kube-node-lease', 'kube-public', 'kube-system'];
const PRIORITY_CLASSES = { 'system-cluster-critical': 2_000_000_000, 'system-node-critical': 2_000_001_000 };

export class Api {
  readonly store: Store;
  readonly #catalog: Catalog;
  readonly #discovery: Discovery;
  readonly #writes: Writes;
  readonly #clock: Clock;
  readonly #bookmarkEveryMs: number;

  constructor(options: ApiOptions) {
    const { clock, newUid } = options;
    const conflict = (definition: KubeObject) => nameConflict(this.store)(definition);
    this.#catalog = new Catalog([definitionResource(() => clock.now(), conflict)]);
    this.#discovery = new Discovery(this.#catalog);
    this.store = new Store(this.#catalog.tables(), options.historySize ?? HISTORY_SIZE, FIRST_VERSION);
    this.#clock = clock;
    this.#bookmarkEveryMs = options.bookmarkEveryMs ?? BOOKMARK_EVERY_MS;
    this.#writes = new Writes({
      store: this.store,
      clock,
      newUid,
      newSuffix: options.newSuffix ?? (() => newUid().replaceAll('-', '').slice(-5)),
      admit: options.admit ?? null,
    });
    new Definitions(this.store, this.#catalog, (resource, id, { metadata: { name, namespace = null } }) => {
      const query = new URLSearchParams();
      const route = { resource, id, namespace, name, subresource: '', query, warnings: [], duplicates: [] };
      this.#writes.remove(route, {});
    });
    const metadata = (name: string) => ({
      name,
      uid: newUid(),
      resourceVersion: '',
      creationTimestamp: timestamp(clock.now()),
    });
    for (const name of NAMESPACES) {
      const labels = { 'kubernetes.io/metadata.name': name };
      this.store.put(resourceId('v1', 'namespaces'), {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { ...metadata(name), labels },
        spec: { finalizers: ['kubernetes'] },
        status: { phase: 'Active' },
      });
    }
    for (const [name, value] of Object.entries(PRIORITY_CLASSES)) {
      const object: KubeObject = {
        apiVersion: 'scheduling.k8s.io/v1',
        kind: 'PriorityClass',
        metadata: metadata(name),
        value,
        preemptionPolicy: 'PreemptLowerPriority',
      };
      this.store.put(resourceId('scheduling.k8s.io/v1', 'priorityclasses'), object);
    }
  }

  /** Never throws: what goes wrong is an answer. */
  async handle(request: ApiRequest): Promise<ApiResponse> {
    try {
      const mark = request.path.indexOf('?');
      const path = mark < 0 ? request.path : request.path.slice(0, mark);
      if (request.method === 'GET') {
        const known = this.#discovery.answer(path, request);
        if (known) return known;
      }
      const query = new URLSearchParams(mark < 0 ? '' : request.path.slice(mark + 1));
      const route = parseRoute(path, query, this.#catalog);
      this.#checkFields(route, request);
      const answer = await this.#dispatch(route, request);
      return route.warnings.length === 0 ? answer : { ...answer, warnings: route.warnings };
    } catch (error) {
      if (error instanceof ApiError) return failure(error);
      const text = error instanceof Error ? error.message : String(error);
      return failure(
        error instanceof URIError
          ? badRequest(text)
          : new ApiError('InternalError', `Internal error occurred: ${text}`),
      );
    }
  }

  /** Forgets all histories: every watch and list from an older version is answered with 410. */
  compact(): void {
    for (const [, table] of this.store.tables()) table.compact(this.store.version);
  }

  /** Looks for fields that a body names twice, where the client asked for it: the look costs as much as the parsing. */
  #checkFields(route: Route, request: ApiRequest): void {
    if (!route.query.has('fieldValidation') || request.method === 'GET' || request.method === 'DELETE') return;
    const options = { POST: 'CreateOptions', PUT: 'UpdateOptions', PATCH: 'PatchOptions' }[request.method] ?? '';
    if (fieldValidation(route.query, options) === 'Ignore' || request.body === null) return;
    route.duplicates.push(...duplicateFields(request.body.toString()));
    if (route.resource.rules === null)
      reportFields(
        route,
        route.duplicates.map((path) => `duplicate field "${path}"`),
      );
  }

  async #dispatch(route: Route, request: ApiRequest): Promise<ApiResponse> {
    const { method } = request;
    const form = representation(textOf(request.headers?.accept), route.resource, route.query, () => this.#clock.now());
    const one = (status: number, version: Version) => jsonText(status, form.one(version));
    if (route.name === '') {
      if (method === 'GET') return this.#collection(route, form);
      if (method === 'POST') return one(201, await this.#writes.create(route, parseBody(request)));
      if (method === 'DELETE') return this.#deleteCollection(route, request, form);
    } else if (route.subresource === '') {
      if (method === 'GET')
        return route.query.get('watch') === 'true' ? this.#collection(route, form) : one(200, this.#writes.read(route));
      if (method === 'PUT') return one(200, await this.#writes.update(route, parseBody(request)));
      if (method === 'PATCH') return one(200, await this.#writes.patch(route, request.contentType, parseBody(request)));
      if (method === 'DELETE') return this.#delete(route, request, form);
    } else if (route.subresource === 'status' && route.resource.status) {
      if (method === 'GET') return one(200, this.#writes.read(route));
      if (method === 'PUT') return one(200, await this.#writes.update(route, parseBody(request)));
      if (method === 'PATCH') return one(200, await this.#writes.patch(route, request.contentType, parseBody(request)));
    } else if (route.resource.subresources.some(({ name }) => name === route.subresource)) {
      if (method === 'POST' && route.subresource === 'binding') {
        await this.#writes.bind(route, parseBody(request));
        return success(201);
      }
      if (method === 'POST' && route.subresource === 'eviction') {
        this.#writes.evict(route, parseBody(request));
        return success(201);
      }
      if (route.subresource === 'scale') {
        if (method === 'GET') return json(200, await this.#writes.scale(route, null));
        const contentType = method === 'PATCH' ? request.contentType : '';
        if (method === 'PUT' || method === 'PATCH')
          return json(200, await this.#writes.scale(route, { contentType, body: parseBody(request) }));
      }
    } else {
      throw new ApiError('NotFound', 'the server could not find the requested resource');
    }
    throw new ApiError('MethodNotAllowed', 'the server does not allow this method on the requested resource');
  }

  #collection(route: Route, form: Representation): ApiResponse {
    const { resource, query } = route;
    const table = this.store.table(route.id);
    if (route.name !== '') query.set('fieldSelector', `metadata.name=${route.name}`);
    const matches = parseSelection(resource, route.namespace, query);
    if (query.get('watch') === 'true' || query.get('watch') === '1') {
      return watchResponse({ form, store: this.store, table, matches, query }, this.#clock, this.#bookmarkEveryMs);
    }
    return listResponse(form, page(this.store, table, matches, query), this.#clock);
  }

  #delete(route: Route, request: ApiRequest, form: Representation): ApiResponse {
    const { version, gone } = this.#writes.remove(route, deleteOptions(route, request));
    if (!gone || route.resource.kind === 'Pod') return jsonText(200, form.one(version));
    const { plural: kind, group } = route.resource;
    const { uid } = version.object.metadata;
    return success(200, { name: route.name, ...(group === '' ? {} : { group }), kind, uid });
  }

  #deleteCollection(route: Route, request: ApiRequest, form: Representation): ApiResponse {
    const found = page(
      this.store,
      this.store.table(route.id),
      parseSelection(route.resource, route.namespace, route.query),
      route.query,
    );
    const options = deleteOptions(route, request);
    for (const { object, key } of found.items) {
      const { name, namespace = null } = object.metadata;
      if (this.store.table(route.id).get(storeKey(namespace ?? '', name))?.key === key)
        this.#writes.remove({ ...route, namespace, name }, options);
    }
    return listResponse(form, found, this.#clock);
  }
}

function textOf(header: string | readonly string[] | undefined): string {
  return typeof header === 'string' ? header : (header?.join(',') ?? '');
}

function parseBody(request: ApiRequest): unknown {
  if (request.body === null || request.body.length === 0) throw badRequest('the request has no body');
  if (
    request.contentType.includes('protobuf') ||
    request.contentType.includes('yaml') ||
    request.contentType.includes('cbor')
  ) {
    throw new ApiError(
      'UnsupportedMediaType',
      `the body of the request was in an unknown format - accepted media types include: application/json`,
    );
  }
  try {
    return JSON.parse(request.body.toString());
  } catch (error) {
    throw badRequest(`the body of the request is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function deleteOptions(route: Route, request: ApiRequest): JsonObject {
  const body = request.body === null || request.body.length === 0 ? {} : parseBody(request);
  const options = isObject(body) ? body : {};
  const grace = route.query.get('gracePeriodSeconds');
  return grace === null ? options : { ...options, gracePeriodSeconds: Number(grace) };
}
