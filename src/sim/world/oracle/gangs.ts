/**
 * Gangs start whole. Nobody is let go to its Binding before enough to start have come to bind; a plan lives and ends as a whole and not
 * for ever; and once quiet every gang that fits has started.
 */
import type { Hold } from '../../../cluster/holds.ts';
import { type KubeObject, textAt } from '../../api/object.ts';
import type { Process } from '../time.ts';
import { NODES, POD_GROUPS, PODS, waits } from './facts.ts';
import { type GangOf, gangOf, hasStarted, isNear, isShort, runs, startedOf } from './gang-of.ts';
import { fitTogether } from './gang-room.ts';
import type { Judge, Law, Seat } from './law.ts';

/** A picture may show a member for so long after it is gone, and a Binding may be on its way for so long, ms. */
const LATE_MS = 60_000;
/** A member waits at bind for at most a little more than 10 s in gangs of this size, ms. */
const GATHERS_MS = 12_000;
/**
 * The longest life of a plan: its members are asked for, which moves its deadline by a hold's time (30 s), once or twice; they gather; and
 * a retry of kube-scheduler comes after 10 s at most.
 */
const PLAN_MS = 120_000;

export type GangLaw = Law & {
  /** A member came to bind. */
  readonly arrived: (process: Process, uid: string) => void;
  /** Somebody is evicted for this pod, by the answer of an extender. */
  readonly evicted: (uid: string) => void;
  /** Its Binding begins. */
  readonly letGo: (process: Process, uid: string) => void;
};

type Member = { readonly gang: GangOf; startedUntil: number | null };

