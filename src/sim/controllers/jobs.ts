/**
 * Jobs: pods until enough have succeeded or too many failed; Indexed ones with an index each. Pods that are done stay until the Job
 * goes. A Job that ends first says what it is coming to (SuccessCriteriaMet, FailureTarget), then, when no pod is left running, what
 * it came to (Complete, Failed).
 */
import { isDeepStrictEqual } from 'node:util';
import {
  arrayAt,
  isObject,
  type JsonObject,
  type KubeObject,
  numberAt,
  objectAt,
  textAt,
  timestamp,
} from '../api/object.ts';
import { Calls } from './calls.ts';
import type { StartController } from './controller.ts';
import { formatIndexes } from './index-list.ts';
import { conditionIs, deadlineIn, endOfJob, type JobEnd } from './job-end.ts';
import { INDEX, indexOf, isIndexed, type JobState, JobTally } from './job-pods.ts';
import { controllerOf, keyOf, Mirror, podsOf } from './mirror.ts';
import { WorkQueue } from './work-queue.ts';
import { merge, remove } from './workload-calls.ts';
import { byDispensability, createPod, deletePod, podFromTemplate } from './workload-pods.ts';

const FIRST_PAUSE_MS = 10_000;
const LONGEST_PAUSE_MS = 600_000;
/** pods made in one pass; the next pass goes on */
const MOST_AT_ONCE = 500;

export const startJobs: StartController = async (options) => {
  const calls = new Calls(options.transport);
  const queue = new WorkQueue({ ...options, work: reconcile });
  const tallies = new Map<string, JobTally>();
  const jobs = new Mirror(options, '/apis/batch/v1/jobs', (job, gone) => {
    if (gone) tallies.delete(job.metadata.uid);
    else queue.add(keyOf(job));
  });
  const pods = new Mirror(
    options,
    '/api/v1/pods',
    (pod, gone) => {
      const owner = controllerOf(pod);
      if (owner?.kind !== 'Job') return;
      const key = `${pod.metadata.namespace}/${owner.name}`;
      const job = jobs.get(key);
      if (gone && job?.metadata.uid === owner.uid) tallies.get(owner.uid)?.vanished(job, pod);
      queue.add(key);
    },
    podsOf('Job'),
  );

  async function reconcile(key: string): Promise<void> {
    const job = jobs.get(key);
    if (job === undefined || job.metadata.deletionTimestamp !== undefined) return;
    if (conditionIs(job, 'Complete') || conditionIs(job, 'Failed')) {
      await removeWhenOld(job);
      return;
    }
    const now = options.clock.now();
    const state = stateOf(job);
    const end = endOfJob(job, state, now);
    const suspended = job.spec?.suspend === true;
    if (end !== null || suspended) for (const pod of state.active) await deletePod(calls, pods, pod, job, options.tell);
    let failure: unknown = null;
    if (end === null && !suspended) await manage(job, state, now).catch((error: unknown) => (failure = error));
    await writeStatus(job, stateOf(job), end);
    if (failure !== null) throw failure;
  }

  function stateOf(job: KubeObject): JobState {
    const { uid } = job.metadata;
    const owned = pods.ownedBy(uid);
    const tally = tallies.get(uid) ?? new JobTally(job, owned);
    tallies.set(uid, tally);
    return tally.read(job, owned);
  }

  async function manage(job: KubeObject, state: JobState, now: number): Promise<void> {
    const parallelism = numberAt(job.spec, 'parallelism') ?? 1;
    const completions = numberAt(job.spec, 'completions');
    // while pods come to their end after the first success of a Job without completions no new ones are made
    const left = completions === null ? (state.succeeded > 0 ? 0 : parallelism) : completions - state.succeeded;
    const wanted = Math.max(0, Math.min(parallelism, left));
    const { active } = state;
    if (active.length > wanted && (completions !== null || parallelism < active.length)) {
      const excess = active.length - (completions === null ? parallelism : wanted);
      for (const pod of [...active].sort(byDispensability).slice(0, excess))
        await deletePod(calls, pods, pod, job, options.tell);
      return;
    }
    const held = textAt(job.spec, 'podReplacementPolicy') === 'Failed' ? state.terminating : 0;
    const missing = Math.min(wanted - active.length - held, MOST_AT_ONCE);
    if (missing <= 0) return;
    const pause =
      state.failuresInARow === 0
        ? 0
        : Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (state.failuresInARow - 1)) - (now - state.lastFailureAt);
    if (pause > 0) {
      queue.addAfter(keyOf(job), Math.min(pause, deadlineIn(job, now) ?? pause));
      return;
    }
    if (isIndexed(job)) {
      const taken = new Set([...state.doneIndexes, ...active.map(indexOf)]);
      let made = 0;
      for (let index = 0; index < (completions ?? 0) && made < missing; index += 1) {
        if (taken.has(index)) continue;
        await createPod(calls, pods, podOf(job, index), job, options.tell);
        made += 1;
      }
      return;
    }
    for (let made = 0; made < missing; made += 1) await createPod(calls, pods, podOf(job, null), job, options.tell);
  }

  async function writeStatus(job: KubeObject, state: JobState, end: JobEnd | null): Promise<void> {
    const known = jobs.get(keyOf(job)) ?? job;
    const now = options.clock.now();
    const suspended = known.spec?.suspend === true;
    const over = end !== null && state.active.length === 0 && state.terminating === 0;
    let conditions = arrayAt(known.status, 'conditions').filter(isObject);
    const set = (type: string, status: string, reason: string, message: string): void => {
      conditions = withCondition(conditions, { type, status, reason, message }, timestamp(now));
    };
    const wasSuspended = conditionIs(known, 'Suspended');
    if (end !== null) {
      set(end.type === 'Complete' ? 'SuccessCriteriaMet' : 'FailureTarget', 'True', end.reason, end.message);
      if (over) {
        set(end.type, 'True', end.reason, end.message);
        if (end.type === 'Complete') options.tell?.(job, 'Normal', 'Completed', 'Job completed');
        else options.tell?.(job, 'Warning', end.reason, end.message);
      }
    } else if (suspended) set('Suspended', 'True', 'JobSuspended', 'Job suspended');
    else if (wasSuspended) set('Suspended', 'False', 'JobResumed', 'Job resumed');
    const started = textAt(known.status, 'startTime');
    const startTime = suspended ? null : started === '' || wasSuspended ? timestamp(now) : started;
    const status = {
      active: state.active.length,
      terminating: state.terminating,
      ready: state.ready,
      succeeded: state.succeeded,
      failed: state.failed,
      ...(isIndexed(known) ? { completedIndexes: formatIndexes(state.doneIndexes) } : {}),
      ...(end === null ? { startTime } : started === '' ? { startTime: timestamp(now) } : {}),
      ...(over && end?.type === 'Complete' ? { completionTime: timestamp(now) } : {}),
      conditions,
    };
    const left = deadlineIn({ ...known, status: { ...known.status, startTime: startTime ?? '' } }, now);
    if (end === null && left !== null) queue.addAfter(keyOf(job), Math.max(0, left));
    if (same(known.status ?? {}, status)) return;
    const { namespace, name, resourceVersion } = known.metadata;
    const path = `/apis/batch/v1/namespaces/${namespace}/jobs/${name}/status`;
    jobs.put(await merge(calls, path, { metadata: { resourceVersion }, status }));
  }

  /** ttlSecondsAfterFinished. Its pods go with it by garbage collection. */
  async function removeWhenOld(job: KubeObject): Promise<void> {
    const seconds = numberAt(job.spec, 'ttlSecondsAfterFinished');
    if (seconds === null) return;
    const ended = arrayAt(job.status, 'conditions').find((one) => ['Complete', 'Failed'].includes(textAt(one, 'type')));
    const left = Date.parse(textAt(ended, 'lastTransitionTime')) + seconds * 1000 - options.clock.now();
    if (left > 0) {
      queue.addAfter(keyOf(job), left);
      return;
    }
    const { namespace, name, uid } = job.metadata;
    const path = `/apis/batch/v1/namespaces/${namespace}/jobs/${name}`;
    await remove(calls, path, uid, { propagationPolicy: 'Foreground' });
  }

  await Promise.all([jobs.start(), pods.start()]);
  queue.begin();
  return {
    async stop() {
      await queue.stop();
      await Promise.all([jobs.stop(), pods.stop()]);
    },
  };
};

