/**
 * Makes room for a pod where only fragmentation is in the way: kube-scheduler, by its sums, sees room and never asks for victims. The
 * search is the preempt verb's; evictions go through the Eviction API, so disruption budgets count. What is freed is kept for the pod,
 * and its nomination (without a plan) says so, should this process end meanwhile. Rooms for whole gangs: `evict-for-gang.ts`.
 */
import type { Picture } from '../cluster/picture.ts';
import type { Planner } from '../cluster/planner.ts';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import { strategicPatch } from '../kube/patch.ts';
import type { Clock, KubeRequest, Rng, Transport } from '../kube/ports.ts';
import { evictForGang } from './evict-for-gang.ts';
import { insist } from './insist.ts';

export type EvictorOptions = {
  readonly picture: Picture;
  readonly planner: Planner;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly mayDecide: () => boolean;
  readonly onProblem: (message: string, details: object) => void;
};

/** A search looks at many nodes and everybody waits for the one thread: so often at most, ms. */
const SEARCH_MS = 5_000;
const TIMEOUT_MS = 5_000;

export class Evictor {
  readonly #options: EvictorOptions;
  #searchAt = 0;

  constructor(options: EvictorOptions) {
    this.#options = options;
  }

  get due(): boolean {
    return this.#options.clock.monotonic() >= this.#searchAt;
  }

  /** Looks for victims, and evicts them without being waited for. */
  makeRoomFor(pod: PodFacts): void {
    const { planner, clock, picture, onProblem } = this.#options;
    this.#searchAt = clock.monotonic() + SEARCH_MS;
    const found = planner.evictFor(pod.uid);
    if (found === null) return;
    const victims = found.victims.flatMap((uid) => picture.pod(uid) ?? []);
    onProblem('evicts for a pod that only fragmentation keeps waiting', {
      pod: `${pod.namespace}/${pod.name}`,
      node: found.node,
      victims: victims.map(({ namespace, name }) => `${namespace}/${name}`),
    });
    void this.#carryOut(pod, found.node, victims);
  }

  /** The same for a whole gang. False: nobody's end would help it, or nobody may be evicted for it. `onGaveUp`: an eviction was refused. */
  makeRoomForGang(gang: string, onGaveUp: () => void): boolean {
    const { planner, clock, picture, onProblem } = this.#options;
    this.#searchAt = clock.monotonic() + SEARCH_MS;
    const found = planner.evictForGang(gang);
    if (found === null) return false;
    const nameOf = (uid: string): string => {
      const pod = picture.pod(uid);
      return pod === undefined ? uid : `${pod.namespace}/${pod.name}`;
    };
    onProblem('evicts for a gang that pods of lower priority keep waiting', {
      gang,
      victims: found.victims.map(nameOf),
      broken: found.brokenGangs,
    });
    void evictForGang(gang, found, this.#options).then((done) => {
      if (!done) onGaveUp();
    });
    return true;
  }

  async #carryOut(pod: PodFacts, node: string, victims: readonly PodFacts[]): Promise<void> {
    const { mayDecide, picture } = this.#options;
    const goesOn = (): boolean => mayDecide() && picture.holds.get(pod.uid)?.cause === 'awaiting';
    if (!(await insist(nominationOf(pod, node), goesOn, this.#options))) return;
    await Promise.all(victims.map((victim) => insist(evictionOf(victim), goesOn, this.#options)));
  }
}

/** `node` null: it is nominated nowhere any more. */
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
