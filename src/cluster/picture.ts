/**
 * The cached picture of the cluster: nodes with their books, pods, holds, disruption budgets. Fed by informers, read and
 * changed by decisions; both run on one thread and never await in between, so there is one ledger and one writer.
 *
 * A pod is in the books once: as a bound occupant of the node it names, or as a hold, or not at all. When the informer shows a
 * held pod as bound, hold and claim are exchanged in one step. What is in the books is always derived from the pod as last
 * seen plus the holds; `rebuild after a crash` is nothing but feeding the same objects again.
 */
import type { Occupant } from '../core/placement/node-info.ts';
import { NodeTable } from '../core/placement/node-table.ts';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import { takes } from '../core/placement/started-room.ts';
import { Barred } from './barred.ts';
import { Gangs } from './gangs/gangs.ts';
import { type Hold, Holds } from './holds.ts';
import { PodInterner } from './projection/interner.ts';
import type { PdbObject } from './projection/pdb.ts';
import { Queued } from './queued.ts';

export type Refused = {
  readonly onlyFragmentation: boolean;
  /** monotonic ms of the refusal */
  readonly since: number;
  /** how often the pod was woken while it waits, and when last (monotonic ms) */
  wakes: number;
  wokenAt: number;
  /** the last one was carried out, as far as is known */
  told: boolean;
};

export class Picture {
  readonly nodes = new NodeTable();
  readonly holds = new Holds();
  readonly gangs = new Gangs();
  /** hears of every pod that came, changed, went, was given a place ahead or lost its hold */
  onPod: ((uid: string) => void) | null = null;
  readonly barred = new Barred();
  readonly queued = new Queued();
  readonly #pods = new Map<string, PodFacts>();
  readonly #uidByName = new Map<string, string>();
  /** resourceVersion of pods without a node, where whoever showed them said so */
  readonly #states = new Map<string, string>();
  /** objects that crossed threads share nothing; tens of thousands of pods are made of a few hundred different parts */
  readonly #interner = new PodInterner();
  readonly #budgets = new Map<string, PdbObject>();
  /** pods of ours without a node that were refused, and whether only fragmentation is in the way */
  readonly #waiting = new Map<string, Refused>();

  pod(uid: string): PodFacts | undefined {
    return this.#pods.get(uid);
  }

  /** The pod without a node, if what is known of it is just this state. */
  podInState(uid: string, resourceVersion: string): PodFacts | undefined {
    return this.#states.get(uid) === resourceVersion ? this.#pods.get(uid) : undefined;
  }

  podNamed(namespace: string, name: string): PodFacts | undefined {
    const uid = this.#uidByName.get(`${namespace}/${name}`);
    return uid === undefined ? undefined : this.#pods.get(uid);
  }

  pods(): IterableIterator<PodFacts> {
    return this.#pods.values();
  }

  budgets(): IterableIterator<PdbObject> {
    return this.#budgets.values();
  }

  /** `resourceVersion`: '' where it is not known */
  upsertPod(seen: PodFacts, resourceVersion = ''): void {
    const pod = this.#interner.lean(seen);
    const before = this.#pods.get(pod.uid);
    const heldOn = this.holds.get(pod.uid);
    // the API server lets one pod of a name exist: an older one of that name is gone, its delete event only comes later
    const key = `${pod.namespace}/${pod.name}`;
    const uidBefore = this.#uidByName.get(key);
    if (uidBefore !== undefined && uidBefore !== pod.uid) this.removePod(uidBefore);
    this.#pods.set(pod.uid, pod);
    this.gangs.upsertPod(pod);
    this.#uidByName.set(key, pod.uid);
    if (pod.nodeName === null && resourceVersion !== '') this.#states.set(pod.uid, resourceVersion);
    else this.#states.delete(pod.uid);
    const counted = counts(pod);
    if (counted || pod.terminal) {
      this.#waiting.delete(pod.uid);
      if (heldOn !== undefined) this.#settle(heldOn, pod);
    }
    // it will never be bound, so what it was promised (unless a Binding is on its way) goes to others
    if (pod.terminating && this.holds.get(pod.uid)?.state === 'open') this.dropHold(pod.uid);
    this.#queue(pod.uid);
    this.onPod?.(pod.uid);
    if (before !== undefined && counts(before)) {
      if (counted && sameOccupancy(before, pod)) return;
      this.nodes.remove(before.nodeName!, pod.uid);
    }
    if (counted) this.nodes.add(pod.nodeName!, boundOccupant(pod));
  }

