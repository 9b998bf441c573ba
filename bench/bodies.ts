/** Request bodies of filter and prioritize. */
import { seededRng } from '../src/sim/seeded-rng.ts';
import { podObject } from './pods.ts';

/** `same`: one order for all. `shuffled`: another order in every body, as 16 goroutines of kube-scheduler make it; the real one. */
export type Order = 'same' | 'shuffled';

/** Pods with serial numbers below are known to the extender as pending, as its informer knows nearly all that it is asked about. */
export const KNOWN_PODS = 1_000;
/** serial numbers from here on: pods it has not heard of yet */
export const STRANGERS = 200_000;
/** serial numbers from here on: pods without GPUs; the first `BODIES` of them are known too */
export const WITHOUT_GPUS = 100_000;

/** One body per pod; more than the extender remembers, fewer than a client needs memory for. */
export const BODIES = 64;

/** `first`: serial number of the first pod. */
export function filterBodies(
  names: readonly string[],
  order: Order,
  { gpu = true, count = BODIES, first = 0 }: { gpu?: boolean; count?: number; first?: number } = {},
): Buffer[] {
  const rng = seededRng(7);
  return Array.from({ length: count }, (_, at) => {
    const pod = gpu ? podObject(first + at) : podObject(WITHOUT_GPUS + first + at, null);
    const list = order === 'same' ? names : shuffled(names, () => rng.next());
    return Buffer.from(JSON.stringify({ Pod: pod, Nodes: null, NodeNames: list }));
  });
}

/** A pod that was given a place ahead: its status names the node. */
export const nominatedPod = (serial: number, nominatedNodeName: string): object => {
  const pod = podObject(serial) as { status: object };
  return { ...pod, status: { ...pod.status, nominatedNodeName } };
};

/** kube-scheduler offers nothing but the node that the pod's status names. `nodes`: of the pods with the serial numbers 0, 1, … */
export const nominatedBodies = (nodes: readonly string[]): Buffer[] =>
  nodes.map((node, serial) =>
    Buffer.from(JSON.stringify({ Pod: nominatedPod(serial, node), Nodes: null, NodeNames: [node] })),
  );

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