function podOf(job: KubeObject, index: number | null): JsonObject {
  const { name, uid } = job.metadata;
  const labels = {
    'batch.kubernetes.io/controller-uid': uid,
    'batch.kubernetes.io/job-name': name,
    'controller-uid': uid,
    'job-name': name,
  };
  if (index === null) return podFromTemplate(job, { generateName: `${name}-` }, { labels });
  const env = {
    name: 'JOB_COMPLETION_INDEX',
    valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: `metadata.labels['${INDEX}']` } },
  };
  const spec = objectAt(objectAt(job.spec, 'template'), 'spec');
  const withIndex = (list: unknown[]): unknown[] =>
    list.map((one) => (isObject(one) ? { ...one, env: [...arrayAt(one, 'env'), env] } : one));
  const inits = arrayAt(spec, 'initContainers');
  return podFromTemplate(
    job,
    { generateName: `${name}-${index}-` },
    {
      labels: { ...labels, [INDEX]: String(index) },
      annotations: { [INDEX]: String(index) },
      spec: {
        hostname: `${name}-${index}`,
        containers: withIndex(arrayAt(spec, 'containers')),
        ...(inits.length > 0 ? { initContainers: withIndex(inits) } : {}),
      },
    },
  );
}

function withCondition(conditions: readonly JsonObject[], next: JsonObject, now: string): JsonObject[] {
  const known = conditions.find((one) => one.type === next.type);
  if (known?.status === next.status && known?.reason === next.reason) return [...conditions];
  const made = { ...next, lastProbeTime: now, lastTransitionTime: now };
  return known ? conditions.map((one) => (one === known ? made : one)) : [...conditions, made];
}

/** What the server leaves out stands for nothing: 0, no text, no entries. */
function same(known: JsonObject, status: JsonObject): boolean {
  const nothing = (value: unknown): unknown =>
    typeof value === 'number' ? 0 : typeof value === 'string' ? '' : Array.isArray(value) ? [] : null;
  return Object.entries(status).every(([name, value]) => isDeepStrictEqual(known[name] ?? nothing(value), value));
}
