/**
 * A model of kube-scheduler as far as an extender, a user and an autoscaler can see it. One loop takes one pod at a time
 * through its cycle; the bind then goes its own way while the loop takes the next pod. Nothing is reserved between a
 * filter call and its bind, except in this scheduler's own cache, exactly as in the real one.
 *
 * Start reading at `#cycle`.
 */

import { inlineDecoder } from '../../kube/inline-decoder.ts';
import { strategicPatch } from '../../kube/patch.ts';
import type { Clock, Rng, Transport } from '../../kube/ports.ts';
import { Reflector } from '../../kube/reflector.ts';
import { readStatus } from '../../kube/status-error.ts';
import { arrayAt, isObject, type JsonObject, type KubeObject, textAt, timestamp } from '../api/object.ts';
import { ClusterCache } from './cluster-cache.ts';
import { type CycleResult, schedulePod } from './cycle.ts';
import { SchedulerError } from './errors.ts';
import { Extender, type ExtenderConfig } from './extender.ts';
import { type PodInfo, readPodInfo } from './pod-info.ts';
import { chooseVictims, mayPreempt } from './preemption.ts';
import { SchedulingQueue } from './queue.ts';

export type SchedulerOptions = {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly extenders: readonly ExtenderConfig[];
  /** default `muster-scheduler` */
  readonly schedulerNames: readonly string[];
  /** default 100; 0: kube-scheduler's adaptive default */
  readonly percentageOfNodesToScore?: number;
  readonly initialBackoffMs?: number;
  readonly maxBackoffMs?: number;
  /** told of every error that a real scheduler would only log */
  readonly onError?: (error: Error) => void;
};

export type SchedulerStats = {
  cycles: number;
  bound: number;
  unschedulable: number;
  errors: number;
  preemptions: number;
};

const API_TIMEOUT_MS = 10_000;

