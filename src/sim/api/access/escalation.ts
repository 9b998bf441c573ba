/**
 * Nobody grants what they do not have: writing a role needs all its rules or the verb `escalate`, writing a binding needs all
 * rules of its role or the verb `bind`.
 */
import { isDeepStrictEqual } from 'node:util';
import { notFound } from '../errors.ts';
import { isObject, type KubeObject, objectAt, textAt } from '../object.ts';
import { attributesOf } from './attributes.ts';
import { forbiddenObject, type Gate } from './gate.ts';
import { RBAC_GROUP } from './rbac.ts';
import { type PolicyRule, readRules, ruleText, uncovered } from './role-rules.ts';
import { MASTERS, type User } from './user.ts';

const EVERYTHING: readonly PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'], resourceNames: [], nonResourceURLs: [] },
  { verbs: ['*'], apiGroups: [], resources: [], resourceNames: [], nonResourceURLs: ['*'] },
];

const quotedList = (texts: readonly string[]) => `[${texts.map((one) => JSON.stringify(one)).join(' ')}]`;

/** Verbs of the same resource in one rule, as the refusal shows them. */
function compact(rules: readonly PolicyRule[]): PolicyRule[] {
  const byTarget = Map.groupBy(rules, ({ verbs: _verbs, ...target }) => JSON.stringify(target));
  return [...byTarget.values()].map((same) => ({ ...same[0]!, verbs: same.flatMap((rule) => rule.verbs) }));
}

function refusal(user: User, plural: string, name: string, missing: readonly PolicyRule[]) {
  const rules = compact(missing).map(ruleText).sort().join('\n');
  const who = `user ${JSON.stringify(user.name)} (groups=${quotedList(user.groups)})`;
  const why = `${who} is attempting to grant RBAC permissions not currently held:\n${rules}`;
  return forbiddenObject(RBAC_GROUP, plural, name, why);
}

/** Throws 403, and 404 for a binding to a role that is not there. `plural` is one of the four resources of RBAC. */
export function checkEscalation(
  gate: Gate,
  user: User,
  plural: string,
  object: KubeObject,
  old: KubeObject | null,
): void {
  if (user.groups.includes(MASTERS)) return;
  const namespace = object.metadata.namespace ?? '';
  const { name } = object.metadata;
  const about = { group: RBAC_GROUP, version: 'v1', namespace };
  const held = gate.rbac.rulesOf(user, namespace);
  if (plural.endsWith('roles')) {
    if (
      old !== null &&
      isDeepStrictEqual(old.rules, object.rules) &&
      isDeepStrictEqual(old.aggregationRule, object.aggregationRule)
    )
      return;
    if (gate.decide(user, attributesOf({ ...about, verb: 'escalate', resource: plural, name })).allowed) return;
    if (isObject(object.aggregationRule) && uncovered(held, EVERYTHING).length > 0)
      throw forbiddenObject(RBAC_GROUP, plural, name, 'must have cluster-admin privileges to use the aggregationRule');
    const missing = uncovered(held, readRules(object));
    if (missing.length > 0) throw refusal(user, plural, name, missing);
    return;
  }
  if (
    old !== null &&
    isDeepStrictEqual(old.subjects, object.subjects) &&
    isDeepStrictEqual(old.roleRef, object.roleRef)
  )
    return;
  const roleRef = objectAt(object, 'roleRef');
  const role = textAt(roleRef, 'name');
  const ofCluster = textAt(roleRef, 'kind') === 'ClusterRole';
  const resource = ofCluster ? 'clusterroles' : 'roles';
  if (gate.decide(user, attributesOf({ ...about, verb: 'bind', resource, name: role })).allowed) return;
  const rules = gate.rbac.rulesOfRole(roleRef, namespace);
  if (rules === null) throw notFound(`${resource}.${RBAC_GROUP}`, role);
  const missing = uncovered(held, rules);
  if (missing.length > 0) throw refusal(user, plural, name, missing);
}
