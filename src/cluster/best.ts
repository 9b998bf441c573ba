/** The best of the nodes that kube-scheduler offers. */
import type { NodeInfo } from '../core/placement/node-info.ts';
import type { NodeTable } from '../core/placement/node-table.ts';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import type { ShapeIndex } from '../core/placement/shape-index.ts';
import type { Offered } from './offered.ts';

/** Up to `count` offered nodes with room for everything the pod needs, best first. Hot. */
export function bestOffered(
  index: ShapeIndex,
  nodes: NodeTable,
  pod: PodFacts,
  offered: Offered,
  count: number,
): NodeInfo[] {
  const found: NodeInfo[] = [];
  const consider = (slot: number): boolean => {
    const node = nodes.at(slot);
    if (node !== null && node.lacks(pod.needs) === null) found.push(node);
    return found.length < count;
  };
  if (offered.slots.length === 1) {
    // a nominated node: no need to rank anything
    const slot = offered.slots[0]!;
    if (slot >= 0 && index.ranking.value(slot) >= 0) consider(slot);
  } else {
    index.ranking.walk((slot) => !offered.has(slot) || consider(slot));
  }
  return found;
}
