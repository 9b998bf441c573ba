/** Why a waiting pod is where it is: one row per node, from the same index that decides, changing nothing. */
import type { GpuRequest } from '../core/gpu/request.ts';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import type { ShapeIndex } from '../core/placement/shape-index.ts';
import type { ReasonCode } from '../core/reasons.ts';
import type { ExplainRow, PodExplained } from './decider.ts';
import type { Hold } from './holds.ts';
import { Offered } from './offered.ts';
import { passThrough } from './pass-through.ts';
import type { Picture } from './picture.ts';
import { shortfall } from './shortfall.ts';

/** What the decision itself says about this pod. */
export type Judged = {
  /** why it may not go to managed nodes at all */
  readonly guarded: ReasonCode | null;
  readonly indexOf: (request: GpuRequest) => ShapeIndex;
  /** why its hold does not stand any more, null if it does */
  readonly stands: (hold: Hold) => ReasonCode | null;
};

export function explainPod(picture: Picture, pod: PodFacts, { guarded, indexOf, stands }: Judged): PodExplained {
  // where it might have gone is no question any more, and what it allowed is not kept
  if (pod.nodeName !== null) return { pod, rows: [], hold: null };
  const hold = picture.holds.get(pod.uid);
  const index = pod.ask.kind === 'request' && guarded === null ? indexOf(pod.ask.request) : null;
  const names = [...picture.nodes.values()].map((node) => node.name).sort();
  const refused =
    index === null ? passThrough(pod, Offered.ofNames(names, picture.nodes), picture.nodes, guarded).refused : [];
  const passCode = new Map(refused.map((refusal) => [refusal.node, refusal.code]));
  const rows = names.map((node) => {
    if (node === hold?.node) return explainHeld(picture, hold, stands);
    const info = picture.nodes.get(node)!;
    const code = index === null ? (passCode.get(node) ?? null) : (index.reason(info.slot) ?? info.lacks(pod.needs));
    return { node, code, detail: shortfall(pod, info, code, (uid) => nameOf(picture, uid)) };
  });
  return { pod, rows, hold: hold === undefined ? null : `${hold.cause} hold on ${hold.node} (${hold.state})` };
}

/** The node where its own hold is in the pod's way. */
function explainHeld(picture: Picture, hold: Hold, stands: Judged['stands']): ExplainRow {
  const { node } = hold;
  if (hold.cause !== 'awaiting') {
    const code = stands(hold);
    return {
      node,
      code,
      detail: code === null ? 'kept for this pod' : 'kept for this pod, but the node has changed',
    };
  }
  const victims = hold.victims.filter((uid) => picture.pod(uid) !== undefined).map((uid) => nameOf(picture, uid));
  if (victims.length > 0) return { node, code: 'victims-terminating', detail: victims.sort().join(', ') };
  return { node, code: null, detail: 'kept for this pod, whose victims are gone' };
}

function nameOf(picture: Picture, uid: string): string {
  const pod = picture.pod(uid);
  return pod === undefined ? `pod ${uid}` : `${pod.namespace}/${pod.name}`;
}
