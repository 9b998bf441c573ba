/**
 * How a gang stands: one pure reading of what its pods and its object say. Everything that treats gangs (planner, filter, barrier,
 * explain, status) reads this and nothing else, so they never disagree about who must start together.
 *
 * The object rules (minimum, sub-groups, topology), then what the pods say; where both speak they must agree. Members that run or have
 * succeeded are settled: they started, nobody waits for them again. Failed and terminating ones count for nothing.
 */
import { PLACEMENT_GATE } from '../../core/names.ts';
import {
  GANG_DIALECTS,
  type GangDialect,
  type GangObjectFacts,
  type GangSaid,
} from '../../core/placement/gang/gang-facts.ts';
import { ANYWHERE, type GangGroup, type GangTopology } from '../../core/placement/gang/gang-request.ts';
import { childrenOf, leastMembers, neededGroupsOf, wholeGroups } from '../../core/placement/gang/sub-groups.ts';
import type { PodFacts } from '../../core/placement/pod-facts.ts';
import type { Gang } from './gangs.ts';

export type GangStanding = {
  readonly key: string;
  readonly dialect: GangDialect;
  readonly object: GangObjectFacts | null;
  /** how many start together; 0: nobody has said yet */
  readonly minMember: number;
  readonly strict: boolean;
  /** seconds, null: nobody said */
  readonly waitSeconds: number | null;
  readonly together: readonly string[];
  /** bound and alive, or succeeded */
  readonly settled: readonly PodFacts[];
  /** not bound, not ended, not on their way out; by priority, age, name */
  readonly waiting: readonly PodFacts[];
  /** null: it may be planned (or has started) */
  readonly code: 'gang-invalid' | 'gang-incomplete' | null;
  /** for people: the lines that disagree and the remedy, or what is missing; '' when nothing is */
  readonly detail: string;
};

const key = (pod: PodFacts): string => `${pod.namespace}/${pod.name}`;

/** null: the gang has no members. `mayCome` false: the pod can never be placed as it is, so it is not there for its gang. */
export function standingOf(gang: Gang, mayCome: (pod: PodFacts) => boolean = () => true): GangStanding | null {
  const members = [...gang.members.values()].sort(inLine);
  const said = members.map((pod) => pod.gangSaid).filter((one) => one !== null);
  const first = said.toSorted((a, b) => rankOf(a.dialect) - rankOf(b.dialect))[0];
  if (first === undefined) return null;
  const object = gang.objects.get(first.dialect) ?? null;
  const alive = members.filter((pod) => !pod.terminating);
  const settled = alive.filter((pod) => (pod.terminal ? pod.succeeded : pod.nodeName !== null));
  const unbound = alive.filter((pod) => !pod.terminal && pod.nodeName === null);
  // one behind the gate of another tool (a queue, a quota) may come in hours: it is not there yet
  const waiting = unbound.filter((pod) => mayCome(pod) && !heldBack(pod));
  const minMember = object?.minMember ?? smallestSaid(said) ?? 0;
  const problem = problemOf(members, said, object) ?? unknownClass(object, gang.classes);
  const never = unbound.find((pod) => !mayCome(pod));
  const short = problem === null ? missingOf(first, object, minMember, settled, waiting) : '';
  const missing = short === '' || never === undefined ? short : `${short}; pod ${key(never)} can never start as it is`;
  return {
    key: gang.key,
    dialect: first.dialect,
    object,
    minMember,
    strict: said.every(({ strict }) => strict),
    waitSeconds: object?.waitSeconds ?? first.waitSeconds,
    together: [...new Set(said.flatMap(({ together }) => together))].sort(),
    settled,
    waiting,
    code: problem !== null ? 'gang-invalid' : missing !== '' ? 'gang-incomplete' : null,
    detail: problem ?? missing,
  };
}

