/** What is written where pods are evicted for others: the eviction itself, and the nomination that says for whom. */
import type { Picture } from '../cluster/picture.ts';
import type { Planner } from '../cluster/planner.ts';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import { strategicPatch } from '../kube/patch.ts';
import type { Clock, KubeRequest, Rng, Transport } from '../kube/ports.ts';

const TIMEOUT_MS = 5_000;

export type EvictorOptions = {
  readonly picture: Picture;
  readonly planner: Planner;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly mayDecide: () => boolean;
  readonly onProblem: (message: string, details: object) => void;
};

export const nominationOf = (pod: PodFacts, node: string | null): KubeRequest =>
  strategicPatch(
    { path: `${podPath(pod)}/status`, timeoutMs: TIMEOUT_MS },
    { metadata: { uid: pod.uid }, status: { nominatedNodeName: node } },
  );

const podPath = ({ namespace, name }: PodFacts): string =>
  `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}`;

export const evictionOf = (victim: PodFacts): KubeRequest => ({
  method: 'POST',
  path: `${podPath(victim)}/eviction`,
  body: {
    apiVersion: 'policy/v1',
    kind: 'Eviction',
    metadata: { namespace: victim.namespace, name: victim.name },
    deleteOptions: { preconditions: { uid: victim.uid } },
  },
  timeoutMs: TIMEOUT_MS,
});
