/**
 * A model of kube-scheduler as far as an extender, a user and an autoscaler can see it. One loop takes one pod (or one native
 * pod group) at a time through its cycle; binds and evictions then go their own way while the loop takes the next pod. Nothing is
 * reserved between a filter call and its bind, except in this scheduler's own cache, exactly as in the real one.
 *
 * Start reading at `#cycle`.
 */
import type { Clock, Rng, Transport } from '../../kube/ports.ts';
import { textAt } from '../api/object.ts';
import { Attempts } from './attempts.ts';
import { ClusterCache } from './cluster-cache.ts';
import { type CycleResult, schedulePod } from './cycle.ts';
import { Extender, type ExtenderConfig } from './extender.ts';
import { Informers } from './informers.ts';
import { type MemberResult, PodGroups, sameGroup, scheduleGroup } from './pod-groups.ts';
import type { PodInfo } from './pod-info.ts';
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
  /** default 1 s and 10 s */
  readonly initialBackoffMs?: number;
  readonly maxBackoffMs?: number;
  /** backoffs end at multiples of this; the real one's is a second, the default */
  readonly backoffWindowMs?: number;
  /** write Events; default true */
  readonly events?: boolean;
  /** the GenericWorkload feature: native pod groups; default false, as in 1.37 */
  readonly podGroups?: boolean;
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

export class Scheduler {
  readonly stats: SchedulerStats = { cycles: 0, bound: 0, unschedulable: 0, errors: 0, preemptions: 0 };
  readonly extenders: readonly Extender[];
  readonly #options: SchedulerOptions;
  readonly #cache = new ClusterCache();
  readonly #groups = new PodGroups();
  readonly #queue: SchedulingQueue;
  readonly #informers: Informers;
  readonly #attempts: Attempts;
  #loop: Promise<void> | null = null;
  #startIndex = 0;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    const all = options.extenders.map((config) => new Extender(config));
    // ignorable extenders are called behind the others
    this.extenders = [...all.filter((one) => !one.config.ignorable), ...all.filter((one) => one.config.ignorable)];
    const cache = this.#cache;
    const groups = options.podGroups ? this.#groups : null;
    const queue = new SchedulingQueue({
      clock: options.clock,
      initialBackoffMs: options.initialBackoffMs ?? 1000,
      maxBackoffMs: options.maxBackoffMs ?? 10_000,
      backoffWindowMs: options.backoffWindowMs ?? 1000,
      mayEnter: (info) =>
        !info.gated &&
        !this.#attempts.isPreempting(info.uid) &&
        (groups === null || groups.mayEnter(info, () => cache.members(info).length)),
    });
    this.#queue = queue;
    const isOurs = (info: PodInfo) => options.schedulerNames.includes(textAt(info.pod.spec, 'schedulerName'));
    this.#informers = new Informers({ ...options, cache, queue, isOurs, groups });
    const { extenders, stats } = this;
    this.#attempts = new Attempts({ ...options, cache, queue, extenders, stats, budgets: this.#informers.budgets });
  }

  /** Resolves when all informers have listed and the loop runs. */
  async start(): Promise<void> {
    await this.#informers.start();
    this.#loop ??= this.#run();
  }

  /** Resolves when no cycle, no bind and no eviction of ours is under way. */
  async stop(): Promise<void> {
    this.#queue.close();
    await this.#informers.stop();
    await this.#loop;
    await this.#attempts.drain();
  }

  async #run(): Promise<void> {
    for (;;) {
      const info = await this.#queue.pop();
      if (info === null) return;
      this.stats.cycles += 1;
      const group = this.#options.podGroups ? this.#groups.of(info) : undefined;
      if (group && this.#groups.minCount(group) > 0) await this.#groupCycle(info);
      else await this.#cycle(info);
    }
  }

  async #cycle(info: PodInfo): Promise<void> {
    let result: CycleResult;
    try {
      result = await this.#decide(info);
    } catch (error) {
      await this.#attempts.failed(info, error);
      return;
    }
    if (this.#isOver(info)) return;
    if (result.kind === 'unschedulable') {
      await this.#attempts.unschedulable(info, result);
      return;
    }
    this.#cache.assume(info, result.node);
    this.#attempts.bind(info, result.node);
  }

  async #decide(info: PodInfo): Promise<CycleResult> {
    const { result, examined } = await schedulePod({
      info,
      cache: this.#cache,
      extenders: this.extenders,
      rng: this.#options.rng,
      percentageOfNodesToScore: this.#options.percentageOfNodesToScore ?? 100,
      startIndex: this.#startIndex,
    });
    this.#startIndex = (this.#startIndex + examined) % Math.max(1, this.#cache.nodes.size);
    return result;
  }

  /** Deleted, or bound by somebody else, while the extenders were asked. */
  #isOver(info: PodInfo): boolean {
    const current = this.#cache.pods.get(info.uid);
    return current === undefined || current.node !== '';
  }

  async #groupCycle(first: PodInfo): Promise<void> {
    const members = [first, ...this.#queue.popWith((one) => sameGroup(one, first))];
    const group = this.#groups.of(first);
    if (group === undefined) return;
    const placed = this.#cache.members(first).filter((one) => one.node !== '' || this.#cache.assumed.has(one.uid));
    const result = await scheduleGroup(members, placed.length, this.#groups.minCount(group), this.#cache, (info) =>
      this.#decide(info),
    );
    for (const member of result.members) await this.#finish(member);
    await this.#attempts.groupScheduled(group, result);
  }

  async #finish(member: MemberResult): Promise<void> {
    const { info } = member;
    if (this.#isOver(info)) {
      if (member.kind === 'node') this.#cache.forget(info.uid);
    } else if (member.kind === 'node') {
      this.#attempts.bind(info, member.node);
    } else if (member.kind === 'error') {
      await this.#attempts.failed(info, new Error(member.message));
    } else {
      const { result, message } = member;
      const rejecters = result?.kind === 'unschedulable' ? result.rejecters : new Set(['Extender' as const]);
      await this.#attempts.rejected(info, message, rejecters);
    }
  }
}
