/** The texts by which kube-scheduler says why a pod has no node: on the pod's condition and in its event. */

/** reason → on how many nodes */
export type Reasons = Map<string, number>;

export const NO_NODES = 'no nodes available to schedule pods';

export function count(reasons: Reasons, reason: string): void {
  reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
}

function histogram(reasons: Reasons): string {
  return [...reasons]
    .map(([reason, times]) => `${times} ${reason}`)
    .sort()
    .join(', ');
}

/** `0/3 nodes are available: 2 <reason>, 1 <reason>. <what preemption came to>` */
export function fitError(all: number, reasons: Reasons, afterwards = ''): string {
  const counted = histogram(reasons);
  return `0/${all} nodes are available:${counted === '' ? '' : ` ${counted}.`}${afterwards === '' ? '' : ` ${afterwards}`}`;
}
