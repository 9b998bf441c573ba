/** Request bodies of filter and prioritize. */
import { seededRng } from '../src/sim/seeded-rng.ts';
import { podObject } from './pods.ts';

/** `same`: one order for all. `shuffled`: another order in every body, as 16 goroutines of kube-scheduler make it; the real one. */
export type Order = 'same' | 'shuffled';

/** One body per pod; more than the extender remembers, fewer than a client needs memory for. */
export const BODIES = 64;

export function filterBodies(names: readonly string[], order: Order, gpu = true, count = BODIES): Buffer[] {
  const rng = seededRng(7);
  return Array.from({ length: count }, (_, at) => {
    const pod = podObject(at, gpu ? at : null);
    const list = order === 'same' ? names : shuffled(names, () => rng.next());
    return Buffer.from(JSON.stringify({ Pod: pod, Nodes: null, NodeNames: list }));
  });
}

/** For a scheduler that is not nodeCacheCapable: full Node objects, about 3 kB each. */
export function fullNodeBodies(names: readonly string[], count: number): Buffer[] {
  const items = names.map((name) => ({
    metadata: {
      name,
      uid: `uid-${name}`,
      labels: Object.fromEntries(
        Array.from({ length: 20 }, (_, at) => [`feature.node.kubernetes.io/label-${at}`, `value-${at}`]),
      ),
      annotations: { 'node.alpha.kubernetes.io/ttl': '0' },
    },
    spec: { providerID: `aws:///eu-west-1a/${name}` },
    status: {
      allocatable: { cpu: '128', memory: '1Ti', pods: '250' },
      conditions: ['MemoryPressure', 'DiskPressure', 'PIDPressure', 'Ready'].map((type) => ({
        type,
        status: type === 'Ready' ? 'True' : 'False',
        reason: 'KubeletSays',
        message: 'kubelet reports its condition',
      })),
      images: Array.from({ length: 10 }, (_, at) => ({
        names: [`registry.example.com/image-${at}@sha256:${'0'.repeat(64)}`],
        sizeBytes: 1_000_000,
      })),
    },
  }));
  return Array.from({ length: count }, (_, at) =>
    Buffer.from(JSON.stringify({ Pod: podObject(at), Nodes: { metadata: {}, items }, NodeNames: null })),
  );
}

export function shuffled<T>(list: readonly T[], random: () => number): T[] {
  const copy = [...list];
  for (let at = copy.length - 1; at > 0; at--) {
    const other = Math.floor(random() * (at + 1));
    [copy[at], copy[other]] = [copy[other]!, copy[at]!];
  }
  return copy;
}
