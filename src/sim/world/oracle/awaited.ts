/**
 * What is freed for a preemptor is given to nobody of lower priority: from the answer that names its node, for as long as it may need
 * to come back, and across a crash or takeover from what is then free or comes free on the node that it is nominated to.
 */
import { type KubeObject, numberAt, textAt } from '../../api/object.ts';
import { NODES, PODS, waits } from './facts.ts';
import { wantsOf } from './gpus.ts';
import type { Judge, Law, Seat } from './law.ts';
import { hasResources, hasRoom } from './room.ts';

/** less than the 30 s that a preemptor has to come back */
const KEPT_MS = 20_000;

/** a list may be so old when an extender begins to decide, ms */
const FRESH_MS = 10_000;

type Nomination = {
  readonly node: string;
  /** virtual ms of the answer, or of the nomination where none was heard */
  readonly since: number;
  /** virtual ms at which the object said so */
  readonly writtenAt: number;
  /** it was tried to bind: from there on it is a pod like others, whose Binding may be refused or lost */
  came: boolean;
  /** virtual ms of the last takeover at which its node had room for it, once all that ended there would be gone */
  takenOverAt: number | null;
};

export type Awaited = Law & {
  /** An extender answered this node to preempt; kube-scheduler may write the nomination much later. */
  readonly promised: (uid: string, node: string) => void;
  /** the node that filter named first; null: the pod fits nowhere */
  readonly filtered: (uid: string, node: string | null) => void;
  readonly bindTried: (uid: string) => void;
  readonly nominatedTo: (uid: string) => string | null;
};

