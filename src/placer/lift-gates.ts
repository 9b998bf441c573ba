/**
 * For an extender without a placer: pods that a placer's webhook left behind our gate are let through, or nobody ever would. Filter and
 * barrier decide for them from then on. Plans that were made for them are kept as far as they stand, and what is written about others
 * is taken back, as the placer would do it (`next-write.ts`).
 *
 * It acts only while its extender decides; writes are bounded, tried again with back-off, and begun anew with every term.
 */
import type { Picture } from '../cluster/picture.ts';
import { PLACEMENT_GATE } from '../core/names.ts';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import { TransportError } from '../kube/errors.ts';
import type { Clock, KubeRequest, Rng, Transport } from '../kube/ports.ts';
import { Lanes, type Sent } from './lanes.ts';
import { type Known, nextWrite, nothingKnown } from './next-write.ts';
import { patchFor, placedPatch } from './nominate.ts';

export type GateLifterOptions = {
  readonly picture: Picture;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly rng: Rng;
  /** writes under way at a time */
  readonly concurrency: number;
  /** a write ends by then, ms */
  readonly callDeadlineMs: number;
  /** pods that name another scheduler are not ours */
  readonly schedulerNames: readonly string[];
  readonly mayDecide: () => boolean;
  readonly onProblem: (message: string, details: object) => void;
};

export class GateLifter {
  readonly #options: GateLifterOptions;
  readonly #lanes: Lanes;
  readonly #known = new Map<string, Known>();
  /** said to be without a place; true again once they are bound */
  readonly #unplaced = new Set<string>();
  #told = false;

  constructor(options: GateLifterOptions) {
    this.#options = options;
    const { clock, rng, concurrency } = options;
    this.#lanes = new Lanes({ clock, rng, concurrency, step: (uid) => this.#step(uid) });
  }

  /** Listens to what happens to pods; before the first of them is known. */
  begin(): void {
    this.#options.picture.onPod = (uid) => this.#see(uid);
  }

  /** Its extender begins to decide. */
  decides(): void {
    this.#known.clear();
    for (const { uid } of this.#options.picture.pods()) this.#see(uid);
  }

  /** Resolves when the writes under way have their answers. */
  close(): Promise<void> {
    this.#options.picture.onPod = null;
    return this.#lanes.close();
  }

  #see(uid: string): void {
    const pod = this.#options.picture.pod(uid);
    if (pod === undefined || pod.terminal) this.#unplaced.delete(uid);
    else if (pod.nodeName === null && pod.unplacedReason !== null) this.#unplaced.add(uid);
    const stranded = pod !== undefined && this.#isStranded(pod);
    if (!stranded) this.#known.delete(uid);
    if (stranded || (pod?.nodeName != null && this.#unplaced.has(uid))) this.#lanes.add(uid);
  }

  #isStranded({ nodeName, terminal, terminating, schedulerName, gates }: PodFacts): boolean {
    if (nodeName !== null || terminal || terminating) return false;
    return gates.includes(PLACEMENT_GATE) && this.#options.schedulerNames.includes(schedulerName);
  }

  #step(uid: string): Promise<Sent> | null {
    const { picture, clock, mayDecide, callDeadlineMs: timeoutMs, onProblem } = this.#options;
    const pod = picture.pod(uid);
    if (pod === undefined || !mayDecide()) return null;
    if (pod.nodeName !== null) {
      if (!this.#unplaced.delete(uid)) return null;
      return this.#send(placedPatch(pod, timeoutMs, clock.now()), pod, () => {});
    }
    if (!this.#isStranded(pod)) return null;
    const known = this.#known.get(uid) ?? nothingKnown();
    this.#known.set(uid, known);
    if (known.lifted) return null;
    // a place that stands is on the pod already
    const hold = picture.holds.get(uid);
    const write =
      hold === undefined
        ? nextWrite({ ...pod, gates: [PLACEMENT_GATE] }, hold, { ...known, through: true }, clock.monotonic())
        : null;
    if (!this.#told)
      onProblem('no placer runs here: pods that wait behind its gate are let through', {
        first: `${pod.namespace}/${pod.name}`,
      });
    this.#told = true;
    if (write?.kind === 'withdraw')
      return this.#send(patchFor(pod, write, { timeoutMs, now: clock.now(), planMs: 0 }), pod, () => {
        known.withdrawn = write.plan;
      });
    return this.#send(patchFor(pod, { kind: 'lift' }, { timeoutMs, now: clock.now(), planMs: 0 }), pod, () => {
      known.lifted = true;
    });
  }

  async #send(request: KubeRequest, pod: PodFacts, done: () => void): Promise<Sent> {
    const { transport, onProblem } = this.#options;
    try {
      const { status, retryAfterSeconds } = await transport.request(request);
      if (status < 300) {
        done();
        return { kind: 'done' };
      }
      // another pod of that name, or none: the informer will say so
      if (status === 404) return { kind: 'over' };
      if (status !== 409 && status !== 429 && status < 500)
        onProblem('the API server refuses to let a pod through', { pod: `${pod.namespace}/${pod.name}`, status });
      return { kind: 'again', retryAfterSeconds };
    } catch (error) {
      // it may have happened: writing it again changes nothing
      if (error instanceof TransportError) return { kind: 'again', retryAfterSeconds: null };
      throw error;
    }
  }
}
