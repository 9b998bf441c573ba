/**
 * Makes room for a pod where only fragmentation is in the way: kube-scheduler, by its sums, sees room and never asks for victims. The
 * search is the preempt verb's; evictions go through the Eviction API, so disruption budgets count. What is freed is kept for the pod,
 * and its nomination (without a plan) says so, should this process end meanwhile.
 */
import type { Picture } from '../cluster/picture.ts';
import type { Planner } from '../cluster/planner.ts';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import { backoffMs } from '../kube/backoff.ts';
import { strategicPatch } from '../kube/patch.ts';
import type { Clock, KubeRequest, Rng, Transport } from '../kube/ports.ts';

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
const ATTEMPTS = 6;
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

  async #carryOut(pod: PodFacts, node: string, victims: readonly PodFacts[]): Promise<void> {
    const nominated = strategicPatch(
      { path: `${podPath(pod)}/status`, timeoutMs: TIMEOUT_MS },
      { metadata: { uid: pod.uid }, status: { nominatedNodeName: node } },
    );
    if (!(await this.#insist(pod, nominated))) return;
    await Promise.all(victims.map((victim) => this.#insist(pod, eviction(victim))));
  }

  /** False: it was not carried out. A budget that allows nothing now (429) may soon, while the devices are kept. */
  async #insist(pod: PodFacts, request: KubeRequest): Promise<boolean> {
    const { transport, clock, rng, mayDecide, picture } = this.#options;
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      if (!mayDecide() || picture.holds.get(pod.uid)?.cause !== 'awaiting') return false;
      let retryAfterSeconds: number | null = null;
      try {
        const response = await transport.request(request);
        if (response.status < 300 || response.status === 404) return true;
        if (response.status !== 429 && response.status < 500) return false;
        retryAfterSeconds = response.retryAfterSeconds;
      } catch {
        // asked again: an eviction that happened is not one more
      }
      await new Promise<void>((resolve) => clock.after(backoffMs(attempt, retryAfterSeconds, rng), resolve));
    }
    return false;
  }
}

const podPath = ({ namespace, name }: PodFacts): string =>
  `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}`;

const eviction = (victim: PodFacts): KubeRequest => ({
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
