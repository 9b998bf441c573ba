/**
 * What clients ask before anything else: versions, groups, resources, health; the older form (one document per group and
 * version) and the aggregated one. Answers are made when first asked for, and anew when the catalog has changed.
 */
import { REVIEWS } from './access/reviews.ts';
import type { Catalog } from './catalog.ts';
import type { JsonObject } from './object.ts';
import { openApi } from './openapi/openapi.ts';
import { BINDINGS, groupVersion, type Resource } from './resources.ts';
import { type ApiRequest, type ApiResponse, json } from './wire.ts';

/** the Kubernetes release whose behaviour is modelled */
export const SERVED_VERSION = { major: '1', minor: '37', gitVersion: 'v1.37.2+muster.sim' };

const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
/** in the order that the real server lists them for custom kinds */
const CUSTOM_VERBS = ['delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch'];
const SUBRESOURCE_VERBS: Readonly<Record<string, readonly string[]>> = {
  status: ['get', 'patch', 'update'],
  ephemeralcontainers: ['get', 'patch', 'update'],
  resize: ['get', 'patch', 'update'],
  scale: ['get', 'patch', 'update'],
  finalize: ['update'],
  log: ['get'],
  exec: ['create', 'get'],
  attach: ['create', 'get'],
  portforward: ['create', 'get'],
};
const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

type Subresource = { readonly name: string; readonly kind: string; readonly group: string; readonly version: string };

function subresourcesOf(resource: Resource): Subresource[] {
  const { group, version, kind } = resource;
  const status = resource.status ? [{ name: 'status', kind, group, version }] : [];
  const others = resource.subresources.map((one) => {
    const slash = one.groupVersion.indexOf('/');
    return {
      name: one.name,
      kind: one.kind,
      group: slash < 0 ? '' : one.groupVersion.slice(0, slash),
      version: one.groupVersion.slice(slash + 1),
    };
  });
  return [...status, ...others];
}

const verbsOf = (subresource: string) => SUBRESOURCE_VERBS[subresource] ?? ['create'];

function described(resource: Resource): JsonObject[] {
  const { plural, singular, kind, namespaced, shortNames, categories } = resource;
  const main = {
    name: plural,
    singularName: singular,
    namespaced,
    kind,
    verbs: mainVerbs(resource),
    ...(shortNames.length > 0 ? { shortNames } : {}),
    ...(categories.length > 0 ? { categories } : {}),
  };
  const others = subresourcesOf(resource).map(({ name, kind: own, group, version }) => ({
    name: `${plural}/${name}`,
    singularName: '',
    namespaced,
    ...(group === resource.group && version === resource.version ? {} : { group, version }),
    kind: own,
    verbs: verbsOf(name),
  }));
  return [main, ...others];
}

function aggregated(resource: Resource): JsonObject {
  const { group, version, kind, plural, singular, namespaced, shortNames, categories } = resource;
  const subresources = subresourcesOf(resource).map((one) => ({
    subresource: one.name,
    responseKind: { group: one.group, version: one.version, kind: one.kind },
    verbs: verbsOf(one.name),
  }));
  return {
    resource: plural,
    responseKind: { group, version, kind },
    scope: namespaced ? 'Namespaced' : 'Cluster',
    singularResource: singular,
    verbs: mainVerbs(resource),
    ...(shortNames.length > 0 ? { shortNames } : {}),
    ...(categories.length > 0 ? { categories } : {}),
    ...(subresources.length > 0 ? { subresources } : {}),
  };
}

/** What is only created, never stored: questions, and the older binding. */
const CREATED_ONLY: ReadonlySet<Resource> = new Set([
  BINDINGS,
  ...REVIEWS.map(
    ({ groupVersion: name, plural, kind, namespaced }): Resource => ({
      ...BINDINGS,
      group: name.slice(0, name.indexOf('/')),
      version: name.slice(name.indexOf('/') + 1),
      plural,
      singular: kind.toLowerCase(),
      kind,
      namespaced,
    }),
  ),
]);

function mainVerbs(resource: Resource): readonly string[] {
  if (CREATED_ONLY.has(resource)) return ['create'];
  return resource.rules?.schema ? CUSTOM_VERBS : VERBS;
}

/** Kubernetes' order of versions: v2, v1, v1beta2, v1beta1, v1alpha1, and what has no such name last. */
export function byPreference(left: string, right: string): number {
  const rank = (version: string): number[] => {
    const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version);
    if (match === null) return [0];
    const [, major = '0', stage, minor = '0'] = match;
    return [stage === undefined ? 3 : stage === 'beta' ? 2 : 1, Number(major), Number(minor)];
  };
  const [a, b] = [rank(left), rank(right)];
  for (const [index, one] of a.entries()) {
    const difference = (b[index] ?? 0) - one;
    if (difference !== 0) return difference;
  }
  return left < right ? -1 : 1;
}

/** group → version → resources; '' is the core group */
type Groups = Map<string, Map<string, Resource[]>>;

