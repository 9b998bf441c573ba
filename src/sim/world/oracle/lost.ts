/** No pod is lost: in the end each is bound or says truly why not. What fits by the objects alone is bound. */
import { PLACED_CONDITION } from '../../../core/names.ts';
import { arrayAt, type KubeObject, numberAt, textAt } from '../../api/object.ts';
import { condition, hasEnv, NODES, PODS, scheduledCondition, waits } from './facts.ts';
import { gangOf, isNear, isShort } from './gang-of.ts';
import { waitsForGang } from './gangs.ts';
import { isManaged, wantsOf } from './gpus.ts';
import type { Judge, Law } from './law.ts';
import { hasResources, hasRoom, takesPods } from './room.ts';

/** `nominatedTo`: kube-scheduler counts whoever is nominated to a node, of equal or higher priority. */
export function lost({ facts, check, report }: Judge, nominatedTo: (uid: string) => string | null): Law {
  const fits = (pod: KubeObject, node: KubeObject, waiting: readonly KubeObject[]): boolean => {
    if (!takesPods(node)) return false;
    const pods = [...facts.podsOn(node.metadata.name)];
    for (const other of waiting) {
      if (other === pod || nominatedTo(other.metadata.uid) !== node.metadata.name) continue;
      if (priorityOf(other) >= priorityOf(pod)) pods.push(other);
    }
    if (!hasResources(pod, node, pods)) return false;
    if (!isManaged(node)) return wantsOf(pod) === null;
    // made while no webhook answered: refused there, with that reason
    if (!hasEnv(pod)) return false;
    const wants = wantsOf(pod);
    // whoever uses devices that are no longer listed makes them unknown; not modelled by this world
    return wants === null || hasRoom(wants, facts.gpus(node), pods);
  };
  return {
    invariants: ['pod-lost', 'no-reason'],
    quiet() {
      const all = facts.objects(PODS);
      const waiting = all.filter(waits);
      for (const pod of waiting) {
        const { name } = pod.metadata;
        // kube-scheduler has not seen who waits behind our gate: the placer says why
        const gated = arrayAt(pod.spec, 'schedulingGates').length > 0;
        const said = gated ? condition(pod, PLACED_CONDITION) : scheduledCondition(pod);
        // kube-scheduler says nothing of native ones that are too few to start
        const gang = gangOf(pod);
        if (gang !== null && waitsForGang(pod, all) && isShort(gang, all)) continue;
        check('no-reason');
        if (gated ? textAt(said, 'status') !== 'False' : textAt(said, 'reason') !== 'Unschedulable')
          report('no-reason', `${name} waits with ${JSON.stringify(said ?? null)}`);
        check('pod-lost');
        if (facts.edited(pod) || waitsForGang(pod, all)) continue;
        const nodes = facts.objects(NODES);
        const node = nodes.find((one) => fits(pod, one, waiting) && (gang === null || isNear(gang, one, all, nodes)));
        if (node === undefined) continue;
        const others = waiting
          .filter((one) => nominatedTo(one.metadata.uid) === node.metadata.name)
          .map((one) => `${one.metadata.name} is nominated there`);
        const says = `it says ${textAt(said, 'message')}`;
        report('pod-lost', [`${name} fits ${node.metadata.name}`, ...others, says].join('; '));
      }
    },
  };
}

const priorityOf = (pod: KubeObject): number => numberAt(pod.spec, 'priority') ?? 0;