  removePod(uid: string): void {
    const pod = this.#pods.get(uid);
    this.dropHold(uid);
    this.#waiting.delete(uid);
    if (pod === undefined) return;
    this.#pods.delete(uid);
    this.#queue(uid);
    this.#states.delete(uid);
    this.gangs.removePod(uid);
    const key = `${pod.namespace}/${pod.name}`;
    if (this.#uidByName.get(key) === uid) this.#uidByName.delete(key);
    if (counts(pod)) this.nodes.remove(pod.nodeName!, uid);
    this.onPod?.(uid);
  }

  upsertBudget(budget: PdbObject): void {
    this.#budgets.set(`${budget.namespace}/${budget.name}`, budget);
  }

  removeBudget(namespace: string, name: string): void {
    this.#budgets.delete(`${namespace}/${name}`);
  }

  /** Puts a hold into the books, in place of an earlier one of the same pod. */
  putHold(hold: Hold): void {
    const { uid } = hold.pod;
    this.dropHold(uid);
    this.nodes.add(hold.node, {
      uid,
      kind: hold.cause === 'awaiting' ? 'awaiting' : 'held',
      claim: hold.claim,
      needs: hold.pod.needs,
      unclaimed: false,
    });
    this.holds.set(hold);
    // a preemptor goes on waiting until its victims are gone
    if (hold.cause !== 'awaiting') this.#waiting.delete(uid);
    this.#queue(uid);
    // filter plans for members that are behind their gates, too
    if (hold.cause === 'planned') this.onPod?.(uid);
  }

  dropHold(uid: string): void {
    const hold = this.holds.get(uid);
    if (hold === undefined) return;
    this.holds.delete(uid);
    this.#queue(uid);
    this.nodes.remove(hold.node, uid);
    this.onPod?.(uid);
  }

  /** The hold of a pod that is bound or has ended. Where it was bound as it was held, nobody gets room by that. */
  #settle(hold: Hold, pod: PodFacts): void {
    if (hold.cause === 'awaiting' || pod.nodeName !== hold.node || pod.terminal || !sameJson(hold.claim, pod.claim)) {
      this.dropHold(pod.uid);
      return;
    }
    this.holds.delete(pod.uid);
    this.nodes.undo(hold.node, pod.uid);
  }

  /** Ends what is open of a gang's plan; where a Binding is under way nothing is touched. */
  dropPlan(gang: string): void {
    for (const hold of this.holds.ofGang(gang)) if (hold.state === 'open') this.dropHold(hold.pod.uid);
  }

  /** Ends an open hold: alone where it stands for itself, with all that is open of its gang's plan otherwise. */
  endHold({ gang, pod }: Hold): void {
    if (gang === null) this.dropHold(pod.uid);
    else this.dropPlan(gang);
  }

  /** Remembers that a pod was refused. Pods refused longest ago come first in `refused`. */
  setWaiting(uid: string, onlyFragmentation: boolean, now: number): void {
    const before = this.#waiting.get(uid);
    this.#waiting.delete(uid);
    const { wakes = 0, wokenAt = 0, told = false } = before ?? {};
    this.#waiting.set(uid, { onlyFragmentation, since: now, wakes, wokenAt, told });
    this.#queue(uid);
  }

  /** The pod could not be woken: it may be tried again soon. */
  notWoken(uid: string): void {
    const refused = this.#waiting.get(uid);
    if (refused !== undefined) refused.told = false;
  }

  refusal(uid: string): Refused | undefined {
    return this.#waiting.get(uid);
  }

  isRefused(uid: string): boolean {
    return this.#waiting.has(uid);
  }

  /** As it was remembered elsewhere. */
  recallWaiting(uid: string, refused: Refused): void {
    this.#waiting.set(uid, { ...refused });
    this.#queue(uid);
  }

  #queue(uid: string): void {
    const pod = this.#pods.get(uid);
    const queued =
      pod?.ask.kind === 'request' && pod.nodeName === null && !pod.gated && !pod.terminal && !pod.terminating;
    const settled = this.holds.get(uid) !== undefined || this.#waiting.has(uid);
    this.queued.set(uid, queued && !settled ? takes(pod.ask.request).milli : 0);
  }

  /** Pods of ours that were refused and have no hold since, least recently refused first. */
  refused(): IterableIterator<[uid: string, refusal: Refused]> {
    return this.#waiting.entries();
  }

  /** Pods refused before `then` that no informer shows were deleted before they were known: no event will ever end them. */
  forgetStrangers(then: number): void {
    for (const [uid, { since }] of this.#waiting) if (since < then && !this.#pods.has(uid)) this.#waiting.delete(uid);
  }

  waiting(): { pods: number; onlyFragmentation: number } {
    let onlyFragmentation = 0;
    for (const refused of this.#waiting.values()) if (refused.onlyFragmentation) onlyFragmentation++;
    return { pods: this.#waiting.size, onlyFragmentation };
  }

  /** The books as plain data in a fixed order: equal pictures give equal text, however they came about. */
  snapshot(): string {
    const nodes = [...this.nodes.values()]
      .map((node) => ({
        name: node.name,
        facts: node.facts,
        usedMib: [...node.ledger.usedMib],
        usedMilli: [...node.ledger.usedMilli],
        awaitedMib: [...node.ledger.awaitedMib],
        awaitedMilli: [...node.ledger.awaitedMilli],
        occupants: [...node.occupants()].sort((a, b) => (a.uid < b.uid ? -1 : 1)),
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    return JSON.stringify(nodes, null, 1);
  }
}

/** A pod counts on its node from binding until it is gone or has ended; while it terminates it still holds everything. */
function counts(pod: PodFacts): boolean {
  return pod.nodeName !== null && !pod.terminal;
}

function boundOccupant(pod: PodFacts): Occupant {
  const claim = pod.claim === 'malformed' ? null : pod.claim;
  return { uid: pod.uid, kind: 'bound', claim, needs: pod.needs, unclaimed: claim === null && pod.usesGpu };
}

/** Status updates of running pods are the most frequent event there is; they must not touch the books. */
function sameOccupancy(a: PodFacts, b: PodFacts): boolean {
  return (
    a.nodeName === b.nodeName &&
    a.usesGpu === b.usesGpu &&
    sameJson(a.claim, b.claim) &&
    (a.needs === b.needs || sameJson(a.needs, b.needs))
  );
}

function sameJson(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}
