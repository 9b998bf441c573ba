/**
 * A PodGroup of whichever CRD → what it says about its gang. The CRD is told by apiVersion, which a list of a built-in kind leaves out and
 * whoever reads one puts in. Never throws; what can never start is kept as a problem, for people.
 * Sources: scheduler-plugins, Koordinator (the older group of the same CRD), Volcano v1beta1, KAI v2alpha2, KEP-4671.
 */
import type {
  GangDialect,
  GangObjectFacts,
  GangSubGroupFacts,
  GangTopologyFacts,
} from '../../core/placement/gang/gang-facts.ts';
import { leastMembers } from '../../core/placement/gang/sub-groups.ts';
import { fieldsOf, integerOf, listOf, own, textOf } from './shapes.ts';

/** A version of a kind that says who starts together. */
export type GangKind = { readonly dialect: GangDialect; readonly group: string; readonly versions: readonly string[] };

/** In the order in which versions are preferred. The resource is `podgroups` everywhere. */
export const GANG_KINDS: readonly GangKind[] = [
  { dialect: 'native', group: 'scheduling.k8s.io', versions: ['v1', 'v1beta1', 'v1alpha2'] },
  { dialect: 'muster', group: 'muster.dev', versions: ['v1alpha1'] },
  { dialect: 'coscheduling', group: 'scheduling.x-k8s.io', versions: ['v1alpha1'] },
  { dialect: 'coscheduling-old', group: 'scheduling.sigs.k8s.io', versions: ['v1alpha1'] },
  { dialect: 'kai', group: 'scheduling.run.ai', versions: ['v2alpha2'] },
  { dialect: 'volcano', group: 'scheduling.volcano.sh', versions: ['v1beta1'] },
];

const MOST_MEMBERS = 100_000;
const MOST_SUB_GROUPS = 256;
const LONGEST_WAIT_S = 86_400;
const NOWHERE: GangTopologyFacts = { required: null, preferred: null };

/** null without uid, namespace and name, and for other kinds */
export function projectGang(object: unknown): GangObjectFacts | null {
  const metadata = fieldsOf(own(object, 'metadata'));
  const uid = textOf(own(metadata, 'uid'));
  const namespace = textOf(own(metadata, 'namespace'));
  const name = textOf(own(metadata, 'name'));
  const [group] = textOf(own(object, 'apiVersion')).split('/');
  const kind = GANG_KINDS.find((one) => one.group === group);
  if (uid === '' || namespace === '' || name === '' || kind === undefined) return null;
  const { dialect } = kind;
  const spec = own(object, 'spec');
  const key = `${namespace}/${name}`;
  const problems: string[] = [];
  const said = minimumOf(dialect, spec);
  // KAI, Volcano and a native group without the gang policy start with one
  const optional = dialect === 'kai' || dialect === 'volcano' || (dialect === 'native' && said === undefined);
  const least = said === undefined || said === 0 ? (optional ? 1 : 0) : integerOf(said, 0);
  if (least < 1 || least > MOST_MEMBERS)
    problems.push(
      `PodGroup ${key}: ${MINIMUM[dialect] ?? 'spec.minMember'} must be a whole number from 1 to ${MOST_MEMBERS}`,
    );
  const subGroups = subGroupsOf(key, dialect, spec, problems);
  const fewer = minSubGroupOf(spec, subGroups.filter(({ parent }) => parent === null).length);
  if (fewer === 'wrong') problems.push(`PodGroup ${key}: ${WRONG_SUB_GROUPS}`);
  const minSubGroup = fewer === 'wrong' ? null : fewer;
  const inGroups = leastMembers({ subGroups, minSubGroup });
  if (dialect === 'muster' && inGroups > least)
    problems.push(
      `PodGroup ${key}: minMember ${least} is less than the ${inGroups} that its sub-groups need; raise it or lower theirs`,
    );
  const wait = integerOf(own(spec, 'scheduleTimeoutSeconds'), 0);
  const loss = own(spec, 'onMemberLoss');
  const generation = integerOf(own(metadata, 'generation'), 0);
  const phase = textOf(own(own(object, 'status'), 'phase'));
  return {
    key,
    dialect,
    uid,
    minMember: Math.max(1, Math.min(MOST_MEMBERS, Math.max(least, inGroups))),
    waitSeconds: wait >= 1 ? Math.min(wait, LONGEST_WAIT_S) : null,
    queue: textOf(own(spec, 'queue')),
    priorityClassName: textOf(own(spec, 'priorityClassName')),
    topology: topologyOf(dialect, spec),
    subGroups,
    ...(minSubGroup !== null && { minSubGroup }),
    onMemberLoss: dialect === 'muster' && (loss === 'restart' || loss === 'evict') ? loss : 'keep',
    problem: problems[0] ?? null,
    ...(generation > 0 && { generation }),
    ...(phase !== '' && { phase }),
  };
}

