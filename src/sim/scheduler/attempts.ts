/**
 * How attempts end. A pod without a node is put back, told why and, where eviction helps, given a nomination while its victims go
 * (beside the loop; until they are asked to go it does not enter the queue). A pod with a node is bound beside the loop; a bind that
 * fails undoes the assumption.
 */
import type { Clock, Rng, Transport } from '../../kube/ports.ts';
import { type KubeObject, textAt } from '../api/object.ts';
import type { Budget } from './budgets.ts';
import type { ClusterCache } from './cluster-cache.ts';
import type { CycleResult } from './cycle.ts';
import { SchedulerError } from './errors.ts';
import type { Extender } from './extender.ts';
import { fitError, NO_NODES } from './fit-error.ts';
import type { GroupResult } from './pod-groups.ts';
import type { PodInfo } from './pod-info.ts';
import { preempt } from './preemption.ts';
import type { SchedulingQueue } from './queue.ts';
import { Recorder, type Told } from './recorder.ts';
import type { SchedulerStats } from './scheduler.ts';
import type { Rejecter } from './wakes.ts';
import { SchedulerWrites } from './writes.ts';

export type AttemptsOptions = {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly cache: ClusterCache;
  readonly queue: SchedulingQueue;
  readonly extenders: readonly Extender[];
  readonly budgets: () => readonly Budget[];
  readonly stats: SchedulerStats;
  readonly events?: boolean;
  readonly onError?: (error: Error) => void;
};

export class Attempts {
  readonly #options: AttemptsOptions;
  readonly #writes: SchedulerWrites;
  readonly #recorder: Recorder | null;
  readonly #underway = new Set<Promise<void>>();
  readonly #preempting = new Set<string>();

  constructor(options: AttemptsOptions) {
    this.#options = options;
    this.#writes = new SchedulerWrites(options.transport, options.clock);
    this.#recorder = options.events === false ? null : new Recorder(options.transport, options.clock);
  }

  /** Its victims have not all been asked to go yet. */
  isPreempting(uid: string): boolean {
    return this.#preempting.has(uid);
  }

  /** Resolves when nothing is under way. */
  async drain(): Promise<void> {
    await Promise.all(this.#underway);
    await this.#recorder?.drain();
  }

  async unschedulable(info: PodInfo, result: Extract<CycleResult, { kind: 'unschedulable' }>): Promise<void> {
    const { cache, extenders, rng, stats, budgets } = this.#options;
    if (result.rejecters.size === 0 && result.reasons.has(NO_NODES)) {
      stats.unschedulable += 1;
      cache.withdrawNomination(info.uid);
      this.#options.queue.failed(info.uid);
      await this.#report(info, 'Unschedulable', NO_NODES, '');
      return;
    }
    const { resolvable } = result;
    const outcome = await preempt({ info, resolvable, cache, extenders, rng, budgets: budgets() });
    const { nominated, victims } = outcome;
    if (nominated === '') cache.withdrawNomination(info.uid);
    else if (nominated !== null) {
      stats.preemptions += 1;
      cache.nominate(info.uid, nominated);
      this.#beside(this.#makeRoom(info, nominated, victims));
    }
    await this.rejected(info, fitError(cache.nodes.size, result.reasons, outcome.message), result.rejecters, nominated);
  }

  /** Back to the queue, then told why: as in the real one the text on the pod is an update that may wake it. */
  async rejected(
    info: PodInfo,
    message: string,
    rejecters: ReadonlySet<Rejecter>,
    nominated: string | null = null,
  ): Promise<void> {
    this.#options.stats.unschedulable += 1;
    this.#options.queue.rejected(info.uid, rejecters);
    await this.#report(info, 'Unschedulable', message, nominated);
  }

  /** An error of the cycle or of the bind ends a nomination, whoever made it. */
  async failed(info: PodInfo, error: unknown): Promise<void> {
    this.#options.stats.errors += 1;
    this.#options.cache.withdrawNomination(info.uid);
    const message = error instanceof Error ? error.message : String(error);
    this.#onError(error);
    this.#options.queue.failed(info.uid);
    await this.#report(info, 'SchedulerError', message, '');
  }

  /** Returns at once; the pod is assumed on that node. */
  bind(info: PodInfo, node: string): void {
    this.#beside(this.#bind(info, node));
  }

  async groupScheduled(group: KubeObject, { status, reason, message }: GroupResult): Promise<void> {
    await this.#writes.groupScheduled(group, status, reason, message).catch((error: unknown) => this.#onError(error));
  }

  #beside(work: Promise<void>): void {
    const tracked = work.finally(() => this.#underway.delete(tracked));
    this.#underway.add(tracked);
  }

  async #bind(info: PodInfo, node: string): Promise<void> {
    const { cache, queue, stats } = this.#options;
    try {
      await this.#bindBy(info, node);
      stats.bound += 1;
      queue.remove(info.uid);
      const note = `Successfully assigned ${info.namespace}/${info.name} to ${node}`;
      this.#tell(info, { type: 'Normal', reason: 'Scheduled', action: 'Binding', note });
    } catch (error) {
      // bound after all, only the answer was lost: the informer said so
      if (cache.pods.get(info.uid)?.node) return;
      cache.forget(info.uid);
      queue.event({ kind: 'assigned-pod-deleted', pod: info });
      await this.failed(cache.pods.get(info.uid) ?? info, error);
    }
  }

  async #bindBy(info: PodInfo, node: string): Promise<void> {
    const binder = this.#options.extenders.find((one) => one.config.bindVerb && one.isInterested(info.pod));
    if (binder) {
      try {
        return await binder.bind(info, node);
      } catch (error) {
        if (!binder.config.ignorable) throw error;
      }
    }
    await this.#writes.bind(info, node);
  }

  async #makeRoom(info: PodInfo, node: string, victims: readonly PodInfo[]): Promise<void> {
    const { cache, queue } = this.#options;
    this.#preempting.add(info.uid);
    const note = `Preempted by pod ${info.uid} on node ${node}`;
    const outranked = cache.nominatedTo(node).filter((one) => one.uid !== info.uid && one.priority < info.priority);
    for (const one of outranked) await this.#writes.withdrawNomination(one).catch((error) => this.#onError(error));
    for (const victim of victims) {
      try {
        await this.#writes.evict(victim, textAt(info.pod.spec, 'schedulerName'));
        this.#tell(victim, { type: 'Normal', reason: 'Preempted', action: 'Preempting', note });
      } catch (error) {
        // it may be gone already: the next cycle sees
        this.#onError(error);
      }
    }
    this.#preempting.delete(info.uid);
    queue.recheck((one) => one.uid === info.uid);
  }

  async #report(info: PodInfo, reason: string, message: string, nominated: string | null): Promise<void> {
    const current = this.#options.cache.pods.get(info.uid);
    if (current === undefined || current.node !== '') return;
    this.#tell(info, { type: 'Warning', reason: 'FailedScheduling', action: 'Scheduling', note: message });
    await this.#writes.unscheduled(info, reason, message, nominated).catch((error: unknown) => this.#onError(error));
  }

  #tell(info: PodInfo, told: Told): void {
    this.#recorder?.tell(info, textAt(info.pod.spec, 'schedulerName'), told);
  }

  #onError(error: unknown): void {
    this.#options.onError?.(error instanceof Error ? error : new SchedulerError('api', String(error)));
  }
}