/** The gang that has a say in when this pod starts: not a native one, whose cycle and barrier are kube-scheduler's own. */
export function startsWith({ gangSaid }: PodFacts): string | null {
  return gangSaid === null || gangSaid.dialect === 'native' || !gangSaid.strict ? null : gangSaid.key;
}

/** Somebody else's scheduling gate is on the pod. */
export const heldBack = (pod: PodFacts): boolean => pod.gates.some((gate) => gate !== PLACEMENT_GATE);

/** Priority, then age, then name: whose turn it is within a gang, and between gangs by their first member. */
export function inLine(a: PodFacts, b: PodFacts): number {
  if (a.priority !== b.priority) return b.priority - a.priority;
  if (a.createdMs !== b.createdMs) return a.createdMs - b.createdMs;
  if (a.namespace !== b.namespace) return a.namespace < b.namespace ? -1 : 1;
  return a.name.length - b.name.length || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
}

/**
 * What must be placed now so that the minimum runs, as the planner takes it. `held`: uids that have a place already (planned, or being
 * bound) with their nodes; they are neither members nor forgotten. null: nothing is missing.
 */
export function groupToPlan(standing: GangStanding, held: (uid: string) => string | null): GangGroup | null {
  const { object } = standing;
  const subGroups = object?.subGroups ?? [];
  const free = standing.waiting.filter((pod) => held(pod.uid) === null);
  const counted = [...standing.settled, ...standing.waiting.filter((pod) => held(pod.uid) !== null)];
  const own = (pods: readonly PodFacts[]): PodFacts[] =>
    pods.filter((pod) => (pod.gangSaid?.subGroup ?? null) === null);
  const tree = { subGroups, minSubGroup: object?.minSubGroup ?? null };
  // what the sub-groups do not say is made up by members of none
  const inGroups = leastMembers(tree);
  const needed = Math.max(0, standing.minMember - inGroups - (subGroups.length === 0 ? counted : own(counted)).length);
  const below = groupsOf(null);
  if (needed === 0 && below.neededGroups === 0) return null;
  return {
    name: standing.key,
    needed,
    members: subGroups.length === 0 ? free : own(free),
    settled: nodesOf(counted),
    ...below,
    topology: topologyOf(object?.topology),
  };

  function nodesOf(pods: readonly PodFacts[]): string[] {
    return [...new Set(pods.map((pod) => pod.nodeName ?? held(pod.uid)).filter((node) => node !== null))];
  }

  /** The children that lack something, as far as some of them are needed: where members are already first. */
  function groupsOf(parent: string | null): Pick<GangGroup, 'children' | 'neededGroups'> {
    const all = childrenOf(tree, parent).map(({ name }) => childOf(name));
    const children = all.filter((child) => child !== null);
    const neededGroups = Math.max(0, neededGroupsOf(tree, parent) - (all.length - children.length));
    if (neededGroups === 0) return { children: [], neededGroups };
    const begun = ({ settled }: GangGroup): number => (settled.length > 0 ? 0 : 1);
    return { children: children.sort((a, b) => begun(a) - begun(b)), neededGroups };
  }

  function childOf(name: string): GangGroup | null {
    const sub = subGroups.find((one) => one.name === name)!;
    const mine = (pods: readonly PodFacts[]): PodFacts[] => pods.filter((pod) => pod.gangSaid?.subGroup === name);
    const below = groupsOf(name);
    const missing = Math.max(0, sub.minMember - mine(counted).length);
    if (missing === 0 && below.neededGroups === 0) return null;
    return {
      name,
      needed: missing,
      members: mine(free),
      settled: nodesOf(mine(counted)),
      ...below,
      topology: topologyOf(sub.topology),
    };
  }
}

function topologyOf(facts: { required: string | null; preferred: string | null } | undefined): GangTopology {
  return facts === undefined ? ANYWHERE : { ...facts, levels: [] };
}

const rankOf = (dialect: GangDialect): number => GANG_DIALECTS.indexOf(dialect);