export function gangs(judge: Judge, nominatedTo: (uid: string) => string | null): GangLaw {
  const { facts, now, seats, check, report } = judge;
  /** by uid, also of those that are gone */
  const members = new Map<string, Member>();
  /** uid → when it came to bind, or was let go, virtual ms; ends with the term of its extender */
  const arrivals = new WeakMap<Process, Map<string, number>>();
  const released = new Map<string, number>();
  /** gangs that were let go whole once */
  const whole = new Set<string>();
  const plans = new WeakMap<Process, ReadonlyMap<string, Hold>>();

  const arrivalsOf = (process: Process): Map<string, number> => {
    const known = arrivals.get(process) ?? new Map<string, number>();
    arrivals.set(process, known);
    return known;
  };
  const comeTogether = (gang: string, process: Process): number => {
    let count = 0;
    for (const [uid, member] of members) {
      if (member.gang.name !== gang) continue;
      const started = member.startedUntil !== null && member.startedUntil >= now() - LATE_MS;
      const here = (arrivalsOf(process).get(uid) ?? Number.NEGATIVE_INFINITY) >= now() - GATHERS_MS;
      const gone = (released.get(uid) ?? Number.NEGATIVE_INFINITY) >= now() - LATE_MS;
      if (started || here || gone) count++;
    }
    return count;
  };

  /** Holds of plans, as they are now against as they were: whoever lost its place while others of its plan kept theirs was dropped alone. */
  const lookAtPlans = ({ name, extender }: Seat): void => {
    if (extender === null || extender.process.dead) return;
    const { picture } = extender.core.parts;
    const before = plans.get(extender.process);
    const after = new Map<string, Hold>();
    for (const hold of picture.holds.values())
      if (hold.gang !== null && hold.cause === 'planned' && hold.state === 'open') after.set(hold.pod.uid, hold);
    plans.set(extender.process, after);
    if (before === undefined || before.size === 0) return;
    for (const [uid, hold] of before) {
      check('plan-in-part');
      const pod = picture.pod(uid);
      if (picture.holds.get(uid) !== undefined || pod === undefined) continue;
      if (pod.terminating || pod.terminal || pod.nodeName !== null) continue;
      const kept = [...before.values()].find((one) => one.gang === hold.gang && after.get(one.pod.uid) === one);
      if (kept !== undefined)
        report(
          'plan-in-part',
          `extender-${name}: ${hold.pod.name} lost its place in the plan of ${hold.gang}, ${kept.pod.name} kept its own`,
        );
    }
  };

  const hasObject = (name: string): boolean => facts.objects(POD_GROUPS).some((one) => one.metadata.name === name);

  /** What runs of a gang that lost members has been told to go (`onMemberLoss`), and so it goes. */
  const judgeLoss = (gang: GangOf, pods: readonly KubeObject[]): void => {
    const running = pods.filter(runs);
    if (gang.loss === 'keep' || running.length === 0 || pods.some((pod) => facts.edited(pod))) return;
    check('gang-broken');
    const started = pods.filter(hasStarted).length;
    if (started < gang.min && hasObject(gang.name))
      report('gang-broken', `${started} of ${gang.min} members of ${gang.name} run; onMemberLoss: ${gang.loss}`);
  };

  const judgeGang = (gang: GangOf, pods: readonly KubeObject[]): void => {
    const started = startedOf(gang, pods);
    const waiting = pods.filter(waits);
    const missing = gang.min - started;
    judgeLoss(gang, pods);
    if (missing <= 0 || waiting.length === 0) return;
    check('gang-in-part');
    // kube-scheduler binds native ones whole, and what a crash of the extender leaves of one it completes when it can: nobody evicts it
    if (gang.form !== 'native' && started > 0 && !whole.has(gang.name))
      report('gang-in-part', `${started} of ${gang.min} members of ${gang.name} run, and it never started whole`);
    if (waiting.length < missing || pods.some((pod) => facts.edited(pod))) return;
    if (isShort(gang, pods)) return;
    check('gang-waits');
    const near = (node: KubeObject): boolean => isNear(gang, node, pods, facts.objects(NODES));
    const places = fitTogether(facts, waiting, missing, nominatedTo, gang.required, near);
    if (places !== null)
      report('gang-waits', `${gang.name} waits, ${started} of ${gang.min} run; it fits: ${places.join(', ')}`);
  };

  return {
    invariants: [
      'gang-early',
      'gang-evicts',
      'gang-in-part',
      'gang-broken',
      'gang-scattered',
      'gang-waits',
      'plan-in-part',
      'plan-overdue',
    ],
    bound(pod, node) {
      const gang = gangOf(pod);
      if (gang === null || gang.required === null) return;
      check('gang-scattered');
      const object = facts.object(NODES, '', node);
      if (object === undefined) return;
      // where a node was away a plan may have been made without it (seed 117 once)
      const others = facts
        .objects(PODS)
        .filter(
          (one) => one.metadata.uid !== pod.metadata.uid && runs(one) && !facts.wasAway(textAt(one.spec, 'nodeName')),
        );
      if (!isNear(gang, object, others, facts.objects(NODES)))
        report('gang-scattered', `${pod.metadata.name} was bound to ${node}, others run in another ${gang.required}`);
    },
    written(pod) {
      const gang = gangOf(pod);
      if (gang === null) return;
      const { uid } = pod.metadata;
      const member = members.get(uid) ?? { gang, startedUntil: null };
      members.set(uid, member);
      if (hasStarted(pod)) member.startedUntil = Number.POSITIVE_INFINITY;
      else if (member.startedUntil === Number.POSITIVE_INFINITY) member.startedUntil = now();
    },
    gone({ metadata: { uid } }) {
      const member = members.get(uid);
      if (member?.startedUntil === Number.POSITIVE_INFINITY) member.startedUntil = now();
    },
    arrived(process, uid) {
      if (members.has(uid)) arrivalsOf(process).set(uid, now());
    },
    evicted(uid) {
      const gang = members.get(uid)?.gang;
      if (gang === undefined || gang.form === 'native') return;
      check('gang-evicts');
      if (!whole.has(gang.name))
        report('gang-evicts', `pods are evicted for one member of ${gang.name}, which has not started`);
    },
    letGo(process, uid) {
      const member = members.get(uid);
      if (member === undefined) return;
      const { name, min, form } = member.gang;
      // native ones come together at kube-scheduler's own barrier
      if (form === 'native') return;
      check('gang-early');
      const count = comeTogether(name, process);
      released.set(uid, now());
      if (count >= min) whole.add(name);
      else report('gang-early', `a member of ${name} is bound when ${count} of ${min} have come to bind`);
    },
    step() {
      for (const seat of seats()) {
        lookAtPlans(seat);
        const { extender } = seat;
        if (extender !== null && !extender.core.context.deciding()) arrivals.delete(extender.process);
      }
    },
    second() {
      for (const { name, extender } of seats()) {
        if (extender === null || extender.process.dead || extender.process.pausedUntil > now()) continue;
        for (const { gang, cause, state, since, pod } of extender.core.parts.picture.holds.values()) {
          if (gang === null || cause !== 'planned' || state !== 'open') continue;
          check('plan-overdue');
          if (now() - since > PLAN_MS)
            report('plan-overdue', `extender-${name}: the plan of ${gang} for ${pod.name} is ${now() - since} ms old`);
        }
      }
    },
    quiet() {
      const byName = new Map<string, { gang: GangOf; pods: KubeObject[] }>();
      for (const pod of facts.objects(PODS)) {
        const gang = gangOf(pod);
        if (gang === null) continue;
        const known = byName.get(gang.name) ?? { gang, pods: [] };
        byName.set(gang.name, known);
        known.pods.push(pod);
      }
      for (const { gang, pods } of byName.values()) judgeGang(gang, pods);
    },
  };
}

/** Its gang has not started: it is judged with it, not as a pod for itself. */
export function waitsForGang(pod: KubeObject, all: readonly KubeObject[]): boolean {
  const gang = gangOf(pod);
  if (gang === null) return false;
  return startedOf(gang, all) < gang.min;
}
