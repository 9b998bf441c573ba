/** May a hold still be bound? Its node and its devices may have changed under it, and its pod too. */
import { claimStands } from '../core/gpu/stands.ts';
import { compileConstraints } from '../core/placement/constraints.ts';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import type { ReasonCode } from '../core/reasons.ts';
import type { Hold } from './holds.ts';
import type { Picture } from './picture.ts';
import type { Shapes } from './shapes.ts';

/** Hot: a nominated pod is only confirmed. null: the hold's node still admits the pod and its devices are still there and healthy. */
export function objectionTo(hold: Hold, pod: PodFacts, { nodes }: Picture, shapes: Shapes): ReasonCode | null {
  const node = nodes.get(hold.node);
  if (node?.facts == null) return 'node-unknown';
  if (hold.claim === null) return compileConstraints(pod.constraints).admits(node.facts);
  // the request was edited since: what was held is not what is asked
  if (pod.ask.kind !== 'request' || hold.pod.ask.kind !== 'request') return 'request-invalid';
  if (pod !== hold.pod && shapes.keyOf(pod, pod.ask.request) !== shapes.keyOf(hold.pod, hold.pod.ask.request))
    return 'request-invalid';
  if (!node.facts.managed) return 'node-unmanaged';
  // that it is full by now is no objection: it is full because of this hold
  const barred = shapes.shapeOf(pod, pod.ask.request).constraints.admits(node.facts);
  if (barred !== null) return barred;
  if (node.useUnknown) return 'gpu-unknown-use';
  return claimStands(node.ledger, pod.ask.request, hold.claim) ? null : 'gpu-full';
}
