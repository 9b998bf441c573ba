/**
 * What a scheduler contract case stands on: an API, a scheduler in front of it and an extender that follows a script and keeps
 * what it was asked. The same for the model and for a real kube-scheduler.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { arrayAt, type JsonObject, type KubeObject, objectAt, textAt } from '../../../src/sim/api/object.ts';
import { type Client, condition, items } from '../client.ts';

export const SCHEDULER = 'contract-scheduler';
export const MILLI = 'example.com/gpu-milli';
export const PODS = '/api/v1/namespaces/default/pods';
export const GROUPS = '/apis/scheduling.k8s.io/v1beta1/namespaces/default/podgroups';

/** One entry of `extenders:`; its urlPrefix is the stand's. */
export type Entry = {
  readonly filterVerb?: string;
  readonly prioritizeVerb?: string;
  readonly preemptVerb?: string;
  readonly bindVerb?: string;
  readonly weight?: number;
  /** default true */
  readonly nodeCacheCapable?: boolean;
  readonly ignorable?: boolean;
  readonly managedResources?: readonly { readonly name: string; readonly ignoredByScheduler?: boolean }[];
};

export type Plane = {
  readonly client: Client;
  /** one second of the scheduler's backoff, ms */
  readonly secondMs: number;
  /** Resolves when it is ready to schedule. Gives what stops it. */
  startScheduler(extenderUrl: string, entries: readonly Entry[]): Promise<() => Promise<void>>;
};

export type Call = {
  readonly verb: string;
  readonly pod: string;
  /** names offered, sorted; of bind the one node */
  readonly nodes: readonly string[];
  readonly body: JsonObject;
};

/** By verb (the last part of the path). A number is a status without a body, a text is sent as it is. */
export type Script = Record<string, (body: JsonObject, calls: readonly Call[]) => unknown>;

const WAIT_MS = 15_000;

