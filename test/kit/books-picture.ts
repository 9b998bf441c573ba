/** Real books over nodes and pods given as facts: what the extender starts with in tests that need no informers. */
import { Books } from '../../src/cluster/books.ts';
import { conditionOf } from '../../src/cluster/condition.ts';
import { NodeInventory } from '../../src/cluster/inventory/node-inventory.ts';
import { Picture } from '../../src/cluster/picture.ts';
import { projectPod } from '../../src/cluster/projection/pod.ts';
import type { NodeFacts } from '../../src/core/placement/node-facts.ts';
import type { PodFacts } from '../../src/core/placement/pod-facts.ts';
import type { MakePicture } from '../../src/extender/picture.ts';

export function booksPicture(
  nodes: readonly NodeFacts[],
  pods: readonly PodFacts[] = [],
  { envGuard = false }: { envGuard?: boolean } = {},
): { picture: Picture; makePicture: MakePicture } {
  const picture = new Picture();
  const inventory = new NodeInventory(() => {});
  for (const node of nodes) picture.nodes.setFacts(node.name, node);
  for (const pod of pods) picture.upsertPod(pod);
  const makePicture: MakePicture = ({ clock, config }) => {
    const books = new Books(picture, clock, {
      nodePolicy: config.nodePolicy,
      devicePolicy: config.devicePolicy,
      holdMs: config.holdSeconds * 1000,
      envGuard,
      placer: config.placer.enabled,
    });
    return {
      decider: books,
      planner: books,
      picture,
      projectPod,
      start: async () => {},
      refresh: async () => {},
      stop: async () => {},
      condition: () => conditionOf(picture, inventory),
      synced: () => true,
      devices: (name) => picture.nodes.get(name)?.facts?.devices ?? [],
      sweep: () => books.sweep(),
      overdue: () => books.overdue(),
      toWake: () => books.toWake(),
      onDeciding: () => {},
      holdsByCause: () => picture.holds.countByCause(),
      waiting: () => picture.waiting(),
      cacheAgeSeconds: () => new Map(),
      relists: () => new Map(),
    };
  };
  return { picture, makePicture };
}
