/**
 * The tests' own small client of the API server. It is apart from src/kube on purpose: what the tests observe must not pass
 * through the code under test.
 */
import { Agent, request } from 'undici';
import { type WaitOptions, waitFor } from './wait.ts';

export type Metadata = {
  generation?: number;
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  deletionTimestamp?: string;
  creationTimestamp?: string;
  ownerReferences?: unknown[];
  finalizers?: string[];
};

/** any Kubernetes object as far as tests look */
export type KubeObject = { apiVersion: string; kind: string; metadata: Metadata };

export type EnvVar = { name: string; value?: string; valueFrom?: { fieldRef?: { fieldPath: string } } };

export type Container = {
  name: string;
  image: string;
  env?: EnvVar[];
  restartPolicy?: string;
  resources?: { requests?: Record<string, string>; limits?: Record<string, string> };
};

export type PodCondition = { type: string; status: string; reason?: string; message?: string };

export type Pod = KubeObject & {
  spec: {
    containers: Container[];
    initContainers?: Container[];
    schedulerName?: string;
    nodeName?: string;
    nodeSelector?: Record<string, string>;
    affinity?: unknown;
    tolerations?: unknown[];
    priorityClassName?: string;
    priority?: number;
    preemptionPolicy?: string;
    runtimeClassName?: string;
    schedulingGates?: { name: string }[];
    terminationGracePeriodSeconds?: number;
    restartPolicy?: string;
    serviceAccountName?: string;
  };
  status?: { phase?: string; nominatedNodeName?: string; conditions?: PodCondition[] };
};

export type Node = KubeObject & {
  spec?: { unschedulable?: boolean; taints?: { key: string; value?: string; effect: string }[] };
  status?: {
    capacity?: Record<string, string>;
    allocatable?: Record<string, string>;
    conditions?: { type: string; status: string }[];
  };
};

export type ResourceSlice = KubeObject & {
  spec: {
    driver: string;
    nodeName?: string;
    pool: { name: string; generation: number; resourceSliceCount: number };
    devices?: {
      name: string;
      attributes?: Record<string, { string?: string; int?: number; bool?: boolean; version?: string }>;
      capacity?: Record<string, { value: string }>;
    }[];
  };
};

