/**
 * The scheduler's side of an HTTP extender: requests with Go's capitalised keys that are never left out, answers decoded as Go
 * does (any case, null is empty), and the rules of what an answer may hold.
 */
import type { Transport } from '../../kube/ports.ts';
import { arrayAt, isObject, type JsonObject, type KubeObject, numberAt, objectAt, textAt } from '../api/object.ts';
import { SchedulerError } from './errors.ts';
import type { PodInfo } from './pod-info.ts';

/** One entry of `extenders:` in a KubeSchedulerConfiguration. Empty verb: not called. */
export type ExtenderConfig = {
  /** how messages call it; a real kube-scheduler says its urlPrefix */
  readonly name: string;
  readonly transport: Transport;
  /** path before the verb, without a slash at its end */
  readonly prefix: string;
  readonly filterVerb?: string;
  readonly prioritizeVerb?: string;
  readonly preemptVerb?: string;
  readonly bindVerb?: string;
  readonly weight?: number;
  readonly nodeCacheCapable: boolean;
  readonly httpTimeoutMs: number;
  readonly ignorable?: boolean;
  /** empty or absent: interested in every pod */
  readonly managedResources?: readonly string[];
};

export type ExtenderVerdict = {
  readonly feasible: readonly string[];
  /** whole nodes, as an extender without a cache answers them; null from one with a cache */
  readonly nodes: readonly KubeObject[] | null;
  /** node → message */
  readonly failed: ReadonlyMap<string, string>;
  readonly unresolvable: ReadonlyMap<string, string>;
};

/** node → uids of pods on it */
export type VictimMap = Map<string, { uids: string[]; pdbViolations: number }>;

/** Keys in any case, as encoding/json matches them. */
function field(body: JsonObject, name: string): unknown {
  if (name in body) return body[name];
  const lower = name.toLowerCase();
  return Object.entries(body).find(([key]) => key.toLowerCase() === lower)?.[1];
}

function messages(value: unknown): Map<string, string> {
  return new Map(Object.entries(isObject(value) ? value : {}).map(([node, text]) => [node, String(text)]));
}

/** Objects come to an extender without kind and apiVersion. */
function bare(object: KubeObject): JsonObject {
  const { kind: _kind, apiVersion: _version, ...rest } = object;
  return rest;
}

function nodesOf(body: JsonObject): KubeObject[] {
  return arrayAt(field(body, 'Nodes'), 'items').filter(
    (node): node is KubeObject => textAt(objectAt(node, 'metadata'), 'name') !== '',
  );
}

export class Extender {
  readonly config: ExtenderConfig;
  /** calls by verb, for tests and statistics */
  readonly calls: Record<'filter' | 'prioritize' | 'preempt' | 'bind', number> = {
    filter: 0,
    prioritize: 0,
    preempt: 0,
    bind: 0,
  };

  constructor(config: ExtenderConfig) {
    this.config = config;
  }

  /** A quantity of 0 counts; pod-level resources and ephemeral containers are not looked at. */
  isInterested(pod: KubeObject): boolean {
    const managed = this.config.managedResources ?? [];
    if (managed.length === 0) return true;
    const names = new Set(managed);
    return [...arrayAt(pod.spec, 'containers'), ...arrayAt(pod.spec, 'initContainers')].some((container) => {
      const resources = objectAt(container, 'resources');
      return [...Object.keys(objectAt(resources, 'requests')), ...Object.keys(objectAt(resources, 'limits'))].some(
        (name) => names.has(name),
      );
    });
  }

  /** Throws SchedulerError. */
  async filter(pod: KubeObject, nodes: readonly KubeObject[]): Promise<ExtenderVerdict> {
    const body = await this.#object('filter', this.config.filterVerb ?? '', this.#args(pod, nodes));
    const error = field(body, 'Error');
    if (typeof error === 'string' && error !== '') throw new SchedulerError('extender-error', error);
    const offered = new Set(nodes.map((node) => node.metadata.name));
    const whole = this.config.nodeCacheCapable ? null : nodesOf(body);
    const feasible = whole ? whole.map((node) => node.metadata.name) : this.#feasible(body, offered);
    return {
      feasible,
      nodes: whole,
      failed: messages(field(body, 'FailedNodes')),
      unresolvable: messages(field(body, 'FailedAndUnresolvableNodes')),
    };
  }

