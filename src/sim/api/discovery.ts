/** What clients ask before anything else: versions, groups, resources, health. All answers are made once. */
import { REVIEWS } from './access/reviews.ts';
import type { JsonObject } from './object.ts';
import { BINDINGS, groupVersion, RESOURCES, type Resource } from './resources.ts';
import { type ApiResponse, json } from './wire.ts';

/** the Kubernetes release whose behaviour is modelled */
export const SERVED_VERSION = { major: '1', minor: '37', gitVersion: 'v1.37.2+muster.sim' };

const SUBRESOURCE_VERBS: Readonly<Record<string, readonly string[]>> = {
  ephemeralcontainers: ['get', 'patch', 'update'],
  finalize: ['update'],
  resize: ['get', 'patch', 'update'],
  scale: ['get', 'patch', 'update'],
};
const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

function described(resource: Resource): JsonObject[] {
  const { plural, singular, kind, namespaced, shortNames } = resource;
  const main = {
    name: plural,
    singularName: singular,
    namespaced,
    kind,
    verbs: VERBS,
    ...(shortNames.length > 0 ? { shortNames } : {}),
    ...(kind === 'Pod' ? { categories: ['all'] } : {}),
  };
  const status = { name: `${plural}/status`, singularName: '', namespaced, kind, verbs: ['get', 'patch', 'update'] };
  const others = resource.subresources.map((sub) => {
    const slash = sub.groupVersion.indexOf('/');
    const own = sub.groupVersion === groupVersion(resource);
    return {
      name: `${plural}/${sub.name}`,
      singularName: '',
      namespaced,
      ...(own
        ? {}
        : { group: sub.groupVersion.slice(0, Math.max(slash, 0)), version: sub.groupVersion.slice(slash + 1) }),
      kind: sub.kind,
      verbs: SUBRESOURCE_VERBS[sub.name] ?? ['create'],
    };
  });
  return [main, ...(resource.status ? [status] : []), ...others];
}

/** Questions and the older binding: `create` is their only verb. */
function createdOnly(groupVersionText: string): JsonObject[] {
  const bindings = { plural: BINDINGS.plural, kind: BINDINGS.kind, namespaced: true };
  const rows = REVIEWS.filter((one) => one.groupVersion === groupVersionText);
  return (groupVersionText === 'v1' ? [bindings] : rows).map(({ plural, kind, namespaced }) => ({
    name: plural,
    singularName: kind.toLowerCase(),
    namespaced,
    kind,
    verbs: ['create'],
  }));
}

function groupOf(name: string, versions: readonly string[]): JsonObject {
  const listed = versions.map((version) => ({ groupVersion: `${name}/${version}`, version }));
  return { name, versions: listed, preferredVersion: listed[0] };
}

function buildAnswers(): Map<string, ApiResponse> {
  const answers = new Map<string, ApiResponse>();
  const text = (body: string): ApiResponse => ({
    status: 200,
    contentType: 'text/plain',
    retryAfterSeconds: null,
    body,
  });
  for (const path of ['/healthz', '/livez', '/readyz']) answers.set(path, text('ok'));
  const { major, minor, gitVersion } = SERVED_VERSION;
  answers.set(
    '/version',
    json(200, {
      major,
      minor,
      gitVersion,
      gitCommit: '',
      gitTreeState: 'clean',
      buildDate: '1970-01-01T00:00:00Z',
      goVersion: '',
      compiler: '',
      platform: 'linux/amd64',
    }),
  );
  answers.set('/api', json(200, { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] }));
  const byGroupVersion = Map.groupBy(RESOURCES, groupVersion);
  for (const { groupVersion: name } of REVIEWS) if (!byGroupVersion.has(name)) byGroupVersion.set(name, []);
  for (const [name, resources] of byGroupVersion) {
    const path = name === 'v1' ? '/api/v1' : `/apis/${name}`;
    answers.set(
      path,
      json(200, {
        kind: 'APIResourceList',
        apiVersion: 'v1',
        groupVersion: name,
        resources: [...resources.flatMap(described), ...createdOnly(name)],
      }),
    );
  }
  const groups = [
    ...Map.groupBy(
      [...byGroupVersion.keys()].filter((one) => one !== 'v1'),
      (one) => one.slice(0, one.indexOf('/')),
    ),
  ].map(([name, served]) =>
    groupOf(
      name,
      served.map((one) => one.slice(name.length + 1)),
    ),
  );
  answers.set('/apis', json(200, { kind: 'APIGroupList', apiVersion: 'v1', groups }));
  for (const group of groups)
    answers.set(`/apis/${group.name}`, json(200, { kind: 'APIGroup', apiVersion: 'v1', ...group }));
  return answers;
}

const ANSWERS = buildAnswers();

/** null when the path is not a discovery path */
export function discovery(path: string): ApiResponse | null {
  const trimmed = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
  return ANSWERS.get(trimmed) ?? null;
}