export class Scheduler {
  readonly stats: SchedulerStats = { cycles: 0, bound: 0, unschedulable: 0, errors: 0, preemptions: 0 };
  readonly extenders: readonly Extender[];
  readonly #options: SchedulerOptions;
  readonly #cache = new ClusterCache();
  readonly #queue: SchedulingQueue;
  readonly #reflectors: readonly Reflector<KubeObject>[];
  readonly #binding = new Set<Promise<void>>();
  #loop: Promise<void> | null = null;
  #startIndex = 0;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    const all = options.extenders.map((config) => new Extender(config));
    // ignorable extenders are called behind the others
    this.extenders = [...all.filter((one) => !one.config.ignorable), ...all.filter((one) => one.config.ignorable)];
    this.#queue = new SchedulingQueue({
      clock: options.clock,
      initialBackoffMs: options.initialBackoffMs ?? 1000,
      maxBackoffMs: options.maxBackoffMs ?? 10_000,
    });
    this.#reflectors = [
      this.#reflector(
        '/api/v1/nodes',
        (node) => this.#nodeChanged(node),
        (name) => this.#cache.removeNode(name),
      ),
      this.#reflector(
        '/api/v1/pods',
        (pod) => this.#podChanged(pod),
        (_name, uid) => this.#podGone(uid),
      ),
    ];
  }

  /** Resolves when both informers have listed and the loop runs. */
  async start(): Promise<void> {
    for (const reflector of this.#reflectors) reflector.start();
    await Promise.all(this.#reflectors.map((reflector) => reflector.whenSynced()));
    this.#loop ??= this.#run();
  }

  /** Resolves when no cycle and no bind of ours is under way. */
  async stop(): Promise<void> {
    this.#queue.close();
    await Promise.all(this.#reflectors.map((reflector) => reflector.stop()));
    await this.#loop;
    await Promise.all(this.#binding);
  }

  #reflector(
    path: string,
    changed: (object: KubeObject) => void,
    gone: (name: string, uid: string) => void,
  ): Reflector<KubeObject> {
    const { transport, clock, rng, onError } = this.#options;
    return new Reflector<KubeObject>({
      transport,
      clock,
      rng,
      path,
      decoder: inlineDecoder((object) => (isObject(object) ? (object as KubeObject) : null)),
      sink: {
        upsert: (item) => changed(item.object),
        remove: (key) => gone(key.name, key.uid),
        synced: () => {},
      },
      ...(onError ? { onError } : {}),
    });
  }

  #nodeChanged(node: KubeObject): void {
    const known = this.#cache.nodes.has(node.metadata.name);
    this.#cache.upsertNode(node);
    this.#queue.event(known ? 'node-updated' : 'node-added');
  }

  #podChanged(pod: KubeObject): void {
    const info = readPodInfo(pod);
    const before = this.#cache.pods.get(info.uid);
    this.#cache.upsertPod(info);
    if (info.node !== '' || info.terminal) {
      this.#queue.remove(info.uid);
      if (info.node !== '')
        this.#queue.event(
          before?.node ? (info.terminal ? 'assigned-pod-deleted' : 'assigned-pod-updated') : 'pod-assigned',
        );
    } else if (this.#isOurs(info) && !info.gated && !info.terminating && !this.#cache.assumed.has(info.uid)) {
      this.#queue.upsert(info);
    } else if (info.terminating) {
      this.#queue.remove(info.uid);
    }
  }

  #podGone(uid: string): void {
    const info = this.#cache.removePod(uid);
    this.#queue.remove(uid);
    if (info && (info.node !== '' || info.nominated !== '')) this.#queue.event('assigned-pod-deleted');
  }

  #isOurs(info: PodInfo): boolean {
    return this.#options.schedulerNames.includes(textAt(info.pod.spec, 'schedulerName'));
  }

  async #run(): Promise<void> {
    for (;;) {
      const info = await this.#queue.pop();
      if (info === null) return;
      this.stats.cycles += 1;
      try {
        await this.#cycle(info);
      } catch (error) {
        await this.#failed(info, error);
      }
    }
  }

  async #cycle(info: PodInfo): Promise<void> {
    const { result, examined } = await schedulePod({
      info,
      cache: this.#cache,
      extenders: this.extenders,
      rng: this.#options.rng,
      percentageOfNodesToScore: this.#options.percentageOfNodesToScore ?? 100,
      startIndex: this.#startIndex,
    });
    this.#startIndex = (this.#startIndex + examined) % Math.max(1, this.#cache.nodes.size);
    // deleted or bound by somebody else while the extenders were asked
    const current = this.#cache.pods.get(info.uid);
    if (current === undefined || current.node !== '') return;
    if (result.kind === 'unschedulable') {
      await this.#unschedulable(current, result);
      return;
    }
    this.#cache.assume(current, result.node);
    const bind = this.#bind(current, result.node).finally(() => this.#binding.delete(bind));
    this.#binding.add(bind);
  }

  async #unschedulable(info: PodInfo, result: Extract<CycleResult, { kind: 'unschedulable' }>): Promise<void> {
    this.stats.unschedulable += 1;
    let nominated: string | null = null;
    if (mayPreempt(info, this.#cache)) {
      const choice = await chooseVictims(info, result.resolvable, this.#cache, this.extenders);
      if (choice === null) {
        this.#cache.withdrawNomination(info.uid);
        nominated = '';
      } else if (choice.victims.length > 0) {
        this.stats.preemptions += 1;
        nominated = choice.node;
        this.#cache.nominate(info.uid, choice.node);
        for (const victim of choice.victims) await this.#evict(victim);
      }
    }
    await this.#report(info, 'Unschedulable', result.message, nominated);
    this.#queue.rejected(info.uid, result.rejecters);
  }

  async #failed(info: PodInfo, error: unknown): Promise<void> {
    this.stats.errors += 1;
    const message = error instanceof Error ? error.message : String(error);
    this.#options.onError?.(error instanceof Error ? error : new SchedulerError('api', message));
    await this.#report(info, 'SchedulerError', message, null);
    this.#queue.failed(info.uid);
  }

  /** Runs beside the loop. */
  async #bind(info: PodInfo, node: string): Promise<void> {
    try {
      await this.#bindBy(info, node);
      this.stats.bound += 1;
      this.#queue.remove(info.uid);
    } catch (error) {
      // bound after all, only the answer was lost: the informer said so
      if (this.#cache.pods.get(info.uid)?.node) return;
      this.#cache.forget(info.uid);
      this.#queue.event('assigned-pod-deleted');
      await this.#failed(info, error);
    }
  }

  async #bindBy(info: PodInfo, node: string): Promise<void> {
    const binder = this.extenders.find((one) => one.config.bindVerb && one.isInterested(info.pod));
    if (binder) {
      try {
        return await binder.bind(info, node);
      } catch (error) {
        if (!binder.config.ignorable) throw error;
      }
    }
    const binding = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name: info.name, namespace: info.namespace, uid: info.uid },
      target: { apiVersion: 'v1', kind: 'Node', name: node },
    };
    await this.#send('POST', `${podPath(info)}/binding`, binding);
  }

  /** DisruptionTarget, then a plain DELETE: kube-scheduler does not use the Eviction API. */
  async #evict(victim: PodInfo): Promise<void> {
    const condition = {
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'PreemptionByScheduler',
      message: 'preempting to accommodate a higher priority pod',
      lastTransitionTime: timestamp(this.#options.clock.now()),
    };
    try {
      await this.#patchStatus(victim, { conditions: [condition] });
      await this.#send('DELETE', podPath(victim), { preconditions: { uid: victim.uid } });
    } catch (error) {
      // it may be gone already: the next cycle sees
      this.#options.onError?.(error instanceof Error ? error : new SchedulerError('api', String(error)));
    }
  }

  /** PodScheduled=False and the nomination ('' ends it, null leaves it), written only when they differ from what stands on the pod. */
  async #report(info: PodInfo, reason: string, message: string, nominated: string | null): Promise<void> {
    const current = this.#cache.pods.get(info.uid);
    if (current === undefined || current.node !== '') return;
    const known = arrayAt(current.pod.status, 'conditions').find((one) => textAt(one, 'type') === 'PodScheduled');
    const same = textAt(known, 'reason') === reason && textAt(known, 'message') === message;
    const renominated = nominated !== null && nominated !== current.nominated;
    if (same && !renominated) return;
    const condition = {
      type: 'PodScheduled',
      status: 'False',
      reason,
      message,
      lastTransitionTime: timestamp(this.#options.clock.now()),
    };
    try {
      await this.#patchStatus(current, {
        conditions: [condition],
        ...(renominated ? { nominatedNodeName: nominated === '' ? null : nominated } : {}),
      });
    } catch (error) {
      this.#options.onError?.(error instanceof Error ? error : new SchedulerError('api', String(error)));
    }
  }

  async #patchStatus(info: PodInfo, status: JsonObject): Promise<void> {
    const request = strategicPatch(
      { path: `${podPath(info)}/status`, timeoutMs: API_TIMEOUT_MS },
      { metadata: { uid: info.uid }, status },
    );
    const answer = await this.#options.transport.request(request);
    if (answer.status >= 300 && answer.status !== 404)
      throw new SchedulerError('api', `status of pod ${info.namespace}/${info.name}: ${readStatus(answer).message}`);
  }

  async #send(method: 'POST' | 'DELETE', path: string, body: unknown): Promise<void> {
    const answer = await this.#options.transport.request({ method, path, body, timeoutMs: API_TIMEOUT_MS });
    if (answer.status >= 300) throw new SchedulerError('api', `${method} ${path}: ${readStatus(answer).message}`);
  }
}

function podPath(info: PodInfo): string {
  return `/api/v1/namespaces/${info.namespace}/pods/${info.name}`;
}
