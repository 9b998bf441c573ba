/** Whether several pods have room at once, placed one after the other, the big ones first: what is found is there, not all is found. */
import { type KubeObject, textAt } from '../../api/object.ts';
import { type Facts, hasEnv, NODES, PODS, waits } from './facts.ts';
import { type Gpu, isManaged, mibOn, type Use, useOf, type Wants, wantsOf } from './gpus.ts';
import { hasResources, takesPods } from './room.ts';

type Filled = {
  readonly node: KubeObject;
  readonly gpus: readonly Gpu[];
  readonly use: Use;
  readonly pods: KubeObject[];
};

const sizeOf = (wants: Wants | null): number => (wants === null ? 0 : wants.count * (wants.milli || wants.mib || 1));

/**
 * Places, as `pod → node`, for `count` of these pods on nodes that are `near`, all in one domain of the label `required` if there is one;
 * null when none were found.
 */
export function fitTogether(
  facts: Facts,
  pods: readonly KubeObject[],
  count: number,
  nominatedTo: (uid: string) => string | null,
  required: string | null,
  near: (node: KubeObject) => boolean,
): string[] | null {
  const nodes = facts.objects(NODES).filter((node) => takesPods(node) && near(node));
  if (required === null) return fitOn(nodes, facts, pods, count, nominatedTo);
  for (const domain of new Set(nodes.map((node) => node.metadata.labels?.[required]))) {
    const there = nodes.filter((node) => node.metadata.labels?.[required] === domain);
    const places = fitOn(there, facts, pods, count, nominatedTo);
    if (places !== null) return places;
  }
  return null;
}

function fitOn(
  where: readonly KubeObject[],
  facts: Facts,
  pods: readonly KubeObject[],
  count: number,
  nominatedTo: (uid: string) => string | null,
): string[] | null {
  const others = facts.objects(PODS).filter((pod) => waits(pod) && !pods.includes(pod));
  const nodes = where.map((node): Filled => {
    const { name } = node.metadata;
    const here = [...facts.podsOn(name), ...others.filter(({ metadata }) => nominatedTo(metadata.uid) === name)];
    const gpus = isManaged(node) ? facts.gpus(node) : [];
    return { node, gpus, use: useOf(gpus, here), pods: here };
  });
  const places: string[] = [];
  for (const pod of pods.toSorted((a, b) => sizeOf(wantsOf(b)) - sizeOf(wantsOf(a)))) {
    const filled = nodes.find((one) => put(pod, one));
    if (filled !== undefined) places.push(`${pod.metadata.name} → ${textAt(filled.node.metadata, 'name')}`);
    if (places.length === count) return places;
  }
  return null;
}

/** Puts the pod there, on the fullest devices that will do. False: it does not fit, and nothing is changed. */
function put(pod: KubeObject, { node, gpus, use, pods }: Filled): boolean {
  const wants = wantsOf(pod);
  if (!hasResources(pod, node, pods)) return false;
  if (isManaged(node) ? !hasEnv(pod) : wants !== null) return false;
  if (wants !== null) {
    const free = gpus.flatMap((gpu, at) => {
      const mib = mibOn(wants, gpu);
      const fits = gpu.healthy && use.milli[at]! + wants.milli <= 1000 && use.mib[at]! + mib <= gpu.mib;
      return fits ? [{ at, mib, left: gpu.mib - use.mib[at]! }] : [];
    });
    if (free.length < wants.count) return false;
    for (const { at, mib } of free.sort((a, b) => a.left - b.left).slice(0, wants.count)) {
      use.mib[at]! += mib;
      use.milli[at]! += wants.milli;
    }
  }
  pods.push(pod);
  return true;
}
