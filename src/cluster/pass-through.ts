/**
 * Pods whose GPUs are not Muster's to choose: no GPU at all, the vendor's own plugin on unmanaged nodes, requests that cannot
 * be served. Only one question is answered: may they be on a node managed by Muster?
 */
import { admits } from '../core/placement/constraints.ts';
import type { NodeTable } from '../core/placement/node-table.ts';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import type { ReasonCode } from '../core/reasons.ts';
import type { FilterAnswer, Refusal } from './decider.ts';
import type { Offered } from './offered.ts';

/**
 * `guarded`: why the pod may not be on managed nodes whatever it asks (null: it may); `near`: the pod as its gang binds it to a domain.
 * Holds nothing, decides nothing.
 */
export function passThrough(
  pod: PodFacts,
  offered: Offered,
  nodes: NodeTable,
  guarded: ReasonCode | null,
  near = pod,
): FilterAnswer {
  const managed = onManaged(pod, guarded);
  const unmanaged = onUnmanaged(pod);
  if (managed === null && unmanaged === null && near === pod) return { all: true, fits: [], refused: [] };
  const fits: string[] = [];
  const refused: Refusal[] = [];
  for (let at = 0; at < offered.count; at++) {
    const node = offered.nameAt(at);
    const facts = nodes.at(offered.slots[at]!)?.facts;
    const far = near === pod || facts == null ? null : admits(facts, near.constraints);
    const code = facts == null ? 'node-unknown' : ((facts.managed ? managed : unmanaged) ?? far);
    if (code === null) fits.push(node);
    else refused.push({ node, code });
  }
  return { all: false, fits, refused };
}

function onManaged(pod: PodFacts, guarded: ReasonCode | null): ReasonCode | null {
  if (pod.ask.kind === 'invalid') return pod.ask.mig ? 'mig-unsupported' : 'request-invalid';
  if (pod.ask.kind === 'unmanaged') return 'node-managed';
  return guarded;
}

function onUnmanaged(pod: PodFacts): ReasonCode | null {
  if (pod.ask.kind === 'invalid') return pod.ask.mig ? null : 'request-invalid';
  // without the webhook a pod still carries the vendor's resource: its plugin and kube-scheduler count there, not we
  if (pod.ask.kind === 'request') return Object.keys(pod.needs).some(isVendorGpu) ? null : 'node-unmanaged';
  return null;
}

function isVendorGpu(resource: string): boolean {
  return resource.startsWith('nvidia.com/') || resource.startsWith('aliyun.com/gpu');
}
