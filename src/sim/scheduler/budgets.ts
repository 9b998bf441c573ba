/** PodDisruptionBudgets as a dry run counts them. They never stop a preemption: they only make a node less attractive. */
import { isObject, type KubeObject, numberAt, objectAt } from '../api/object.ts';
import { matchesLabelSelector } from '../api/selectors.ts';
import type { PodInfo } from './pod-info.ts';

export type Budget = {
  readonly namespace: string;
  readonly selector: unknown;
  readonly allowed: number;
  /** pods already counted against it */
  readonly disrupted: ReadonlySet<string>;
};

export function readBudget(object: KubeObject): Budget {
  return {
    namespace: object.metadata.namespace ?? '',
    selector: object.spec?.selector,
    allowed: numberAt(object.status, 'disruptionsAllowed') ?? 0,
    disrupted: new Set(Object.keys(objectAt(object.status, 'disruptedPods'))),
  };
}

/** Splits pods, given in order of importance, into those whose eviction would break a budget and the others. */
export function violating(pods: readonly PodInfo[], budgets: readonly Budget[]): [PodInfo[], PodInfo[]] {
  const left = budgets.map((budget) => budget.allowed);
  const guarded: PodInfo[] = [];
  const free: PodInfo[] = [];
  for (const info of pods) {
    const labels = info.pod.metadata.labels ?? {};
    let broken = false;
    for (const [at, budget] of budgets.entries()) {
      if (Object.keys(labels).length === 0 || budget.namespace !== info.namespace) continue;
      // kube-scheduler up to 1.37 takes an empty selector for one that selects nothing
      if (!isObject(budget.selector) || Object.keys(budget.selector).length === 0) continue;
      if (!matchesLabelSelector(budget.selector, labels) || budget.disrupted.has(info.name)) continue;
      left[at]! -= 1;
      if (left[at]! < 0) broken = true;
    }
    (broken ? guarded : free).push(info);
  }
  return [guarded, free];
}