const WRONG_SUB_GROUPS = 'minSubGroup must be a whole number from 1 to the number of sub-groups that it is about';

/** How many of `among` sub-groups are needed; null: all. */
function minSubGroupOf(object: unknown, among: number): number | null | 'wrong' {
  const said = written(object, 'minSubGroup');
  if (said === undefined) return null;
  const number = integerOf(said, 0);
  return number >= 1 && number <= among ? number : 'wrong';
}

const MINIMUM: Partial<Record<GangDialect, string>> = { native: 'spec.schedulingPolicy.gang.minCount' };

function minimumOf(dialect: GangDialect, spec: unknown): unknown {
  if (dialect === 'native') return written(own(own(spec, 'schedulingPolicy'), 'gang'), 'minCount');
  return written(spec, 'minMember');
}

/** undefined also for lists, objects and null: they are no numbers written wrongly, they are nothing */
function written(object: unknown, key: string): unknown {
  const value = own(object, key);
  return typeof value === 'object' ? undefined : value;
}

function topologyOf(dialect: GangDialect, spec: unknown): GangTopologyFacts {
  const level = (value: unknown): string | null => textOf(value) || null;
  if (dialect === 'muster') {
    const topology = own(spec, 'topology');
    return { required: level(own(topology, 'required')), preferred: level(own(topology, 'preferred')) };
  }
  if (dialect === 'kai') {
    const constraint = own(spec, 'topologyConstraint');
    return {
      required: level(own(constraint, 'requiredTopologyLevel')),
      preferred: level(own(constraint, 'preferredTopologyLevel')),
    };
  }
  if (dialect !== 'native') return NOWHERE;
  const [first] = listOf(own(own(spec, 'schedulingConstraints'), 'topology'));
  return { required: level(own(first, 'key')), preferred: null };
}

function subGroupsOf(
  key: string,
  dialect: GangDialect,
  spec: unknown,
  problems: string[],
): readonly GangSubGroupFacts[] {
  if (dialect !== 'muster' && dialect !== 'kai') return [];
  const list = listOf(own(spec, 'subGroups'));
  if (list.length > MOST_SUB_GROUPS) {
    problems.push(`PodGroup ${key}: at most ${MOST_SUB_GROUPS} sub-groups are served`);
    return [];
  }
  const groups = list.map((item): GangSubGroupFacts => {
    return {
      name: textOf(own(item, 'name')),
      parent: textOf(own(item, 'parent')) || null,
      // one that only holds others has no members of its own
      minMember: Math.max(0, Math.min(MOST_MEMBERS, integerOf(own(item, 'minMember'), 0))),
      topology: topologyOf(dialect, item),
    };
  });
  const problem = wrongIn(groups);
  if (problem === null) {
    return groups.map((group, at): GangSubGroupFacts => {
      const fewer = minSubGroupOf(list[at], groups.filter(({ parent }) => parent === group.name).length);
      if (fewer === 'wrong') problems.push(`PodGroup ${key}: sub-group ${group.name}: ${WRONG_SUB_GROUPS}`);
      return typeof fewer === 'number' ? { ...group, minSubGroup: fewer } : group;
    });
  }
  problems.push(`PodGroup ${key}: ${problem}`);
  return [];
}

/** What is wrong with the tree of sub-groups; null: nothing. */
function wrongIn(groups: readonly GangSubGroupFacts[]): string | null {
  const parents = new Map(groups.map(({ name, parent }) => [name, parent]));
  if (parents.size < groups.length) return 'two sub-groups have the same name';
  for (const { name, parent } of groups) {
    if (name === '') return 'a sub-group has no name';
    if (parent !== null && !parents.has(parent))
      return `sub-group ${name} names the parent ${parent}, which is none of them`;
    let above = parent;
    for (let steps = 0; above !== null; steps++) {
      if (steps > groups.length) return `sub-group ${name} is its own ancestor`;
      above = parents.get(above) ?? null;
    }
  }
  return null;
}
