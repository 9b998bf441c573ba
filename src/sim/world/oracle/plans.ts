/** Plans that are written on pods: known to whoever begins to decide, and there before the gate is lifted. */
import { PLACED_CONDITION, PLACEMENT_GATE, PLAN } from '../../../core/names.ts';
import { arrayAt, isObject, type KubeObject, numberAt, textAt } from '../../api/object.ts';
import { condition, hasEnv, NODES, PODS, waits } from './facts.ts';
import { type Gpu, positionOf, type Share, useOf, wantsOf } from './gpus.ts';
import type { Judge, Law } from './law.ts';
import { hasResources, takesPods } from './room.ts';

/** `until`: wall ms, of whoever wrote it */
type Written = {
  readonly node: string;
  readonly gang: string | null;
  readonly until: number;
  readonly claim: readonly Share[];
};

/** a list may be so old when an extender begins to decide, ms */
const FRESH_MS = 10_000;
/** a plan that ends so soon may have ended, ms */
const LEFT_MS = 2_000;

/** null: none that stands: it and the nomination are written together, and a later nomination is another's. */
function planOf(pod: KubeObject): Written | null {
  const text = pod.metadata.annotations?.[PLAN];
  const plan: unknown = text === undefined ? null : JSON.parse(text);
  const node = textAt(plan, 'node');
  if (!isObject(plan) || node === '' || textAt(pod.status, 'nominatedNodeName') !== node) return null;
  const claim = arrayAt(plan.claim, 'containers').flatMap((one) => arrayAt(one, 'devices').filter(isObject)) as Share[];
  return { node, gang: textAt(plan, 'gang') || null, until: Date.parse(textAt(plan, 'until')), claim };
}

const isGated = (pod: KubeObject): boolean =>
  arrayAt(pod.spec, 'schedulingGates').some((gate) => textAt(gate, 'name') === PLACEMENT_GATE);

export function plans({ facts, now, seats, check, report }: Judge): Law {
  /** uids of pods that ever had a plan, and of those whose plan stands, since when, virtual ms */
  const ever = new Set<string>();
  const since = new Map<string, number>();
  return {
    invariants: ['plan-forgotten', 'gate-early'],
    written(pod, before) {
      const { uid, name } = pod.metadata;
      if (planOf(pod) === null) since.delete(uid);
      else {
        ever.add(uid);
        if (!since.has(uid)) since.set(uid, now());
      }
      if (before === undefined || !isGated(before) || isGated(pod)) return;
      check('gate-early');
      // who fits nowhere is shown to kube-scheduler with its reason, who wants nothing of ours at once
      if (ever.has(uid) || wantsOf(pod) === null || facts.edited(pod) || condition(pod, PLACED_CONDITION)) return;
      report('gate-early', `${name} is shown to kube-scheduler before its place is written`);
    },
    gone({ metadata: { uid } }) {
      since.delete(uid);
    },
    deciderChanged() {
      const decides = seats().find(
        ({ extender }) => extender !== null && !extender.process.dead && extender.core.context.deciding(),
      );
      if (decides === undefined) return;
      const { picture } = decides.extender!.core.parts;
      const planned = facts.objects(PODS).filter((pod) => waits(pod) && planOf(pod) !== null);
      for (const pod of planned) {
        const plan = planOf(pod)!;
        const node = facts.object(NODES, '', plan.node);
        const wants = wantsOf(pod);
        // written in the last moment it may have come after the list; a gang's plan may end for another member
        const fresh = now() - (since.get(pod.metadata.uid) ?? now()) < FRESH_MS;
        if (plan.gang !== null || wants === null || node === undefined || fresh || facts.edited(pod)) continue;
        const left = plan.until - decides.extender!.process.clock.now();
        if (left < LEFT_MS || !takesPods(node) || !hasEnv(pod)) continue;
        const others = planned.some((one) => one !== pod && planOf(one)!.node === plan.node);
        const there = [...facts.podsOn(plan.node)];
        // in that very step somebody before it in line may have been given the place (seed 116 of shorter days once)
        const taken = [...picture.holds.values()].some(
          (hold) => hold.node === plan.node && hold.pod.priority > (numberAt(pod.spec, 'priority') ?? 0),
        );
        // two plans may be written for one place: kube-scheduler takes a nomination back whose attempt failed, not the plan with it, and a write
        // of a process that died may land late. Who decides holds one of the two (seeds 7809 and 2558 once)
        const kept = [...picture.holds.values()].some(
          (hold) => hold.node === plan.node && writtenFor(facts.objects(PODS), hold.pod.uid) === plan.node,
        );
        if (others || taken || kept || !hasResources(pod, node, there) || !isFree(plan.claim, facts.gpus(node), there))
          continue;
        check('plan-forgotten');
        if (picture.holds.get(pod.metadata.uid) === undefined)
          report(
            'plan-forgotten',
            `extender-${decides.name} decides and knows nothing of the plan of ${pod.metadata.name}`,
          );
      }
    },
  };
}

/** The node of the plan on a pod, also where no nomination goes with it any more; '': none. */
function writtenFor(pods: readonly KubeObject[], uid: string): string {
  const text = pods.find(({ metadata }) => metadata.uid === uid)?.metadata.annotations?.[PLAN];
  return text === undefined ? '' : textAt(JSON.parse(text), 'node');
}

/** Those very devices are there, healthy, and have that much free. */
function isFree(claim: readonly Share[], gpus: readonly Gpu[], pods: readonly KubeObject[]): boolean {
  const use = useOf(gpus, pods);
  return claim.every((share) => {
    const at = positionOf(gpus, share);
    const gpu = gpus[at];
    return gpu?.healthy === true && use.mib[at]! + share.mib <= gpu.mib && use.milli[at]! + share.milli <= 1000;
  });
}