export async function eventually<T>(what: string, read: () => Promise<T | null | false | undefined>): Promise<T> {
  const until = performance.now() + WAIT_MS;
  for (;;) {
    const value = await read();
    if (value) return value;
    if (performance.now() > until) throw new Error(`it did not happen within ${WAIT_MS} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
}

function offered(body: JsonObject): string[] {
  if (typeof body.Node === 'string') return [body.Node];
  if (Array.isArray(body.NodeNames)) return body.NodeNames.map(String).sort();
  return arrayAt(body.Nodes, 'items')
    .map((node) => textAt(objectAt(node, 'metadata'), 'name'))
    .sort();
}

export class Stand {
  readonly client: Client;
  readonly secondMs: number;
  readonly calls: Call[] = [];
  url = '';
  #script: Script = {};
  readonly #stops: (() => Promise<unknown>)[] = [];

  constructor(plane: Plane) {
    this.client = plane.client;
    this.secondMs = plane.secondMs;
  }

  static async start(
    plane: Plane,
    entries: readonly Entry[],
    script: Script,
    nodes: readonly JsonObject[],
  ): Promise<Stand> {
    const stand = new Stand(plane);
    await stand.#wipe();
    for (const node of nodes) await stand.addNode(node);
    stand.#script = script;
    await stand.#listen();
    stand.#stops.push(await plane.startScheduler(stand.url, entries));
    return stand;
  }

  async stop(): Promise<void> {
    for (const stop of this.#stops.splice(0).reverse()) await stop();
  }

  async addNode(node: JsonObject): Promise<void> {
    const { status, ...rest } = node;
    const made = await this.client.must('POST', '/api/v1/nodes', { apiVersion: 'v1', kind: 'Node', ...rest });
    await this.client.strategic(`/api/v1/nodes/${made.metadata.name}/status`, { status });
  }

  create(pod: JsonObject): Promise<KubeObject> {
    return this.client.must('POST', PODS, pod);
  }

  async pod(name: string): Promise<KubeObject> {
    return (await this.client.get(`${PODS}/${name}`)).body;
  }

  /** The node of a pod, once it has one. */
  bound(name: string): Promise<string> {
    return eventually(`${name} has a node`, async () => textAt((await this.pod(name)).spec, 'nodeName'));
  }

  /** The PodScheduled condition once it is False for another reason than gates. */
  refused(name: string): Promise<JsonObject> {
    return eventually(`${name} is refused`, async () => {
      const found = condition(await this.pod(name), 'PodScheduled');
      return found.status === 'False' && found.reason !== 'SchedulingGated' ? found : null;
    });
  }

  gone(name: string): Promise<boolean> {
    return eventually(`${name} is gone`, async () => (await this.client.get(`${PODS}/${name}`)).status === 404);
  }

  /** Notes of the pod's events for this reason, once there are so many. */
  notes(pod: string, reason: string, least = 1): Promise<KubeObject[]> {
    return eventually(`${least} events ${reason} of ${pod}`, async () => {
      const { body } = await this.client.get('/apis/events.k8s.io/v1/namespaces/default/events');
      const found = items(body).filter(
        (one) =>
          textAt(one.regarding, 'name') === pod && one.reason === reason && one.reportingController === SCHEDULER,
      );
      return found.length >= least ? found : null;
    });
  }

  called(verb: string, pod?: string): Call[] {
    return this.calls.filter((call) => call.verb === verb && (pod === undefined || call.pod === pod));
  }

  /** Waits until the extender was asked so often. */
  async asked(verb: string, pod: string, times: number): Promise<Call> {
    await eventually(`${verb} of ${pod} is asked ${times} times`, async () => this.called(verb, pod).length >= times);
    return this.called(verb, pod)[times - 1]!;
  }

  /** So many seconds of the scheduler's backoff. */
  seconds(count: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, count * this.secondMs));
  }

  /** As an extender binds: one Binding of its own. */
  readonly bind = async (body: JsonObject): Promise<JsonObject> => {
    const answer = await this.client.call('POST', `${PODS}/${String(body.PodName)}/binding`, {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name: body.PodName, uid: body.PodUID },
      target: { apiVersion: 'v1', kind: 'Node', name: body.Node },
    });
    return { Error: answer.status < 300 ? '' : textAt(answer.body, 'message') };
  };

  async liftGate(pod: string, gate: string): Promise<void> {
    await this.client.strategic(`${PODS}/${pod}`, { spec: { schedulingGates: [{ $patch: 'delete', name: gate }] } });
  }

  async #listen(): Promise<void> {
    const server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const verb = (request.url ?? '').slice(1);
      const body = JSON.parse(Buffer.concat(chunks).toString()) as JsonObject;
      const pod = textAt(body, 'PodName') || textAt(objectAt(objectAt(body, 'Pod'), 'metadata'), 'name');
      const before = [...this.calls];
      this.calls.push({ verb, pod, nodes: offered(body), body });
      const reply = await this.#script[verb]?.(body, before);
      if (typeof reply === 'number') response.writeHead(reply).end();
      else response.end(typeof reply === 'string' ? reply : JSON.stringify(reply));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    this.#stops.push(async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
  }

  /** Every case begins with an empty cluster. */
  async #wipe(): Promise<void> {
    for (const pod of items((await this.client.get(PODS)).body))
      await this.client.call('DELETE', `${PODS}/${pod.metadata.name}`, { gracePeriodSeconds: 0 });
    for (const path of [
      '/api/v1/nodes',
      '/apis/policy/v1/namespaces/default/poddisruptionbudgets',
      '/apis/events.k8s.io/v1/namespaces/default/events',
    ])
      await this.client.call('DELETE', path);
    await eventually('the cluster is empty', async () => {
      const lists = await Promise.all([PODS, '/api/v1/nodes'].map((path) => this.client.get(path)));
      return lists.every(({ body }) => items(body).length === 0);
    });
  }
}

export function node(name: string, resources: Record<string, string> = {}, more: JsonObject = {}): JsonObject {
  const all = { cpu: '4', memory: '8Gi', pods: '10', ...resources };
  const ready = { type: 'Ready', status: 'True', reason: 'Contract', message: '' };
  return { metadata: { name }, ...more, status: { capacity: all, allocatable: all, conditions: [ready] } };
}

export type PodWish = {
  readonly cpu?: string;
  readonly milli?: string;
  readonly priority?: 'high' | 'mid' | 'never';
  readonly gates?: readonly string[];
  readonly group?: string;
  readonly labels?: Record<string, string>;
  /** default 0 */
  readonly graceSeconds?: number;
  readonly nodeSelector?: Record<string, string>;
};

export function pod(name: string, wish: PodWish = {}): JsonObject {
  const { cpu = '1', milli, priority, gates, group, labels, graceSeconds = 0, nodeSelector } = wish;
  const extended = milli === undefined ? {} : { [MILLI]: milli };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, ...(labels ? { labels } : {}) },
    spec: {
      schedulerName: SCHEDULER,
      terminationGracePeriodSeconds: graceSeconds,
      ...(priority ? { priorityClassName: priority } : {}),
      ...(gates ? { schedulingGates: gates.map((gate) => ({ name: gate })) } : {}),
      ...(group ? { schedulingGroup: { podGroupName: group } } : {}),
      ...(nodeSelector ? { nodeSelector } : {}),
      containers: [{ name: 'main', image: 'none', resources: { requests: { cpu, ...extended }, limits: extended } }],
    },
  };
}

export const PRIORITIES = { high: 1000, mid: 500, never: 5000 } as const;

/** Once per plane. */
export async function createPriorities(client: Client): Promise<void> {
  for (const [name, value] of Object.entries(PRIORITIES))
    await client.must('POST', '/apis/scheduling.k8s.io/v1/priorityclasses', {
      apiVersion: 'scheduling.k8s.io/v1',
      kind: 'PriorityClass',
      metadata: { name },
      value,
      ...(name === 'never' ? { preemptionPolicy: 'Never' } : {}),
    });
}
