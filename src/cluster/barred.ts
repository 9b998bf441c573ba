/**
 * Nodes that kube-scheduler's own filters refused for a pod: what it knows of volumes or spreading is not known here, so a place there is
 * not kept for that pod again for a while. Looking changes nothing, not even whom it forgets first: who only looks is in no recording.
 */
import { LRUCache } from 'lru-cache';

/** Pods whose refused nodes are remembered. */
const PODS = 10_000;
const BARRED_MS = 300_000;

export class Barred {
  /** uid → node → monotonic ms until which it is barred */
  readonly #nodes = new LRUCache<string, Map<string, number>>({ maxSize: PODS, sizeCalculation: () => 1 });

  add(uid: string, node: string, now: number, ms = BARRED_MS): void {
    const nodes = this.#nodes.get(uid) ?? new Map<string, number>();
    nodes.set(node, now + ms);
    this.#nodes.set(uid, nodes);
  }

  has(uid: string, node: string, now: number): boolean {
    const until = this.#nodes.peek(uid)?.get(node);
    return until !== undefined && until > now;
  }

  /** The next moment after `now` at which a node of one of these pods is barred no more; Infinity: none is. */
  nextEnd(uids: Iterable<string>, now: number): number {
    let next = Number.POSITIVE_INFINITY;
    for (const uid of uids)
      for (const until of this.#nodes.peek(uid)?.values() ?? []) if (until > now && until < next) next = until;
    return next;
  }

  clear(): void {
    this.#nodes.clear();
  }

  /** The same in place of what is known here. */
  copyFrom(other: Barred): void {
    this.clear();
    for (const [uid, nodes] of [...other.#nodes.entries()].reverse()) this.#nodes.set(uid, new Map(nodes));
  }
}
