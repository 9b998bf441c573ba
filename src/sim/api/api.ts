/**
 * The embedded API server without a server: one request in, one answer (or stream) out. Time, uids and admission come in, so
 * a simulator calls the same function that the HTTP server calls. Start reading here.
 */
import type { Clock } from '../../kube/ports.ts';
import { bootstrapObjects } from './access/bootstrap.ts';
import { type AccessOptions, Gate } from './access/gate.ts';
import { Reviews } from './access/reviews.ts';
import { LOOPBACK, type User } from './access/user.ts';
import { AdmissionChain } from './admission/chain.ts';
import type { RequestContext } from './admission/context.ts';
import type { ServiceResolver, WebhookCall } from './admission/webhooks.ts';
import { checkedDuplicates, deleteOptions, parseBody } from './body.ts';
import { Catalog } from './catalog.ts';
import { definitionResource } from './crd/definition.ts';
import { Definitions, nameConflict } from './crd/lifecycle.ts';
import { Discovery } from './discovery.ts';
import { ApiError, badRequest } from './errors.ts';
import { listResponse, page } from './list.ts';
import { isObject, type KubeObject, objectAt, storeKey, textAt, timestamp } from './object.ts';
import { type Representation, representation } from './representation.ts';
import { BINDINGS, groupVersion, resourceId } from './resources.ts';
import { parseRoute, type Route } from './route.ts';
import { parseSelection } from './selectors.ts';
import { Store, type Version } from './store.ts';
import { watchResponse } from './watch.ts';
import { type ApiRequest, type ApiResponse, failure, json, jsonText, success } from './wire.ts';
import { POD_PARTS } from './writes/pod-parts.ts';
import { type Asked, asked } from './writes/writing.ts';
import { type Admission, type ManagedFields, Writes } from './writes.ts';

export type ApiOptions = {
  readonly clock: Clock;
  /** a new uid; from a seed in simulations */
  readonly newUid: () => string;
  /** what ends generated names, five characters; default: taken from `newUid` */
  readonly newSuffix?: () => string;
  readonly admit?: Admission;
  /** default: nobody is asked who they are, and everybody may everything */
  readonly access?: AccessOptions;
  /** how admission webhooks are called; without it they fail as their failurePolicy says */
  readonly callWebhook?: WebhookCall;
  /** where the Services of webhooks are; default: nowhere */
  readonly resolveService?: ServiceResolver;
  /** requests answered at a time, watches not counted; more are refused with 429. Default: no bound */
  readonly maxInFlight?: number;
  /** whose writes are kept in `managedFields`; default `applied`, which costs nothing where nobody applies */
  readonly managedFields?: ManagedFields;
  /** changes kept per resource for watches that resume */
  readonly historySize?: number;
  readonly bookmarkEveryMs?: number;
};

