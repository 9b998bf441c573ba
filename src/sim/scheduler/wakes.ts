/**
 * Which events may make a pod schedulable that a plugin rejected: kube-scheduler's queueing hints, as far as they decide who is
 * looked at again. For extenders it registers everything, without a hint.
 */
import { selectsNode, toleratesNode } from './in-tree.ts';
import type { NodeState } from './node-state.ts';
import type { PodInfo } from './pod-info.ts';

export type Rejecter =
  | 'Extender'
  | 'NodeAffinity'
  | 'NodeName'
  | 'NodeResourcesFit'
  | 'NodeUnschedulable'
  | 'TaintToleration';

/** what of a node changed; heartbeats and leases are no change */
export type NodeChange = 'allocatable' | 'labels' | 'taints' | 'annotations' | 'conditions';
export type PodChange = 'labels' | 'tolerations' | 'other';

export type ClusterEvent =
  | { readonly kind: 'node-added'; readonly node: NodeState }
  | { readonly kind: 'node-updated'; readonly node: NodeState; readonly changes: ReadonlySet<NodeChange> }
  | { readonly kind: 'node-removed' }
  | { readonly kind: 'pod-assigned' | 'assigned-pod-updated' | 'assigned-pod-deleted'; readonly pod: PodInfo }
  | { readonly kind: 'own-update'; readonly changes: ReadonlySet<PodChange> };

/** Would the node do if it were empty? */
function couldFit(info: PodInfo, node: NodeState): boolean {
  for (const [name, wanted] of info.requests) if (wanted > (node.allocatable.get(name) ?? 0)) return false;
  return true;
}

function sharesResources(info: PodInfo, other: PodInfo): boolean {
  for (const [name, wanted] of info.requests) if (wanted > 0 && (other.requests.get(name) ?? 0) > 0) return true;
  return false;
}

/** `fits`: what the plugin asks of a node that came or changed in one of `changes`. */
function node(event: ClusterEvent, changes: readonly NodeChange[], fits: (state: NodeState) => boolean): boolean {
  if (event.kind === 'node-added') return fits(event.node);
  return event.kind === 'node-updated' && changes.some((one) => event.changes.has(one)) && fits(event.node);
}

/** May this event help this pod, which this plugin rejected? */
export function wakes(info: PodInfo, rejecter: Rejecter, event: ClusterEvent): boolean {
  switch (rejecter) {
    case 'Extender':
      return true;
    case 'NodeResourcesFit':
      if (event.kind === 'assigned-pod-deleted') return sharesResources(info, event.pod);
      return node(event, ['allocatable', 'labels', 'taints'], (state) => couldFit(info, state));
    case 'NodeAffinity':
      return node(event, ['labels'], (state) => selectsNode(info.pod, state.node));
    case 'NodeUnschedulable':
      return node(event, ['taints'], (state) => state.node.spec?.unschedulable !== true);
    case 'TaintToleration':
      if (event.kind === 'own-update') return event.changes.has('tolerations');
      return node(event, ['taints'], (state) => toleratesNode(info.pod, state.node));
    case 'NodeName':
      return event.kind === 'node-added';
  }
}