export type WatchEvent<T> = { type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'; object: T };

export type Answer = { status: number; body: unknown };

export type PatchKind = 'strategic' | 'merge' | 'json' | 'apply';

const patchTypes: Record<PatchKind, string> = {
  strategic: 'application/strategic-merge-patch+json',
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  apply: 'application/apply-patch+yaml',
};

/** kinds whose plural is not the lower-case kind + "s", and kinds without a namespace */
const plurals: Record<string, string> = {
  NetworkPolicy: 'networkpolicies',
  PriorityClass: 'priorityclasses',
  RuntimeClass: 'runtimeclasses',
  ValidatingAdmissionPolicy: 'validatingadmissionpolicies',
};
const clusterScoped = new Set([
  'ClusterRole',
  'ClusterRoleBinding',
  'CustomResourceDefinition',
  'MutatingWebhookConfiguration',
  'Namespace',
  'Node',
  'PriorityClass',
  'ResourceSlice',
  'RuntimeClass',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionPolicyBinding',
  'ValidatingWebhookConfiguration',
]);

export class KubeStatusError extends Error {
  override readonly name = 'KubeStatusError';
  readonly status: number;

  constructor(call: string, answer: Answer) {
    super(`${call}: ${answer.status} ${messageOf(answer.body)}`);
    this.status = answer.status;
  }
}

export type KubeOptions = { url: string; ca: string; token: string };

export class Kube {
  readonly url: string;
  readonly ca: string;
  readonly token: string;
  readonly #agent: Agent;

  constructor({ url, ca, token }: KubeOptions) {
    this.url = url;
    this.ca = ca;
    this.token = token;
    this.#agent = new Agent({ connect: { ca }, connections: 64, keepAliveTimeout: 20_000 });
  }

  /** the same API server as another user */
  as(token: string): Kube {
    return new Kube({ url: this.url, ca: this.ca, token });
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  /** one call; every HTTP status is an answer */
  async call(method: string, path: string, body?: unknown, contentType = 'application/json'): Promise<Answer> {
    const response = await request(`${this.url}${path}`, {
      method: method as 'GET',
      dispatcher: this.#agent,
      headersTimeout: 30_000,
      bodyTimeout: 30_000,
      headers: {
        authorization: `Bearer ${this.token}`,
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': contentType }),
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.body.text();
    return { status: response.statusCode, body: parse(text) };
  }

  /** like call, but throws KubeStatusError outside 2xx and gives the body only */
  async expect<T>(method: string, path: string, body?: unknown, contentType?: string): Promise<T> {
    const answer = await this.call(method, path, body, contentType);
    if (answer.status < 200 || answer.status > 299) throw new KubeStatusError(`${method} ${path}`, answer);
    return answer.body as T;
  }

  async get<T = KubeObject>(path: string): Promise<T> {
    return await this.expect<T>('GET', path);
  }

  /** null where the object does not exist */
  async find<T = KubeObject>(path: string): Promise<T | null> {
    const answer = await this.call('GET', path);
    if (answer.status === 404) return null;
    if (answer.status !== 200) throw new KubeStatusError(`GET ${path}`, answer);
    return answer.body as T;
  }

  async list<T>(path: string): Promise<{ items: T[]; resourceVersion: string }> {
    const body = await this.get<{ items: T[]; metadata: { resourceVersion: string } }>(path);
    return { items: body.items, resourceVersion: body.metadata.resourceVersion };
  }

  async create<T extends KubeObject>(object: T): Promise<T> {
    return await this.expect<T>('POST', collectionPath(object), object);
  }

  async patch<T>(path: string, kind: PatchKind, body: unknown): Promise<T> {
    return await this.expect<T>('PATCH', path, body, patchTypes[kind]);
  }

  /** like patch, for tests that look at refusals */
  async tryPatch(path: string, kind: PatchKind, body: unknown): Promise<Answer> {
    return await this.call('PATCH', path, body, patchTypes[kind]);
  }

  /** server-side apply of one manifest, as `kubectl apply --server-side --force-conflicts` does */
  async apply<T extends KubeObject>(object: T): Promise<T> {
    return await this.patch<T>(`${objectPath(object)}?fieldManager=muster-e2e&force=true`, 'apply', object);
  }

  async remove(path: string, gracePeriodSeconds?: number): Promise<void> {
    const query = gracePeriodSeconds === undefined ? '' : `?gracePeriodSeconds=${gracePeriodSeconds}`;
    const answer = await this.call('DELETE', `${path}${query}`);
    if (answer.status > 299 && answer.status !== 404) throw new KubeStatusError(`DELETE ${path}`, answer);
  }

  /** the Binding call as an extender makes it */
  async bind(pod: Pod, node: string, more: Partial<Metadata> = {}): Promise<Answer> {
    const { name, uid } = pod.metadata;
    const namespace = pod.metadata.namespace ?? 'default';
    return await this.call('POST', `${podPath(namespace, name)}/binding`, {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name, namespace, uid, ...more },
      target: { apiVersion: 'v1', kind: 'Node', name: node },
    });
  }

  async pod(name: string, namespace = 'default'): Promise<Pod> {
    return await this.get<Pod>(podPath(namespace, name));
  }

  async waitForPod(
    name: string,
    condition: (pod: Pod) => boolean,
    options: WaitOptions & { namespace?: string },
  ): Promise<Pod> {
    let seen: Pod | null = null;
    return await waitFor(
      async () => {
        seen = await this.pod(name, options.namespace);
        return condition(seen) ? seen : null;
      },
      {
        ...options,
        onTimeout: async () => {
          const more = (await options.onTimeout?.()) ?? '';
          return `pod ${name} was last: ${JSON.stringify({ spec: { nodeName: seen?.spec.nodeName }, status: seen?.status })}\n${more}`;
        },
      },
    );
  }

  /**
   * Every event of a collection from `resourceVersion` on, in order, until `signal` aborts. Ends silently when the server ends the
   * watch; throws when the connection breaks otherwise.
   */
  async *watch<T>(collection: string, resourceVersion: string, signal: AbortSignal): AsyncGenerator<WatchEvent<T>> {
    const query = `watch=1&allowWatchBookmarks=true&resourceVersion=${encodeURIComponent(resourceVersion)}`;
    const response = await request(`${this.url}${collection}?${query}`, {
      dispatcher: this.#agent,
      headers: { authorization: `Bearer ${this.token}`, accept: 'application/json' },
      bodyTimeout: 0,
      signal,
    });
    if (response.statusCode !== 200) {
      throw new KubeStatusError(`WATCH ${collection}`, {
        status: response.statusCode,
        body: parse(await response.body.text()),
      });
    }
    let rest = '';
    response.body.setEncoding('utf8');
    for await (const chunk of response.body) {
      const lines = (rest + String(chunk)).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line !== '') yield JSON.parse(line) as WatchEvent<T>;
    }
  }
}

export function podPath(namespace: string, name: string): string {
  return `/api/v1/namespaces/${namespace}/pods/${name}`;
}

export function collectionPath(object: KubeObject): string {
  const group = object.apiVersion.includes('/') ? `/apis/${object.apiVersion}` : `/api/${object.apiVersion}`;
  const plural = plurals[object.kind] ?? `${object.kind.toLowerCase()}s`;
  if (clusterScoped.has(object.kind)) return `${group}/${plural}`;
  return `${group}/namespaces/${object.metadata.namespace ?? 'default'}/${plural}`;
}

export function objectPath(object: KubeObject): string {
  return `${collectionPath(object)}/${object.metadata.name}`;
}

export function messageOf(body: unknown): string {
  if (typeof body === 'object' && body !== null && 'message' in body) return String(body.message);
  return typeof body === 'string' ? body.slice(0, 300) : JSON.stringify(body).slice(0, 300);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
