/** The Eviction subresource: whether PodDisruptionBudgets allow that this pod goes now. */
import { ApiError } from './errors.ts';
import { arrayAt, type KubeObject, numberAt, objectAt, textAt, timestamp } from './object.ts';
import { isTerminal } from './pod-rules.ts';
import { matchesLabelSelector } from './selectors.ts';

const REFUSED = "Cannot evict pod as it would violate the pod's disruption budget.";

export function isReady(pod: KubeObject): boolean {
  return arrayAt(pod.status, 'conditions').some(
    (one) => textAt(one, 'type') === 'Ready' && textAt(one, 'status') === 'True',
  );
}

/**
 * The budget as the eviction leaves it, to be stored before the pod is deleted; null when none guards the pod.
 * Throws 429 when a budget is exhausted, 500 when more than one matches (Kubernetes supports one only).
 */
export function spendDisruption(pod: KubeObject, budgets: readonly KubeObject[], nowMs: number): KubeObject | null {
  const phase = textAt(pod.status, 'phase');
  if (isTerminal(pod) || phase === 'Pending' || pod.metadata.deletionTimestamp !== undefined) return null;
  const guarding = budgets.filter((budget) =>
    matchesLabelSelector(objectAt(budget, 'spec').selector, pod.metadata.labels ?? {}),
  );
  if (guarding.length > 1) {
    throw new ApiError(
      'InternalError',
      'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
    );
  }
  const budget = guarding[0];
  if (budget === undefined) return null;
  const name = budget.metadata.name;
  // a pod that is not ready disturbs nobody: always, or as long as enough others are
  if (!isReady(pod)) {
    const policy = textAt(budget.spec, 'unhealthyPodEvictionPolicy') || 'IfHealthyBudget';
    const healthy = numberAt(budget.status, 'currentHealthy') ?? 0;
    const needed = numberAt(budget.status, 'desiredHealthy') ?? 0;
    if (policy === 'AlwaysAllow' || (healthy >= needed && needed > 0)) return null;
  }
  const observed = numberAt(budget.status, 'observedGeneration') ?? 0;
  if (observed < (budget.metadata.generation ?? 0)) {
    const message = `The disruption budget ${name} is still being processed by the server.`;
    throw new ApiError('TooManyRequests', REFUSED, {
      causes: [{ reason: 'DisruptionBudget', message }],
      retryAfterSeconds: 10,
    });
  }
  const allowed = numberAt(budget.status, 'disruptionsAllowed') ?? 0;
  if (allowed <= 0) {
    const needed = numberAt(budget.status, 'desiredHealthy') ?? 0;
    const healthy = numberAt(budget.status, 'currentHealthy') ?? 0;
    const message = `The disruption budget ${name} needs ${needed} healthy pods and has ${healthy} currently`;
    throw new ApiError('TooManyRequests', REFUSED, { causes: [{ reason: 'DisruptionBudget', message }] });
  }
  const disruptedPods = { ...objectAt(budget.status, 'disruptedPods'), [pod.metadata.name]: timestamp(nowMs) };
  return { ...budget, status: { ...budget.status, disruptionsAllowed: allowed - 1, disruptedPods } };
}
