/**
 * Native pod groups (`scheduling.k8s.io/v1beta1 PodGroup`, pods by `spec.schedulingGroup.podGroupName`) as the GenericWorkload feature
 * schedules them: a gang's members stay out of the queue until the group exists and `minCount` of them do. Then all that wait
 * go through one cycle in turn, each assumed for the next ones, extenders asked as for any pod; with `minCount` placed they are bound
 * together, with fewer everything is undone and no extender is told.
 */
import { type KubeObject, numberAt, objectAt } from '../api/object.ts';
import type { ClusterCache } from './cluster-cache.ts';
import type { CycleResult } from './cycle.ts';
import { fitError } from './fit-error.ts';
import type { PodInfo } from './pod-info.ts';

export class PodGroups {
  /** namespace/name → object */
  readonly #groups = new Map<string, KubeObject>();

  upsert(group: KubeObject): void {
    this.#groups.set(`${group.metadata.namespace ?? ''}/${group.metadata.name}`, group);
  }

  remove(namespace: string, name: string): void {
    this.#groups.delete(`${namespace}/${name}`);
  }

  of(info: PodInfo): KubeObject | undefined {
    return info.group === '' ? undefined : this.#groups.get(`${info.namespace}/${info.group}`);
  }

  /** how many must start together; 0 for the basic policy */
  minCount(group: KubeObject): number {
    return numberAt(objectAt(objectAt(group.spec, 'schedulingPolicy'), 'gang'), 'minCount') ?? 0;
  }

  /** PreEnqueue. `members`: pods of the group that exist and have not ended. */
  mayEnter(info: PodInfo, members: () => number): boolean {
    if (info.group === '') return true;
    const group = this.of(info);
    return group !== undefined && members() >= this.minCount(group);
  }
}

export const sameGroup = (a: PodInfo, b: PodInfo): boolean => a.group === b.group && a.namespace === b.namespace;

export type MemberResult =
  | { readonly info: PodInfo; readonly kind: 'node'; readonly node: string }
  | { readonly info: PodInfo; readonly kind: 'rejected'; readonly message: string; readonly result: CycleResult | null }
  | { readonly info: PodInfo; readonly kind: 'error'; readonly message: string };

export type GroupResult = {
  readonly members: readonly MemberResult[];
  readonly status: 'True' | 'False';
  readonly reason: 'Scheduled' | 'Unschedulable' | 'SchedulerError';
  readonly message: string;
};

const NO_PREEMPTION = 'pod group preemption: No preemption victims found for incoming preemptor';

/**
 * One cycle of a whole group. `decide` is the cycle of one pod and may throw. Placed members are left assumed in the cache
 * where the group is scheduled; else nothing is left behind.
 */
export async function scheduleGroup(
  members: readonly PodInfo[],
  /** members that have a node already */
  placedBefore: number,
  minCount: number,
  cache: ClusterCache,
  decide: (info: PodInfo) => Promise<CycleResult>,
): Promise<GroupResult> {
  const done: MemberResult[] = [];
  let scheduled = placedBefore;
  let failure: string | null = null;
  let hopeless = '';
  for (const [at, info] of members.entries()) {
    const remaining = members.length - at;
    if (failure !== null || hopeless !== '') {
      done.push({ info, kind: 'rejected', message: hopeless, result: null });
      continue;
    }
    let result: CycleResult;
    try {
      result = await decide(info);
    } catch (error) {
      failure = error instanceof Error ? error.message : String(error);
      done.push({ info, kind: 'error', message: failure });
      continue;
    }
    if (result.kind === 'node') {
      cache.assume(info, result.node);
      scheduled += 1;
      done.push({ info, kind: 'node', node: result.node });
    } else {
      done.push({ info, kind: 'rejected', message: fitError(cache.nodes.size, result.reasons), result });
      if (scheduled + remaining - 1 < minCount)
        hopeless = `minCount (${minCount}) cannot be satisfied: ${scheduled} scheduled, ${remaining - 1} remaining`;
    }
  }
  const placed = done.some((one) => one.kind === 'node');
  if (failure === null && hopeless === '' && placed)
    return { members: done, status: 'True', reason: 'Scheduled', message: '' };
  for (const one of done) if (one.kind === 'node') cache.forget(one.info.uid);
  if (failure !== null) {
    const message = `failed to schedule other pod from a pod group: ${failure}`;
    const failed = done.map(
      (one): MemberResult => (one.kind === 'error' ? one : { info: one.info, kind: 'error', message }),
    );
    return { members: failed, status: 'False', reason: 'SchedulerError', message };
  }
  const message = `${hopeless === '' ? 'pod group is unschedulable' : hopeless}, ${NO_PREEMPTION}`;
  const told = `${hopeless === '' ? '' : 'pod group is unschedulable, '}${message}`;
  const rejected = done.map(
    (one): MemberResult =>
      one.kind === 'rejected' ? one : { info: one.info, kind: 'rejected', message: told, result: null },
  );
  return { members: rejected, status: 'False', reason: 'Unschedulable', message };
}
