/**
 * The writes that make a decision known, one PATCH each. The uid in them is a precondition: a pod created anew under the name is another
 * one. Gates are taken off by name, never as a list: other tools have theirs.
 */
import { PLACED_CONDITION, PLACEMENT_GATE, PLAN } from '../core/names.ts';
import { encodePlan } from '../core/placement/plan-json.ts';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import { strategicPatch } from '../kube/patch.ts';
import type { KubeRequest } from '../kube/ports.ts';
import type { Write } from './next-write.ts';
import { condition, reported } from './report.ts';

export type PatchOptions = {
  readonly timeoutMs: number;
  /** wall clock, ms since the epoch */
  readonly now: number;
  /** how long the plan counts, ms */
  readonly planMs: number;
};

export function patchFor(pod: PodFacts, write: Write, { timeoutMs, now, planMs }: PatchOptions): KubeRequest {
  const { uid } = pod;
  if (write.kind === 'lift') {
    const schedulingGates = [{ $patch: 'delete', name: PLACEMENT_GATE }];
    return strategicPatch(podTarget(pod, '', timeoutMs), { metadata: { uid }, spec: { schedulingGates } });
  }
  const status = (annotations: object, fields: object): KubeRequest =>
    strategicPatch(podTarget(pod, '/status', timeoutMs), { metadata: { uid, ...annotations }, status: fields });
  if (write.kind === 'report') return status({}, { conditions: [reported(write.code, now)] });
  if (write.kind === 'withdraw')
    return status({ annotations: { [PLAN]: null } }, write.nominated ? { nominatedNodeName: null } : {});
  const { node, claim, gang } = write.hold;
  return status(
    { annotations: { [PLAN]: encodePlan({ node, claim, gang, until: now + planMs }) } },
    { nominatedNodeName: node, ...(write.clear && { conditions: [placed(now)] }) },
  );
}

/** It was said to be without a place, and has one since: bound without a nomination of ours. */
export function placedPatch(pod: PodFacts, timeoutMs: number, now: number): KubeRequest {
  const { uid } = pod;
  return strategicPatch(podTarget(pod, '/status', timeoutMs), {
    metadata: { uid },
    status: { conditions: [placed(now)] },
  });
}

const podTarget = ({ namespace, name }: PodFacts, part: '' | '/status', timeoutMs: number) => ({
  path: `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}${part}?timeout=${timeoutMs}ms`,
  timeoutMs,
});

const placed = (now: number): object => condition(PLACED_CONDITION, 'True', 'Placed', '', now);
