/** Whether a Job is over, and in the words of the real controller why. */
import { arrayAt, type KubeObject, numberAt, textAt } from '../api/object.ts';
import type { JobState } from './job-pods.ts';

export type JobEnd = {
  readonly type: 'Complete' | 'Failed';
  readonly reason: 'CompletionsReached' | 'BackoffLimitExceeded' | 'DeadlineExceeded' | 'PodFailurePolicy';
  readonly message: string;
};

export function conditionIs(job: KubeObject, type: string): boolean {
  return arrayAt(job.status, 'conditions').some(
    (one) => textAt(one, 'type') === type && textAt(one, 'status') === 'True',
  );
}

/** What was decided before and not carried out to its end. */
function decided(job: KubeObject): JobEnd | null {
  for (const [mark, type] of [
    ['FailureTarget', 'Failed'],
    ['SuccessCriteriaMet', 'Complete'],
  ] as const) {
    const known = arrayAt(job.status, 'conditions').find((one) => textAt(one, 'type') === mark);
    if (textAt(known, 'status') === 'True')
      return { type, reason: textAt(known, 'reason') as JobEnd['reason'], message: textAt(known, 'message') };
  }
  return null;
}

/** ms that the Job may still take; null without a deadline. */
export function deadlineIn(job: KubeObject, now: number): number | null {
  const seconds = numberAt(job.spec, 'activeDeadlineSeconds');
  const started = Date.parse(textAt(job.status, 'startTime'));
  if (seconds === null || Number.isNaN(started) || job.spec?.suspend === true) return null;
  return started + seconds * 1000 - now;
}

/** null: it goes on. */
export function endOfJob(job: KubeObject, state: JobState, now: number): JobEnd | null {
  const before = decided(job);
  if (before) return before;
  if (state.failJob !== null) return { type: 'Failed', reason: 'PodFailurePolicy', message: state.failJob };
  const inPlace =
    textAt(job.spec?.template && (job.spec.template as { spec?: unknown }).spec, 'restartPolicy') === 'OnFailure';
  if (state.failed + (inPlace ? state.restarts : 0) > (numberAt(job.spec, 'backoffLimit') ?? 6))
    return {
      type: 'Failed',
      reason: 'BackoffLimitExceeded',
      message: 'Job has reached the specified backoff limit',
    };
  const left = deadlineIn(job, now);
  if (left !== null && left <= 0)
    return { type: 'Failed', reason: 'DeadlineExceeded', message: 'Job was active longer than specified deadline' };
  const completions = numberAt(job.spec, 'completions');
  const reached: JobEnd = {
    type: 'Complete',
    reason: 'CompletionsReached',
    message: 'Reached expected number of succeeded pods',
  };
  if (completions !== null) return state.succeeded >= completions ? reached : null;
  // without a number of completions the first success says that the work is done; the others come to their end
  return state.succeeded > 0 && state.active.length === 0 ? reached : null;
}