  #feasible(body: JsonObject, offered: ReadonlySet<string>): string[] {
    const names = field(body, 'NodeNames');
    const feasible = Array.isArray(names) ? names.map(String) : [];
    const stranger = feasible.find((name) => !offered.has(name));
    if (stranger !== undefined) {
      throw new SchedulerError(
        'extender-answer',
        `extender "${this.config.name}" claims a filtered node "${stranger}" which is not found in the input node list`,
      );
    }
    return feasible;
  }

  /** node → score × weight × 10, as it is added to the in-tree sum. Throws SchedulerError. */
  async prioritize(pod: KubeObject, nodes: readonly KubeObject[]): Promise<Map<string, number>> {
    const list = await this.#call('prioritize', this.config.prioritizeVerb ?? '', this.#args(pod, nodes));
    const scores = new Map<string, number>();
    for (const entry of Array.isArray(list) ? list : []) {
      if (!isObject(entry)) continue;
      const host = field(entry, 'Host');
      const score = field(entry, 'Score');
      if (typeof host === 'string' && typeof score === 'number')
        scores.set(host, score * (this.config.weight ?? 1) * 10);
    }
    return scores;
  }

  /** Corrected victims. Throws SchedulerError, also for answers that would crash kube-scheduler. */
  async preempt(
    pod: KubeObject,
    candidates: VictimMap,
    podsOn: (node: string) => ReadonlyMap<string, PodInfo> | null,
  ): Promise<VictimMap> {
    const body = await this.#object(
      'preempt',
      this.config.preemptVerb ?? '',
      this.#preemptArgs(pod, candidates, podsOn),
    );
    const answer = field(body, 'NodeNameToMetaVictims');
    const corrected: VictimMap = new Map();
    for (const [node, victims] of Object.entries(isObject(answer) ? answer : {})) {
      if (!isObject(victims)) throw new SchedulerError('extender-panic', `NodeNameToMetaVictims["${node}"] is null`);
      const pods = podsOn(node);
      if (pods === null) throw new SchedulerError('extender-answer', `nodeinfo not found for node name "${node}"`);
      const named = field(victims, 'Pods');
      const uids = (Array.isArray(named) ? named : []).map((one) => {
        if (!isObject(one)) throw new SchedulerError('extender-panic', `a victim on node "${node}" is null`);
        return String(field(one, 'UID') ?? '');
      });
      const stranger = uids.find((uid) => !pods.has(uid));
      if (stranger !== undefined)
        throw new SchedulerError(
          'extender-answer',
          `extender: ${this.config.name} claims to preempt pod (UID: &{${stranger}}) on node: ${node}, but the pod is not found on that node`,
        );
      if (uids.length === 0) {
        if (this.config.ignorable) continue;
        throw new SchedulerError('extender-answer', `expected at least one victim pod on node "${node}"`);
      }
      corrected.set(node, {
        uids,
        pdbViolations: numberAt({ count: field(victims, 'NumPDBViolations') }, 'count') ?? 0,
      });
    }
    return corrected;
  }

  /** Throws SchedulerError when the pod was not bound, as far as is known. */
  async bind(info: PodInfo, node: string): Promise<void> {
    const args = { PodName: info.name, PodNamespace: info.namespace, PodUID: info.uid, Node: node };
    const body = await this.#object('bind', this.config.bindVerb ?? '', args);
    const error = field(body, 'Error');
    if (typeof error === 'string' && error !== '') throw new SchedulerError('extender-error', error);
  }

  #args(pod: KubeObject, nodes: readonly KubeObject[]): JsonObject {
    return this.config.nodeCacheCapable
      ? { Pod: bare(pod), Nodes: null, NodeNames: nodes.map((node) => node.metadata.name) }
      : { Pod: bare(pod), Nodes: { metadata: {}, items: nodes.map(bare) }, NodeNames: null };
  }

  #preemptArgs(
    pod: KubeObject,
    candidates: VictimMap,
    podsOn: (node: string) => ReadonlyMap<string, PodInfo> | null,
  ): JsonObject {
    const entries = [...candidates].map(([node, { uids, pdbViolations }]) => {
      const full = (uid: string) => {
        const info = podsOn(node)?.get(uid);
        return info ? [bare(info.pod)] : [];
      };
      const pods = this.config.nodeCacheCapable ? uids.map((uid) => ({ UID: uid })) : uids.flatMap(full);
      return [node, { Pods: pods, NumPDBViolations: pdbViolations }];
    });
    const map = Object.fromEntries(entries);
    const [victims, meta] = this.config.nodeCacheCapable ? [null, map] : [map, null];
    return { Pod: bare(pod), NodeNameToVictims: victims, NodeNameToMetaVictims: meta };
  }

  async #object(kind: keyof Extender['calls'], verb: string, args: JsonObject): Promise<JsonObject> {
    const body = await this.#call(kind, verb, args);
    return isObject(body) ? body : {};
  }

  async #call(kind: keyof Extender['calls'], verb: string, args: JsonObject): Promise<unknown> {
    this.calls[kind] += 1;
    const { name, transport, prefix, httpTimeoutMs } = this.config;
    const what = `failed ${kind} with extender at URL ${name}/${verb}`;
    const answer = await transport
      .request({ method: 'POST', path: `${prefix}/${verb}`, body: args, timeoutMs: httpTimeoutMs })
      .catch((cause: unknown) => {
        throw new SchedulerError('extender-call', `${what}: ${cause instanceof Error ? cause.message : 'failed'}`, {
          cause,
        });
      });
    if (answer.status !== 200) throw new SchedulerError('extender-call', `${what}, code ${answer.status}`);
    try {
      return JSON.parse(answer.body.toString());
    } catch (cause) {
      throw new SchedulerError('extender-call', `${what}: the answer is not JSON`, { cause });
    }
  }
}