/** a text, as the real server answers before it looks at a request */
const TOO_MANY: ApiResponse = {
  status: 429,
  contentType: 'text/plain; charset=utf-8',
  retryAfterSeconds: 1,
  body: 'Too many requests, please try again later.\n',
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
  readonly #gate: Gate;
  readonly #reviews: Reviews;
  readonly #admission: AdmissionChain;
  readonly #maxInFlight: number;
  #inFlight = 0;

  constructor(options: ApiOptions) {
    const { clock, newUid, access = {} } = options;
    this.#maxInFlight = options.maxInFlight ?? Number.POSITIVE_INFINITY;
    const conflict = (definition: KubeObject) => nameConflict(this.store)(definition);
    this.#catalog = new Catalog([definitionResource(() => clock.now(), conflict)]);
    this.#discovery = new Discovery(this.#catalog);
    this.store = new Store(this.#catalog.tables(), options.historySize ?? HISTORY_SIZE, FIRST_VERSION);
    this.#clock = clock;
    this.#bookmarkEveryMs = options.bookmarkEveryMs ?? BOOKMARK_EVERY_MS;
    this.#gate = new Gate(access, this.store, clock);
    this.#reviews = new Reviews({ gate: this.#gate, store: this.store, clock, newUid });
    this.#admission = new AdmissionChain({
      store: this.store,
      gate: this.#gate,
      escalation: access.authorization === 'rbac',
      call: options.callWebhook ?? null,
      resolve: options.resolveService ?? (() => null),
      newUid,
    });
    this.#writes = new Writes({
      store: this.store,
      clock,
      newUid,
      newSuffix: options.newSuffix ?? (() => newUid().replaceAll('-', '').slice(-5)),
      admit: this.#admit(options.admit ?? null),
      managedFields: options.managedFields ?? 'applied',
    });
    new Definitions(this.store, this.#catalog, (resource, id, { metadata: { name, namespace = null } }) => {
      const query = new URLSearchParams();
      this.#writes.remove({ resource, id, namespace, name, subresource: '', query, duplicates: [] }, {});
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
    if (access.authorization === 'rbac') {
      for (const object of bootstrapObjects()) {
        this.store.put(resourceId(object.apiVersion, `${object.kind.toLowerCase()}s`), {
          ...object,
          metadata: { ...metadata(object.metadata.name), ...object.metadata },
        });
      }
    }
  }

  /** Never throws: what goes wrong is an answer. */
  async handle(request: ApiRequest): Promise<ApiResponse> {
    const warnings: string[] = [];
    const long = request.method === 'GET' && /[?&]watch=(?:true|1)(?:&|$)/.test(request.path);
    if (!long && this.#inFlight >= this.#maxInFlight) return TOO_MANY;
    if (!long) this.#inFlight += 1;
    try {
      const answer = await this.#answer(request, warnings);
      return warnings.length === 0 ? answer : { ...answer, warnings };
    } catch (error) {
      const refused = error instanceof ApiError ? error : unexpected(error);
      return warnings.length === 0 ? failure(refused) : { ...failure(refused), warnings };
    } finally {
      if (!long) this.#inFlight -= 1;
    }
  }

  async #answer(request: ApiRequest, warnings: string[]): Promise<ApiResponse> {
    const mark = request.path.indexOf('?');
    const path = mark < 0 ? request.path : request.path.slice(0, mark);
    const query = new URLSearchParams(mark < 0 ? '' : request.path.slice(mark + 1));
    const context: RequestContext = { user: this.#gate.enter(request, path, query), warnings };
    if (request.method === 'GET') {
      const known = this.#discovery.answer(path, request);
      if (known) return known;
    }
    if (request.method === 'POST') {
      const review = this.#reviews.at(path);
      if (review !== null) return json(201, review(context.user, parseBody(request)));
      const bound = /^\/api\/v1\/namespaces\/([^/]+)\/bindings$/.exec(path);
      if (bound) return this.#bindOlder(bound[1]!, query, context, parseBody(request));
    }
    const route = { ...parseRoute(path, query, this.#catalog), context };
    return await this.#dispatch({ ...route, duplicates: checkedDuplicates(route, request) }, request);
  }

  /** `POST …/bindings`: the path of Kubernetes' first schedulers, the same as the subresource of the pod. */
  async #bindOlder(
    namespace: string,
    query: URLSearchParams,
    context: RequestContext,
    body: unknown,
  ): Promise<ApiResponse> {
    const name = textAt(objectAt(body, 'metadata'), 'name');
    const pods = parseRoute(`/api/v1/namespaces/${namespace}/pods`, query, this.#catalog);
    await this.#writes.bind({ ...pods, resource: BINDINGS, name, context }, body, asked(query, ''));
    return success(201);
  }

  /** What all writes go through: the function that came in, then what is configured in the cluster itself. */
  #admit(given: Admission | null): Admission {
    return async (review) => {
      const object = given === null ? review.object : await given(review);
      if (!this.#admission.concerns(review.route.resource.group)) return object;
      return this.#admission.admit({ ...review, object, user: userOf(review.route) });
    };
  }

  async #admitDeletion(route: Route): Promise<void> {
    if (!this.#admission.concerns(route.resource.group)) return;
    const old = this.#writes.read(route).object;
    await this.#admission.admitDeletion({ operation: 'DELETE', route, object: null, old, user: userOf(route) });
  }

  /** Forgets all histories: every watch and list from an older version is answered with 410. */
  compact(): void {
    for (const [, table] of this.store.tables()) table.compact(this.store.version);
  }

  async #dispatch(route: Route, request: ApiRequest): Promise<ApiResponse> {
    const { method } = request;
    const accept = request.headers?.accept;
    const form = representation(typeof accept === 'string' ? accept : '', route.resource, route.query, () =>
      this.#clock.now(),
    );
    const answer = (status: number, version: Version) => jsonText(status, form.one(version));
    if (route.name === '') {
      if (method === 'GET') return this.#collection(route, form);
      if (method === 'POST')
        return answer(201, await this.#writes.create(route, parseBody(request), asker(route, request)));
      if (method === 'DELETE') return this.#deleteCollection(route, request, form);
    } else if (route.subresource === '') {
      if (method === 'GET')
        return route.query.get('watch') === 'true'
          ? this.#collection(route, form)
          : answer(200, this.#writes.read(route));
      if (method === 'DELETE') return this.#delete(route, request, form);
      return this.#change(route, request, form);
    } else if (route.subresource === 'status' && route.resource.status) {
      if (method === 'GET') return answer(200, this.#writes.read(route));
      return this.#change(route, request, form);
    } else if (route.resource.subresources.some((one) => one.name === route.subresource)) {
      return this.#subresource(route, request, form);
    } else {
      throw new ApiError('NotFound', 'the server could not find the requested resource');
    }
    throw methodNotAllowed();
  }

  async #change(route: Route, request: ApiRequest, form: Representation): Promise<ApiResponse> {
    const by = asker(route, request);
    if (request.method === 'PUT')
      return jsonText(200, form.one(await this.#writes.update(route, parseBody(request), by)));
    if (request.method !== 'PATCH') throw methodNotAllowed();
    const text = (request.body ?? Buffer.alloc(0)).toString();
    const { version, created } = await this.#writes.patch(route, request.contentType, text, by);
    return jsonText(created ? 201 : 200, form.one(version));
  }

  async #subresource(route: Route, request: ApiRequest, form: Representation): Promise<ApiResponse> {
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
      return jsonText(200, form.one(await this.#writes.finalize(route, parseBody(request), by)));
    if (method === 'POST' && route.subresource === 'binding') {
      await this.#writes.bind(route, parseBody(request), by);
      return success(201);
    }
    if (method === 'POST' && route.subresource === 'eviction') {
      await this.#evict(route, parseBody(request), by);
      return success(201);
    }
    const running = OF_RUNNING_PODS[route.subresource];
    if (running !== undefined) {
      this.#writes.read({ ...route, subresource: '' });
      throw badRequest(`no container runs in this embedded cluster: there is ${running} of pod ${route.name}`);
    }
    if (POD_PARTS.has(route.subresource))
      return method === 'GET' ? jsonText(200, form.one(this.#writes.read(route))) : this.#change(route, request, form);
    throw methodNotAllowed();
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

  async #evict(route: Route, body: unknown, by: Asked): Promise<void> {
    if (this.#admission.concerns(route.resource.group)) {
      const { namespace, name } = route;
      const own = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } };
      const object = { ...own, ...(isObject(body) ? body : {}) } as unknown as KubeObject;
      await this.#admission.admit({ operation: 'CREATE', route, object, old: null, user: userOf(route) });
    }
    this.#writes.evict(route, body, by);
  }

  async #delete(route: Route, request: ApiRequest, form: Representation): Promise<ApiResponse> {
    await this.#admitDeletion(route);
    const { version, gone } = this.#writes.remove(route, deleteOptions(route, request));
    if (!gone || RETURNED.has(resourceId(groupVersion(route.resource), route.resource.plural)))
      return jsonText(200, form.one(version));
    const { plural: kind, group } = route.resource;
    const { uid } = version.object.metadata;
    return success(200, { name: route.name, ...(group === '' ? {} : { group }), kind, uid });
  }

  async #deleteCollection(route: Route, request: ApiRequest, form: Representation): Promise<ApiResponse> {
    const found = page(
      this.store,
      this.store.table(route.id),
      parseSelection(route.resource, route.namespace, route.query),
      route.query,
    );
    const options = deleteOptions(route, request);
    for (const { object, key } of found.items) {
      const { name, namespace = null } = object.metadata;
      const one = { ...route, namespace, name };
      if (this.#admission.concerns(route.resource.group)) await this.#admitDeletion(one);
      if (this.store.table(route.id).get(storeKey(namespace ?? '', name))?.key === key)
        this.#writes.remove(one, options);
    }
    return listResponse(form, found, this.#clock);
  }
}

function userOf(route: Route): User {
  return route.context?.user ?? LOOPBACK;
}

function unexpected(error: unknown): ApiError {
  const text = error instanceof Error ? error.message : String(error);
  if (error instanceof RangeError && text === 'Maximum call stack size exceeded') {
    return badRequest('the body of the request is nested too deeply');
  }
  if (error instanceof URIError || error instanceof RangeError) return badRequest(text);
  return new ApiError('InternalError', `Internal error occurred: ${text}`);
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

/** what only a node with containers could answer */
const OF_RUNNING_PODS: Readonly<Record<string, string>> = {
  log: 'no log',
  exec: 'no process',
  attach: 'no terminal',
  portforward: 'no port to forward',
};

function methodNotAllowed(): ApiError {
  return new ApiError('MethodNotAllowed', 'the server does not allow this method on the requested resource');
}

function asker(route: Route, request: ApiRequest): Asked {
  const agent = request.component ?? request.headers?.['user-agent'];
  return asked(route.query, typeof agent === 'string' ? agent : '');
}
