/**
 * The embedded API server without a server: one request in, one answer (or stream) out. Time, uids and admission come in, so
 * a simulator calls the same function that the HTTP server calls. Start reading here.
 */
import type { Clock } from '../../kube/ports.ts';
import { discovery } from './discovery.ts';
import { ApiError, badRequest } from './errors.ts';
import { listResponse, page } from './list.ts';
import { isObject, type JsonObject, type KubeObject, storeKey, timestamp } from './object.ts';
import { groupVersion, resourceId } from './resources.ts';
import { parseRoute, RESOURCE_IDS, type Route } from './route.ts';
import { parseSelection } from './selectors.ts';
import { encoded, Store } from './store.ts';
import { watchResponse } from './watch.ts';
import { type ApiRequest, type ApiResponse, failure, json, jsonText, success } from './wire.ts';
import { asked } from './writes/writing.ts';
import { type Admission, type ManagedFields, Writes } from './writes.ts';

export type ApiOptions = {
  readonly clock: Clock;
  /** a new uid; from a seed in simulations */
  readonly newUid: () => string;
  /** what ends generated names, five characters; default: taken from `newUid` */
  readonly newSuffix?: () => string;
  readonly admit?: Admission;
  /** whose writes are kept in `managedFields`; default `applied`, which costs nothing where nobody applies */
  readonly managedFields?: ManagedFields;
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
  readonly #writes: Writes;
  readonly #clock: Clock;
  readonly #bookmarkEveryMs: number;

  constructor(options: ApiOptions) {
    const { clock, newUid } = options;
    this.store = new Store(RESOURCE_IDS, options.historySize ?? HISTORY_SIZE, FIRST_VERSION);
    this.#clock = clock;
    this.#bookmarkEveryMs = options.bookmarkEveryMs ?? BOOKMARK_EVERY_MS;
    this.#writes = new Writes({
      store: this.store,
      clock,
      newUid,
      newSuffix: options.newSuffix ?? (() => newUid().replaceAll('-', '').slice(-5)),
      admit: options.admit ?? null,
      managedFields: options.managedFields ?? 'applied',
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
        const known = discovery(path);
        if (known) return known;
      }
      const query = new URLSearchParams(mark < 0 ? '' : request.path.slice(mark + 1));
      return await this.#dispatch(parseRoute(path, query), request);
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

  async #dispatch(route: Route, request: ApiRequest): Promise<ApiResponse> {
    const { method } = request;
    if (route.name === '') {
      if (method === 'GET') return this.#collection(route);
      if (method === 'POST')
        return jsonText(201, encoded(await this.#writes.create(route, parseBody(request), asker(route, request))));
      if (method === 'DELETE') return this.#deleteCollection(route, request);
    } else if (route.subresource === '') {
      if (method === 'GET')
        return route.query.get('watch') === 'true'
          ? this.#collection(route)
          : jsonText(200, encoded(this.#writes.read(route)));
      if (method === 'DELETE') return this.#delete(route, request);
      return this.#change(route, request);
    } else if (route.subresource === 'status' && route.resource.status) {
      if (method === 'GET') return jsonText(200, encoded(this.#writes.read(route)));
      return this.#change(route, request);
    } else if (route.resource.subresources.some((one) => one.name === route.subresource)) {
      return this.#subresource(route, request);
    } else {
      throw new ApiError('NotFound', 'the server could not find the requested resource');
    }
    throw methodNotAllowed();
  }

  async #change(route: Route, request: ApiRequest): Promise<ApiResponse> {
    const by = asker(route, request);
    if (request.method === 'PUT')
      return jsonText(200, encoded(await this.#writes.update(route, parseBody(request), by)));
    if (request.method !== 'PATCH') throw methodNotAllowed();
    const text = (request.body ?? Buffer.alloc(0)).toString();
    const { version, created } = await this.#writes.patch(route, request.contentType, text, by);
    return jsonText(created ? 201 : 200, encoded(version));
  }

  async #subresource(route: Route, request: ApiRequest): Promise<ApiResponse> {
    const { method } = request;
    const by = asker(route, request);
    if (route.subresource === 'scale') {
      if (method === 'GET') return json(200, this.#writes.readScale(route));
      if (method === 'PUT' || method === 'PATCH') {
        const type = method === 'PATCH' ? request.contentType : null;
        return json(200, await this.#writes.writeScale(route, type, parseBody(request), by));
      }
    }
    if (method === 'PUT' && route.subresource === 'finalize')
      return jsonText(200, encoded(await this.#writes.finalize(route, parseBody(request), by)));
    if (method === 'POST' && route.subresource === 'binding') {
      await this.#writes.bind(route, parseBody(request), by);
      return success(201);
    }
    if (method === 'POST' && route.subresource === 'eviction') {
      this.#writes.evict(route, parseBody(request), by);
      return success(201);
    }
    throw methodNotAllowed();
  }

  #collection(route: Route): ApiResponse {
    const { resource, query } = route;
    const table = this.store.table(route.id);
    if (route.name !== '') query.set('fieldSelector', `metadata.name=${route.name}`);
    const matches = parseSelection(route.resource.kind, route.namespace, query);
    if (query.get('watch') === 'true' || query.get('watch') === '1') {
      return watchResponse({ resource, store: this.store, table, matches, query }, this.#clock, this.#bookmarkEveryMs);
    }
    return listResponse(resource, page(this.store, table, matches, query), this.#clock);
  }

  #delete(route: Route, request: ApiRequest): ApiResponse {
    const { version, gone } = this.#writes.remove(route, deleteOptions(route, request));
    if (!gone || RETURNED.has(resourceId(groupVersion(route.resource), route.resource.plural)))
      return jsonText(200, encoded(version));
    return success(200, { name: route.name, kind: route.resource.plural, uid: version.object.metadata.uid });
  }

  #deleteCollection(route: Route, request: ApiRequest): ApiResponse {
    const found = page(
      this.store,
      this.store.table(route.id),
      parseSelection(route.resource.kind, route.namespace, route.query),
      route.query,
    );
    const options = deleteOptions(route, request);
    for (const { object, key } of found.items) {
      const { name, namespace = null } = object.metadata;
      if (this.store.table(route.id).get(storeKey(namespace ?? '', name))?.key === key)
        this.#writes.remove({ ...route, namespace, name }, options);
    }
    return listResponse(route.resource, found, this.#clock);
  }
}

/** kinds whose deletion answers with the object as it was */
const RETURNED: ReadonlySet<string> = new Set(
  [
    'pods',
    'services',
    'serviceaccounts',
    'persistentvolumeclaims',
    'persistentvolumes',
    'podtemplates',
    'resourcequotas',
  ].map((plural) => resourceId('v1', plural)),
);

function methodNotAllowed(): ApiError {
  return new ApiError('MethodNotAllowed', 'the server does not allow this method on the requested resource');
}

function asker(route: Route, request: ApiRequest): ReturnType<typeof asked> {
  const agent = request.headers?.['user-agent'];
  return asked(route.query, typeof agent === 'string' ? agent : '');
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
