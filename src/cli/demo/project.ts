/** From API objects to the facts that the model takes. */
import { CLAIM, GPU_COUNT, GPU_FRACTION, GPU_MEMORY, POD_GROUP_LABEL } from '../../core/names.ts';
import { arrayAt, isObject, type JsonObject, type KubeObject, numberAt, textAt } from '../../sim/api/object.ts';
import type { ClaimedShare, PodFacts } from './events.ts';

/** label whose value gives a pod its colour */
export const TEAM = 'team';
export const URGENT_CLASS = 'demo-urgent';

export function podFacts(pod: KubeObject): PodFacts {
  const { uid, name, labels = {}, annotations = {}, creationTimestamp, deletionTimestamp } = pod.metadata;
  const claim = annotations[CLAIM];
  return {
    uid,
    name,
    team: labels[TEAM] ?? labels.app ?? '',
    gang: labels[POD_GROUP_LABEL] ?? '',
    ask: askOf(annotations),
    urgent: textAt(pod.spec, 'priorityClassName') === URGENT_CLASS,
    createdMs: Date.parse(creationTimestamp),
    node: textAt(pod.spec, 'nodeName'),
    phase: textAt(pod.status, 'phase'),
    message: textAt(pod.status, 'message'),
    reason: reasonOf(pod),
    claim: claim === undefined ? null : claimOf(claim),
    deleting: deletionTimestamp !== undefined,
    preempted: arrayAt(pod.status, 'conditions').some(
      (one) => textAt(one, 'type') === 'DisruptionTarget' && textAt(one, 'reason') === 'PreemptionByScheduler',
    ),
  };
}

/** `0.3 GPU`, `8Gi GPU`, `2 × 0.4 GPU`, `4 GPUs`, `no GPU` */
function askOf(annotations: Readonly<Record<string, string>>): string {
  const count = Number(annotations[GPU_COUNT] ?? 1);
  const share = annotations[GPU_FRACTION] ?? annotations[GPU_MEMORY];
  if (share !== undefined) return count > 1 ? `${count} × ${share} GPU` : `${share} GPU`;
  if (annotations[GPU_COUNT] === undefined) return 'no GPU';
  return count === 1 ? '1 GPU' : `${count} GPUs`;
}

/** Text: what is wrong with it. */
function claimOf(text: string): readonly ClaimedShare[] | string {
  let claim: unknown;
  try {
    claim = JSON.parse(text);
  } catch {
    return 'is not JSON';
  }
  return arrayAt(claim, 'containers').flatMap((container) =>
    arrayAt(container, 'devices')
      .filter(isObject)
      .map((device: JsonObject) => ({
        uuid: textAt(device, 'uuid'),
        index: numberAt(device, 'index') ?? null,
        mib: numberAt(device, 'mib') ?? 0,
        milli: numberAt(device, 'milli') ?? 0,
      })),
  );
}

/** Why the scheduler left the pod waiting, without the count of nodes. */
function reasonOf(pod: KubeObject): string {
  const condition = arrayAt(pod.status, 'conditions').find((one) => textAt(one, 'type') === 'PodScheduled');
  if (textAt(condition, 'status') !== 'False') return '';
  return textAt(condition, 'message').replace(/^0\/\d+ nodes are available:? ?/, '');
}
