/**
 * Further members of a gang that has started, or is planned, are placed one by one; where the gang's object requires one domain of a
 * node label, they must be in the domain that the others are in. A pure reading, as a node selector more on the pod.
 */
import type { GangObjectFacts } from '../../core/placement/gang/gang-facts.ts';
import type { PodFacts } from '../../core/placement/pod-facts.ts';
import type { GangStanding } from './standing.ts';

/** no node has a label of this value */
const NOWHERE = '\0';

export const requiresDomain = ({ topology, subGroups }: GangObjectFacts): boolean =>
  topology.required !== null || subGroups.some((sub) => sub.topology.required !== null);

/**
 * The pod, bound to the domains of those that have a place already; itself where nothing binds it. `placeOf`: the node that is kept for a
 * waiting member, `labelOf`: a label of a node, undefined without it.
 */
export function nearOthers(
  pod: PodFacts,
  { object, settled, waiting }: GangStanding,
  placeOf: (uid: string) => string | null,
  labelOf: (node: string, key: string) => string | undefined,
): PodFacts {
  if (object === null) return pod;
  const others = [...settled, ...waiting].filter(({ uid }) => uid !== pod.uid);
  const selector: Record<string, string> = {};
  const bind = (key: string | null, members: readonly PodFacts[]): void => {
    if (key === null) return;
    const nodes = members.map((other) => other.nodeName ?? placeOf(other.uid)).filter((node) => node !== null);
    const domains = new Set(nodes.map((node) => labelOf(node, key)).filter((value) => value !== undefined));
    const [domain] = domains;
    // of a gang that is in several already nothing can be kept
    if (domain === undefined || domains.size > 1) return;
    const asked = pod.constraints.nodeSelector[key] ?? selector[key] ?? domain;
    selector[key] = asked === domain ? domain : NOWHERE;
  };
  bind(object.topology.required, others);
  const parents = new Map(object.subGroups.map(({ name, parent }) => [name, parent]));
  /** whether a pod of that sub-group is in this one too */
  const inside = (of: string | null, group: string): boolean => {
    for (let at = of, left = parents.size; at !== null && left >= 0; at = parents.get(at) ?? null, left--)
      if (at === group) return true;
    return false;
  };
  const mine = pod.gangSaid?.subGroup ?? null;
  for (const { name, topology } of object.subGroups) {
    if (!inside(mine, name)) continue;
    const members = others.filter((other) => inside(other.gangSaid?.subGroup ?? null, name));
    bind(topology.required, members);
  }
  if (Object.keys(selector).length === 0) return pod;
  const { constraints } = pod;
  return { ...pod, constraints: { ...constraints, nodeSelector: { ...constraints.nodeSelector, ...selector } } };
}
