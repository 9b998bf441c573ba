/** Makes kube-scheduler try a waiting pod again: any change of an unscheduled pod does, so one annotation of ours is written. */
import { WOKEN } from '../core/names.ts';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import { backoffMs } from '../kube/backoff.ts';
import { strategicPatch } from '../kube/patch.ts';
import type { Clock, Rng, Transport } from '../kube/ports.ts';

const TIMEOUT_MS = 5_000;
const TELL_ATTEMPTS = 4;

export type WakerOptions = {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly mayWrite: () => boolean;
};

export class Waker {
  readonly #options: WakerOptions;

  constructor(options: WakerOptions) {
    this.#options = options;
  }

  /**
   * Resolves to false when it was not written, as far as is known; never rejects. It is not tried again: the books name the pod again
   * as long as it waits.
   */
  wake({ namespace, name, uid }: PodFacts): Promise<boolean> {
    const { transport, clock } = this.#options;
    const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}/status`;
    const annotations = { [WOKEN]: new Date(clock.now()).toISOString() };
    // the uid: a pod created anew under that name is another one
    return transport.request(strategicPatch({ path, timeoutMs: TIMEOUT_MS }, { metadata: { uid, annotations } })).then(
      ({ status }) => status < 300,
      () => false,
    );
  }

  /** A place is kept for it now: nothing else will make kube-scheduler try it again meanwhile, so this is tried more than once. */
  async tellOfPlace(pod: PodFacts, attempt = 1): Promise<void> {
    const { clock, rng, mayWrite } = this.#options;
    if (!mayWrite() || (await this.wake(pod)) || attempt === TELL_ATTEMPTS) return;
    clock.after(backoffMs(attempt, null, rng), () => void this.tellOfPlace(pod, attempt + 1));
  }
}