export function awaited({ facts, now, seats, deciderSince, check, report }: Judge): Awaited {
  /** uid → nomination of a pod that waits */
  const nominated = new Map<string, Nomination>();
  /** `at`: virtual ms of the last answer, `from`: of the first one that named this node */
  const promises = new Map<string, { readonly node: string; readonly at: number; readonly from: number }>();

  /** uid → where filter sends it, and since when, virtual ms */
  const held = new Map<string, { readonly node: string; readonly from: number }>();
  /**
   * Both have a right to the node and the other one's is no younger: filter sent it there before the preemptor was promised anything
   * (seed 2430 once), or it was promised a place there first, on other devices, and only the preemptor's victims are slower (1217).
   */
  const mayCome = (uid: string, node: string, since: number): boolean =>
    [held.get(uid), promises.get(uid)].some((right) => right?.node === node && right.from <= since);

  /** The preemptor found another place meanwhile, or is on its way to this one. */
  const placedElsewhere = (uid: string): boolean =>
    seats().some(({ extender }) => {
      const hold = extender?.core.parts.picture.holds.get(uid);
      return hold !== undefined && hold.cause !== 'awaiting';
    });
  /** From when on the room must be kept by whoever decides now; null: it cannot know. */
  const keptFrom = ({ since, takenOverAt }: Nomination): number | null =>
    deciderSince() <= since ? since : takenOverAt === deciderSince() ? takenOverAt : null;
  /** uid → virtual ms at which the object began to end, or was gone */
  const endedAt = new Map<string, number>();
  /** Its list may be older than somebody's end there: it saw no room, and keeps what is free when it begins (seed 9214 once). */
  const endedLately = (node: string): boolean =>
    [...(deciding()?.core.parts.picture.pods() ?? [])].some(
      ({ uid, nodeName, terminating, terminal }) =>
        nodeName === node &&
        !terminating &&
        !terminal &&
        (endedAt.get(uid) ?? Number.NEGATIVE_INFINITY) >= now() - FRESH_MS,
    );
  const deciding = (): Seat['extender'] =>
    seats().find(({ extender }) => extender !== null && !extender.process.dead && extender.core.context.deciding())
      ?.extender ?? null;
  const stayingOn = (node: string): KubeObject[] =>
    [...facts.podsOn(node)].filter((one) => one.metadata.deletionTimestamp === undefined);

  /** Whoever begins to decide keeps what is free, or comes free, on the node of a nominated pod. */
  const lookAtTakeover = ({ metadata: { uid, name } }: KubeObject, node: string, { writtenAt }: Nomination): void => {
    const decides = seats().find(
      ({ extender }) => extender !== null && !extender.process.dead && extender.core.context.deciding(),
    );
    // its list may be a little older
    if (decides === undefined || now() - writtenAt < FRESH_MS || facts.wasAway(node)) return;
    const { picture } = decides.extender!.core.parts;
    if ([...picture.holds.values()].some((hold) => hold.node === node && hold.pod.uid !== uid)) return;
    check('nomination-forgotten');
    if (picture.holds.get(uid) === undefined)
      report('nomination-forgotten', `extender-${decides.name} decides and keeps nothing on ${node} for ${name}`);
  };

  return {
    invariants: ['awaited-given-away', 'nomination-forgotten'],
    promised(uid, node) {
      // asked again it hears the same: what it was promised first stays its own
      const before = promises.get(uid);
      promises.set(uid, { node, at: now(), from: before?.node === node ? before.from : now() });
    },
    filtered(uid, node) {
      if (node === null) held.delete(uid);
      else if (held.get(uid)?.node !== node) held.set(uid, { node, from: now() });
    },
    bindTried(uid) {
      const nomination = nominated.get(uid);
      if (nomination !== undefined) nomination.came = true;
    },
    gone({ metadata: { uid } }) {
      if (!endedAt.has(uid)) endedAt.set(uid, now());
      nominated.delete(uid);
      promises.delete(uid);
      held.delete(uid);
    },
    nominatedTo: (uid) => nominated.get(uid)?.node ?? null,
    deciderChanged() {
      const first = new Map<string, KubeObject>();
      const several = new Set<string>();
      for (const pod of facts.objects(PODS)) {
        const node = waits(pod) ? nominated.get(pod.metadata.uid)?.node : undefined;
        if (node === undefined) continue;
        const other = first.get(node);
        if (other !== undefined) several.add(node);
        if (other === undefined || priorityOf(pod) > priorityOf(other)) first.set(node, pod);
      }
      for (const [node, pod] of first) {
        const wants = wantsOf(pod);
        const gpus = facts.latestInventory(node)?.gpus ?? [];
        const object = facts.object(NODES, '', node);
        const stay = stayingOn(node);
        if (wants === null || object === undefined || !hasRoom(wants, gpus, stay) || !hasResources(pod, object, stay))
          continue;
        const nomination = nominated.get(pod.metadata.uid)!;
        if (endedLately(node)) continue;
        nomination.takenOverAt = now();
        if (!several.has(node) && !facts.edited(pod)) lookAtTakeover(pod, node, nomination);
      }
    },
    written(pod) {
      const { uid } = pod.metadata;
      const ended =
        pod.metadata.deletionTimestamp !== undefined || ['Succeeded', 'Failed'].includes(textAt(pod.status, 'phase'));
      if (ended && !endedAt.has(uid)) endedAt.set(uid, now());
      const node = textAt(pod.status, 'nominatedNodeName');
      // the placer's nominations are plans with a deadline and laws of their own: nothing was freed for them, and if something had been on
      // that very node, whoever starts anew could not tell (seed 197 once: the plan's time was up when an extender took over)
      const plan = pod.metadata.annotations?.['muster.dev/plan'];
      const planned = plan !== undefined && (!promises.has(uid) || textAt(JSON.parse(plan), 'node') === node);
      if (node === '' || planned || textAt(pod.spec, 'nodeName') !== '') nominated.delete(uid);
      else if (nominated.get(uid)?.node !== node) {
        const promise = promises.get(uid);
        const since = promise?.node === node ? promise.at : now();
        nominated.set(uid, { node, since, writtenAt: now(), came: false, takenOverAt: null });
      }
    },
    bound(pod, node) {
      const gpus = facts.latestInventory(node);
      if (gpus === undefined) return;
      for (const [uid, nomination] of nominated) {
        if (nomination.node !== node || nomination.came) continue;
        const waiting = facts.objects(PODS).find((one) => one.metadata.uid === uid);
        const wants = waiting === undefined ? null : wantsOf(waiting);
        if (waiting === undefined || wants === null || !waits(waiting)) continue;
        if (priorityOf(waiting) <= priorityOf(pod)) continue;
        const from = keptFrom(nomination);
        if (from === null || now() - from > KEPT_MS || gpus.from > from) continue;
        if (facts.edited(waiting) || placedElsewhere(uid)) continue;
        // it asked again and was promised another node, which only its object does not say yet (seed 8969 once)
        const promise = promises.get(uid);
        if (promise !== undefined && promise.node !== node && promise.at > nomination.since) continue;
        if (mayCome(pod.metadata.uid, node, nomination.since)) continue;
        check('awaited-given-away');
        // once those that are being evicted are gone
        const stay = stayingOn(node);
        const others = stay.filter((one) => one.metadata.uid !== pod.metadata.uid);
        if (hasRoom(wants, gpus.gpus, others) && !hasRoom(wants, gpus.gpus, stay))
          report(
            'awaited-given-away',
            `${pod.metadata.name} was bound to ${node} in the place of ${waiting.metadata.name}`,
          );
      }
    },
  };
}

const priorityOf = (pod: KubeObject): number => numberAt(pod.spec, 'priority') ?? 0;
