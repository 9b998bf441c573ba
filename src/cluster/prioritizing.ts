/** What prioritize answers: filter's own order for a pod that it has just placed, and nodes without GPUs for pods without. */
import type { PodFacts } from '../core/placement/pod-facts.ts';
import { goesByOrder } from '../core/placement/policies/as-good.ts';
import { bestOffered } from './best.ts';
import type { NodeScore } from './decider.ts';
import type { Offered } from './offered.ts';
import type { Parts } from './parts.ts';

/** 0…10; nodes left out have 0. */
export function scoresOf(parts: Parts, pod: PodFacts, offered: Offered): readonly NodeScore[] {
  const ranked = parts.picture.holds.get(pod.uid)?.ranked;
  if (ranked === undefined) return withoutGpus(parts, pod, offered);
  const place = new Map(ranked.map((node, at) => [node, at]));
  return offered.names.map((node) => ({ node, score: Math.max(0, 10 - (place.get(node) ?? 10)) }));
}

/**
 * A pod without GPUs leaves the nodes that have them to others. Where only such nodes are offered, the one that loses least
 * by it, in the eyes of the node policy, is half as good. The others are left out: thousands of zeros cost more than the decision.
 */
function withoutGpus({ picture, shapes, placer }: Parts, pod: PodFacts, offered: Offered): readonly NodeScore[] {
  const { nodes } = picture;
  const others: NodeScore[] = [];
  for (const [at, slot] of offered.slots.entries())
    if (!nodes.at(slot)?.facts?.managed) others.push({ node: offered.nameAt(at), score: 10 });
  if (pod.ask.kind !== 'none' || others.length > 0) return others;
  const own = shapes.indexOf(pod, null);
  // with a placer kube-scheduler samples: the fullest node stands for the first one
  const index = placer && goesByOrder(own.shape.nodePolicy) ? shapes.packedIndexOf(pod, null) : own;
  const best = bestOffered(index, nodes, pod, offered, 1)[0]?.name;
  return best === undefined ? [] : [{ node: best, score: 5 }];
}
