/** Pods that nobody prepared for a managed node: the webhook did not see them, or they were edited after it did. */
import { gpuMilliOf } from '../core/gpu/gpu-milli.ts';
import { GPU_MILLI } from '../core/names.ts';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import type { ReasonCode } from '../core/reasons.ts';

/** Why this pod may not go to managed nodes at all, null if it may. */
export function guardCode(pod: PodFacts): ReasonCode | null {
  if (!pod.envSafe) return 'pod-without-env';
  // whoever edits the request after admission would pass quotas and kube-scheduler's own sums
  const said = pod.needs[GPU_MILLI];
  if (said === undefined || pod.ask.kind !== 'request') return null;
  return said < gpuMilliOf(pod.ask.request, Number.MAX_SAFE_INTEGER) ? 'gpu-milli-short' : null;
}
