/**
 * What bind asks of the books and tells them: may this pod be bound there, is its gang together, what came of the Binding. From
 * `begin` until its outcome is known nothing takes over what is held (holds.ts).
 */
import type { GpuRequest } from '../core/gpu/request.ts';
import type { NodeInfo } from '../core/placement/node-info.ts';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import type { BindPlan, GangAtBind } from './decider.ts';
import { openHold } from './holds.ts';
import { Offered } from './offered.ts';
import type { Parts } from './parts.ts';
import { passThrough } from './pass-through.ts';
import { objectionTo } from './stands.ts';

/** A landed Binding that the informer does not show for so long is read back, ms. */
const LANDED_OVERDUE_MS = 30_000;

export class Binding {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  begin(uid: string, nodeName: string): BindPlan {
    const { picture, shapes, seen, clock, planning } = this.#parts;
    const hold = picture.holds.get(uid);
    if (hold?.state === 'binding' || hold?.state === 'unknown') return { kind: 'refuse', code: 'bind-in-flight' };
    if (hold?.state === 'landed') return { kind: 'already-bound', node: hold.node };
    const known = picture.pod(uid);
    if (known?.nodeName) return { kind: 'already-bound', node: known.nodeName };
    if (known?.terminating) return { kind: 'refuse', code: 'pod-terminating' };
    const pod = known ?? hold?.pod ?? seen.get(uid);
    if (pod === undefined) return { kind: 'refuse', code: 'pod-unknown' };
    const gang = planning.gangOf(pod);
    if (gang !== null && (planning.standing(gang)?.minMember ?? 0) === 0) {
      // its PodGroup is gone, or not read yet after a restart: the barrier cannot count, and a place found or made before proves nothing
      this.dropPlan(gang, false);
      return { kind: 'refuse', code: 'gang-incomplete' };
    }
    const node = picture.nodes.get(nodeName);
    if (node?.facts == null) return { kind: 'refuse', code: 'node-unknown' };
    const planned = hold?.cause === 'planned' && hold.claim === null;
    if (!planned && (pod.ask.kind !== 'request' || this.#parts.guarded(pod) !== null))
      return this.#passThrough(pod, nodeName);
    const held = hold !== undefined && hold.cause !== 'awaiting' && hold.node === nodeName;
    if (held && objectionTo(hold, pod, picture, shapes) === null) {
      picture.holds.move(hold, 'binding', clock.monotonic());
      return { kind: 'bind', claim: hold.claim };
    }
    if (pod.ask.kind !== 'request') return { kind: 'refuse', code: 'gang-dropped' };
    return this.#moveAndBind(pod, pod.ask.request, node);
  }

  #passThrough(pod: PodFacts, nodeName: string): BindPlan {
    const { nodes } = this.#parts.picture;
    const [refusal] = passThrough(pod, Offered.ofNames([nodeName], nodes), nodes, this.#parts.guarded(pod)).refused;
    return refusal === undefined ? { kind: 'bind', claim: null } : { kind: 'refuse', code: refusal.code };
  }

  /** kube-scheduler chose another node than ours (shortList), or we were restarted after its filter: decide on that node now. */
  #moveAndBind(pod: PodFacts, request: GpuRequest, node: NodeInfo): BindPlan {
    const { picture, shapes, awaiting, clock, holdMs } = this.#parts;
    awaiting.settle();
    const before = picture.holds.get(pod.uid);
    picture.dropHold(pod.uid);
    const index = shapes.indexOf(pod, request);
    const code = shapes.fitCode(index, pod, node);
    if (code !== null) {
      // a bind that is refused ends a promise, not what victims are dying for
      if (before?.cause === 'awaiting') picture.putHold(before);
      return { kind: 'refuse', code };
    }
    const claim = shapes.claimOn(index, node);
    if (claim === null) return { kind: 'refuse', code: 'gpu-full' };
    const now = clock.monotonic();
    const hold = openHold({ pod, node: node.name, claim, cause: 'tentative' }, now, holdMs);
    picture.putHold(hold);
    picture.holds.move(hold, 'binding', now);
    return { kind: 'bind', claim };
  }

  /** See Decider.gangAtBind. */
  gangAtBind(uid: string): GangAtBind | null {
    const { picture, planning, seen } = this.#parts;
    const pod = picture.pod(uid) ?? picture.holds.get(uid)?.pod ?? seen.get(uid);
    const gang = pod === undefined ? null : planning.gangOf(pod);
    return gang === null ? null : planning.atBind(gang);
  }

  /** See Decider.awaitAtBind. */
  awaitAtBind(uid: string, node: string, ms: number): boolean {
    const { picture, untenable, clock } = this.#parts;
    const hold = picture.holds.get(uid);
    if (hold === undefined || hold.state !== 'open' || hold.cause === 'awaiting') return false;
    // planned anew meanwhile, and elsewhere: kube-scheduler must ask again
    if (hold.node !== node) return false;
    if (!untenable.stands(hold)) return false;
    // a plan lives as a whole: those that are still on their way must not end it meanwhile
    const until = clock.monotonic() + ms;
    // and one look at those who wait names the same moment for all of them
    if (hold.deadline !== null && hold.deadline >= until - 1) return true;
    for (const one of hold.gang === null ? [hold] : picture.holds.ofGang(hold.gang))
      if (one.deadline !== null) one.deadline = Math.max(one.deadline, until);
    return true;
  }

  /** See Decider.dropPlan. */
  dropPlan(gang: string, late: boolean): void {
    const { picture, planning } = this.#parts;
    if (late) planning.late(gang);
    picture.dropPlan(gang);
    // members decided for themselves, by filter or ahead of it, while the gang ran, which does not any more: filter would confirm them for ever
    for (const uid of picture.gangs.get(gang)?.members.keys() ?? []) {
      const hold = picture.holds.get(uid);
      if (hold?.state === 'open' && hold.gang === null && hold.cause !== 'awaiting') picture.dropHold(uid);
    }
  }

  landed(uid: string): void {
    this.#move(uid, 'landed');
  }

  refused(uid: string): void {
    this.#parts.picture.dropHold(uid);
  }

  unknown(uid: string): void {
    this.#move(uid, 'unknown');
  }

  readBack(uid: string, node: string | null): void {
    const { picture } = this.#parts;
    const hold = picture.holds.get(uid);
    if (hold === undefined) return;
    if (hold.node === node) this.#move(uid, 'landed');
    else picture.dropHold(uid);
  }

  /** Pods whose Binding landed long ago by the API server's word, and that the informer still does not show bound. */
  overdue(): readonly PodFacts[] {
    const { picture, clock } = this.#parts;
    return picture.holds.overdue(clock.monotonic(), LANDED_OVERDUE_MS).map((hold) => hold.pod);
  }

  #move(uid: string, state: 'landed' | 'unknown'): void {
    const { picture, clock } = this.#parts;
    const hold = picture.holds.get(uid);
    if (hold !== undefined) picture.holds.move(hold, state, clock.monotonic());
  }
}
