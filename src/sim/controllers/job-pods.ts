/**
 * What the pods of a Job come to: who runs, who ended how, which indexes are done, and whether a failure is to be counted. Pods
 * carry no finalizer here, so what was counted is remembered by uid, and the status of the Job is the floor after a restart.
 */
import { arrayAt, isObject, type KubeObject, numberAt, objectAt, textAt } from '../api/object.ts';
import { parseIndexes } from './index-list.ts';
import { isActive, isReady, phaseOf } from './workload-pods.ts';

export const INDEX = 'batch.kubernetes.io/job-completion-index';

export type Verdict =
  | { readonly action: 'Count' | 'Ignore' }
  | { readonly action: 'FailJob'; readonly message: string };

export type JobState = {
  readonly active: readonly KubeObject[];
  readonly terminating: number;
  readonly ready: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly doneIndexes: ReadonlySet<number>;
  /** a rule of podFailurePolicy ends the Job; its message */
  readonly failJob: string | null;
  /** restarts of containers of running pods count like failures when pods restart in place */
  readonly restarts: number;
  /** failures since the last success, and when the last one ended, ms; for the pause before the next pod */
  readonly failuresInARow: number;
  readonly lastFailureAt: number;
};

export function indexOf(pod: KubeObject): number {
  return Number(pod.metadata.annotations?.[INDEX] ?? -1);
}

export function isIndexed(job: KubeObject): boolean {
  return textAt(job.spec, 'completionMode') === 'Indexed';
}

function exits(pod: KubeObject): { container: string; code: number; finishedAt: number }[] {
  return [...arrayAt(pod.status, 'initContainerStatuses'), ...arrayAt(pod.status, 'containerStatuses')].flatMap(
    (status) => {
      const { terminated } = objectAt(status, 'state');
      if (!isObject(terminated)) return [];
      const finishedAt = Date.parse(textAt(terminated, 'finishedAt')) || 0;
      return [{ container: textAt(status, 'name'), code: numberAt(terminated, 'exitCode') ?? 0, finishedAt }];
    },
  );
}

/** The first rule that matches; without one the failure counts. */
export function judge(job: KubeObject, pod: KubeObject): Verdict {
  for (const [at, rule] of arrayAt(objectAt(job.spec, 'podFailurePolicy'), 'rules').entries()) {
    const match = matches(rule, pod);
    if (match === null) continue;
    const action = textAt(rule, 'action');
    const which = `${pod.metadata.namespace}/${pod.metadata.name}`;
    if (action === 'FailJob')
      return { action, message: `${match} for pod ${which} matching FailJob rule at index ${at}` };
    return { action: action === 'Ignore' ? 'Ignore' : 'Count' };
  }
  return { action: 'Count' };
}

/** What of the pod met the rule. */
function matches(rule: unknown, pod: KubeObject): string | null {
  const onExit = objectAt(rule, 'onExitCodes');
  if (textAt(onExit, 'operator') !== '') {
    const values = arrayAt(onExit, 'values');
    const wanted = textAt(onExit, 'containerName');
    const found = exits(pod).find(
      ({ container, code }) =>
        code !== 0 &&
        (wanted === '' || wanted === container) &&
        values.includes(code) === (textAt(onExit, 'operator') === 'In'),
    );
    return found ? `Container ${found.container}` + ` exited with code ${found.code}` : null;
  }
  const conditions = arrayAt(pod.status, 'conditions');
  const found = arrayAt(rule, 'onPodConditions').find((pattern) =>
    conditions.some(
      (one) =>
        textAt(one, 'type') === textAt(pattern, 'type') &&
        textAt(one, 'status') === (textAt(pattern, 'status') || 'True'),
    ),
  );
  return found ? `Pod has condition ${textAt(found, 'type')}` : null;
}

function endOf(pod: KubeObject): number {
  return Math.max(0, ...exits(pod).map((one) => one.finishedAt)) || Date.parse(pod.metadata.creationTimestamp);
}

/** Per Job, kept between passes. */
export class JobTally {
  readonly #succeeded = new Map<string, number>();
  readonly #failed = new Map<string, number>();
  readonly #ignored = new Set<string>();
  /** counted before this process knew the Job, of pods that are gone */
  #succeededBefore = 0;
  #failedBefore = 0;
  #failJob: string | null = null;

  constructor(job: KubeObject, pods: readonly KubeObject[]) {
    for (const pod of pods) this.#count(job, pod);
    this.#succeededBefore = Math.max(0, (numberAt(job.status, 'succeeded') ?? 0) - this.#succeeded.size);
    this.#failedBefore = Math.max(0, (numberAt(job.status, 'failed') ?? 0) - this.#failed.size);
  }

  /** A pod that vanished before its end was seen has failed. */
  vanished(job: KubeObject, pod: KubeObject): void {
    if (phaseOf(pod) === 'Succeeded' || phaseOf(pod) === 'Failed') this.#count(job, pod);
    else if (job.spec?.suspend !== true) this.#failed.set(pod.metadata.uid, endOf(pod));
  }

  read(job: KubeObject, pods: readonly KubeObject[]): JobState {
    for (const pod of pods) this.#count(job, pod);
    const active = pods.filter(isActive);
    const done = parseIndexes(textAt(job.status, 'completedIndexes'));
    if (isIndexed(job)) for (const pod of pods) if (phaseOf(pod) === 'Succeeded') done.add(indexOf(pod));
    const lastSuccess = Math.max(0, ...this.#succeeded.values());
    const recent = [...this.#failed.values()].filter((at) => at > lastSuccess);
    return {
      active,
      terminating: pods.filter((pod) => pod.metadata.deletionTimestamp !== undefined && phaseOf(pod) !== 'Succeeded')
        .length,
      ready: active.filter(isReady).length,
      succeeded: isIndexed(job) ? done.size : this.#succeededBefore + this.#succeeded.size,
      failed: this.#failedBefore + this.#failed.size,
      doneIndexes: done,
      failJob: this.#failJob,
      restarts: active.reduce((sum, pod) => sum + restartsOf(pod), 0),
      failuresInARow: recent.length,
      lastFailureAt: Math.max(0, ...recent),
    };
  }

  #count(job: KubeObject, pod: KubeObject): void {
    const { uid } = pod.metadata;
    if (phaseOf(pod) === 'Succeeded') this.#succeeded.set(uid, endOf(pod));
    if (phaseOf(pod) !== 'Failed' || this.#failed.has(uid) || this.#ignored.has(uid)) return;
    const verdict = judge(job, pod);
    if (verdict.action === 'Ignore') this.#ignored.add(uid);
    else this.#failed.set(uid, endOf(pod));
    if (verdict.action === 'FailJob') this.#failJob ??= verdict.message;
  }
}

function restartsOf(pod: KubeObject): number {
  return [...arrayAt(pod.status, 'initContainerStatuses'), ...arrayAt(pod.status, 'containerStatuses')].reduce<number>(
    (sum, status) => sum + (numberAt(status, 'restartCount') ?? 0),
    0,
  );
}