function grouped(resources: readonly Resource[]): Groups {
  const groups: Groups = new Map();
  for (const [group, members] of Map.groupBy(resources, (one) => one.group)) {
    const versions = Map.groupBy(members, (one) => one.version);
    groups.set(group, new Map([...versions].sort(([a], [b]) => byPreference(a, b))));
  }
  return groups;
}

function groupOf(name: string, versions: Iterable<string>): JsonObject {
  const listed = [...versions].map((version) => ({ groupVersion: `${name}/${version}`, version }));
  return { name, versions: listed, preferredVersion: listed[0] };
}

function aggregatedList(groups: Groups, isCore: boolean): ApiResponse {
  const items = [...groups]
    .filter(([name]) => (name === '') === isCore)
    .map(([name, versions]) => ({
      metadata: name === '' ? {} : { name },
      versions: [...versions].map(([version, resources]) => ({
        version,
        resources: resources.map(aggregated),
        freshness: 'Current',
      })),
    }));
  const list = { kind: 'APIGroupDiscoveryList', apiVersion: 'apidiscovery.k8s.io/v2', metadata: {}, items };
  return { ...json(200, list), contentType: AGGREGATED };
}

const PATHS = ['/api', '/api/v1', '/apis', '/openapi/v2', '/openapi/v3'];
/**
 * kubectl looks there for kinds that `/openapi/v3` has not. That nothing is there either is what lets it say "no matches for
 * kind": a document without definitions, which in protobuf is no byte at all.
 */
const OPENAPI_V2: ApiResponse = {
  status: 200,
  contentType: 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf',
  retryAfterSeconds: null,
  body: '',
};
const OPENAPI_V2_JSON = json(200, {
  swagger: '2.0',
  info: { title: 'Kubernetes', version: SERVED_VERSION.gitVersion },
  paths: {},
});

function serverAnswers(): Map<string, ApiResponse> {
  const answers = new Map<string, ApiResponse>();
  for (const path of ['/healthz', '/livez', '/readyz'])
    answers.set(path, { status: 200, contentType: 'text/plain', retryAfterSeconds: null, body: 'ok' });
  answers.set('/openapi/v2', OPENAPI_V2);
  const { major, minor, gitVersion } = SERVED_VERSION;
  const version = {
    major,
    minor,
    gitVersion,
    gitCommit: '',
    gitTreeState: 'clean',
    buildDate: '1970-01-01T00:00:00Z',
    goVersion: '',
    compiler: '',
    platform: 'linux/amd64',
  };
  answers.set('/version', json(200, version));
  answers.set('/api', json(200, { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] }));
  answers.set('/', json(200, { paths: PATHS }));
  return answers;
}

export class Discovery {
  readonly #catalog: Catalog;
  #madeFor = -1;
  #answers = new Map<string, ApiResponse>();
  #aggregated = new Map<string, ApiResponse>();
  #openApi: (path: string) => ApiResponse | null = () => null;

  constructor(catalog: Catalog) {
    this.#catalog = catalog;
  }

  /** null when the path is not a discovery path */
  answer(path: string, request: ApiRequest): ApiResponse | null {
    if (this.#madeFor !== this.#catalog.version) this.#make();
    const trimmed = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
    const known = this.#answers.get(trimmed);
    if (known === undefined) return trimmed.startsWith('/openapi') ? this.#openApi(trimmed) : null;
    const accept = request.headers?.accept;
    if (known === OPENAPI_V2 && !/proto-openapi/.test(String(accept ?? ''))) return OPENAPI_V2_JSON;
    const wantsAggregated = typeof accept === 'string' && /g=apidiscovery\.k8s\.io;v=v2;/.test(`${accept};`);
    return (wantsAggregated ? this.#aggregated.get(trimmed) : undefined) ?? known;
  }

  #make(): void {
    this.#madeFor = this.#catalog.version;
    const stored = this.#catalog.resources();
    const resources = [...stored, ...CREATED_ONLY];
    const groups = grouped(resources);
    const answers = serverAnswers();
    for (const [name, members] of Map.groupBy(resources, groupVersion)) {
      const path = name === 'v1' ? '/api/v1' : `/apis/${name}`;
      const list = { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: name };
      answers.set(path, json(200, { ...list, resources: members.flatMap(described) }));
    }
    const named = [...groups].filter(([name]) => name !== '').map(([name, versions]) => groupOf(name, versions.keys()));
    answers.set('/apis', json(200, { kind: 'APIGroupList', apiVersion: 'v1', groups: named }));
    for (const group of named)
      answers.set(`/apis/${group.name}`, json(200, { kind: 'APIGroup', apiVersion: 'v1', ...group }));
    this.#answers = answers;
    this.#aggregated = new Map([
      ['/api', aggregatedList(groups, true)],
      ['/apis', aggregatedList(groups, false)],
    ]);
    this.#openApi = openApi(stored);
  }
}
