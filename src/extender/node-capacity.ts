/**
 * Keeps `muster.dev/gpu-milli` in the status of managed nodes, so that kube-scheduler's own fit, quotas and autoscalers see the
 * sum. Only while this extender decides. One write per node that differs, a few at a time; a write that fails is tried again
 * after a pause, with what the node looks like then.
 */
import type { NodeInventory } from '../cluster/inventory/node-inventory.ts';
import { capacityPatch } from '../cluster/node-capacity.ts';
import { backoffMs } from '../kube/backoff.ts';
import { strategicPatch } from '../kube/patch.ts';
import type { Clock, Rng, Transport } from '../kube/ports.ts';

const CONCURRENT = 8;
const TIMEOUT_MS = 5_000;

export type NodeCapacityOptions = {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly inventory: NodeInventory;
  readonly mayWrite: () => boolean;
  /** status 0: no answer came */
  readonly onFailure: (node: string, status: number) => void;
};

export class NodeCapacity {
  readonly #options: NodeCapacityOptions;
  readonly #due = new Set<string>();
  readonly #failures = new Map<string, number>();
  #running = 0;
  #stopped = false;

  constructor(options: NodeCapacityOptions) {
    this.#options = options;
  }

  /** A node changed: its status is compared and, if need be, written. */
  touch(name: string): void {
    // compared at once: nearly every event is a heartbeat of a node that is right already
    if (this.#stopped || !this.#options.mayWrite()) return;
    if (this.#patch(name) === null) return void this.#failures.delete(name);
    this.#due.add(name);
    this.#pump();
  }

  /** After taking over, or after the first sync: every node. */
  touchAll(): void {
    for (const { object } of this.#options.inventory.values()) this.touch(object.name);
  }

  stop(): void {
    this.#stopped = true;
    this.#due.clear();
  }

  #patch(name: string) {
    const known = this.#options.inventory.get(name);
    return known === undefined ? null : capacityPatch(known.object, known.inventory.devices);
  }

  #pump(): void {
    for (const name of this.#due) {
      if (this.#running >= CONCURRENT) return;
      this.#due.delete(name);
      this.#running++;
      void this.#write(name).finally(() => {
        this.#running--;
        this.#pump();
      });
    }
  }

  async #write(name: string): Promise<void> {
    const patch = this.#patch(name);
    if (patch === null || this.#stopped || !this.#options.mayWrite()) return;
    let status = 0;
    try {
      status = (
        await this.#options.transport.request(strategicPatch({ path: patch.path, timeoutMs: TIMEOUT_MS }, patch.body))
      ).status;
    } catch {
      // no answer: written again below; the patch says what is, so twice does no harm
    }
    if (status >= 200 && status < 300) {
      this.#failures.delete(name);
      return;
    }
    // 404 and 409 are nobody's fault: the node is gone or another one of that name, which its own event will show, or the server
    // gave up on a node that others write to all the time, which no event shows
    if (status !== 404 && status !== 409) this.#options.onFailure(name, status);
    const failures = (this.#failures.get(name) ?? 0) + 1;
    this.#failures.set(name, failures);
    this.#options.clock.after(backoffMs(failures, null, this.#options.rng), () => this.touch(name));
  }
}