function smallestSaid(said: readonly GangSaid[]): number | null {
  const numbers = said.map(({ minMember }) => minMember).filter((number) => number !== null);
  return numbers.length === 0 ? null : Math.min(...numbers);
}

function problemOf(
  members: readonly PodFacts[],
  said: readonly GangSaid[],
  object: GangObjectFacts | null,
): string | null {
  const wrong = said.find(({ problem }) => problem !== null);
  if (wrong !== undefined) return wrong.problem;
  if (object?.problem != null) return object.problem;
  const counts = members.filter((pod) => pod.gangSaid?.minMember != null);
  const [first] = counts;
  const other = counts.find((pod) => pod.gangSaid!.minMember !== first!.gangSaid!.minMember);
  if (first !== undefined && other !== undefined)
    return `pod ${key(first)} says that ${first.gangSaid!.minMember} members start together, pod ${key(other)} says ${other.gangSaid!.minMember}; write the same number`;
  if (first !== undefined && object !== null && first.gangSaid!.minMember !== object.minMember)
    return `PodGroup ${object.key} has minMember ${object.minMember}, pod ${key(first)} says ${first.gangSaid!.minMember}; keep one of them`;
  const waiting = members.filter((pod) => !pod.terminal && !pod.terminating);
  const stranger = waiting.find((pod) => pod.schedulerName !== waiting[0]!.schedulerName);
  if (stranger !== undefined)
    return `pod ${key(waiting[0]!)} names the scheduler ${waiting[0]!.schedulerName}, pod ${key(stranger)} names ${stranger.schedulerName}; members of a gang must name the same one`;
  const names = new Set((object?.subGroups ?? []).map(({ name }) => name));
  const lost = object === null ? undefined : members.find((pod) => outside(pod, names));
  if (lost !== undefined)
    return `pod ${key(lost)} is in sub-group ${lost.gangSaid!.subGroup}, which PodGroup ${object!.key} does not have`;
  return null;
}

/** Other tools fall back to the pods' own priority there, and so do we for their objects. */
function unknownClass(object: GangObjectFacts | null, classes: ReadonlyMap<string, number>): string | null {
  if (object?.dialect !== 'muster' || object.priorityClassName === '') return null;
  if (classes.size === 0 || classes.has(object.priorityClassName)) return null;
  return `PodGroup ${object.key} names the PriorityClass ${object.priorityClassName}, which does not exist; create it or correct the name`;
}

const outside = (pod: PodFacts, names: ReadonlySet<string>): boolean =>
  pod.gangSaid !== null && pod.gangSaid.subGroup !== null && !names.has(pod.gangSaid.subGroup);

function missingOf(
  { dialect }: GangSaid,
  object: GangObjectFacts | null,
  minMember: number,
  settled: readonly PodFacts[],
  waiting: readonly PodFacts[],
): string {
  if (minMember === 0)
    return dialect === 'muster'
      ? 'no PodGroup of this name and no annotation muster.dev/min-member says how many members start together'
      : 'its PodGroup is not there yet, and nothing else says how many members start together';
  const there = settled.length + waiting.length;
  if (there < minMember) return `${there} of ${minMember} members are there`;
  const tree = { subGroups: object?.subGroups ?? [], minSubGroup: object?.minSubGroup ?? null };
  const membersIn = (name: string): number =>
    [...settled, ...waiting].filter((pod) => pod.gangSaid?.subGroup === name).length;
  const whole = wholeGroups(tree, null, membersIn).length;
  const needed = neededGroupsOf(tree, null);
  if (whole >= needed) return '';
  const short = tree.subGroups.find(({ name, minMember }) => membersIn(name) < minMember);
  if (short !== undefined && needed === childrenOf(tree, null).length)
    return `${membersIn(short.name)} of ${short.minMember} members of sub-group ${short.name} are there`;
  return `${whole} of ${needed} sub-groups are there`;
}

/** Those of the group itself and of all below it. */
export const membersOf = ({ members, children }: GangGroup): PodFacts[] => [...members, ...children.flatMap(membersOf)];
