/** Policy rules of RBAC: what one allows, and whether some of them cover another. Pure. */
import { arrayAt } from '../object.ts';
import type { Attributes } from './attributes.ts';

export type PolicyRule = {
  readonly verbs: readonly string[];
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  /** empty: all names */
  readonly resourceNames: readonly string[];
  readonly nonResourceURLs: readonly string[];
};

const texts = (parent: unknown, key: string) => arrayAt(parent, key).filter((one) => typeof one === 'string');

/** `rules` of a Role or ClusterRole. */
export function readRules(role: unknown): PolicyRule[] {
  return arrayAt(role, 'rules').map((rule) => ({
    verbs: texts(rule, 'verbs'),
    apiGroups: texts(rule, 'apiGroups'),
    resources: texts(rule, 'resources'),
    resourceNames: texts(rule, 'resourceNames'),
    nonResourceURLs: texts(rule, 'nonResourceURLs'),
  }));
}

const hasOrAll = (list: readonly string[], wanted: string) => list.includes(wanted) || list.includes('*');

function resourceMatches(rule: PolicyRule, resource: string, subresource: string): boolean {
  const wanted = subresource === '' ? resource : `${resource}/${subresource}`;
  return rule.resources.some(
    (one) => one === '*' || one === wanted || (subresource !== '' && one === `*/${subresource}`),
  );
}

const urlMatches = (rule: string, path: string) =>
  rule === '*' || rule === path || (rule.endsWith('*') && path.startsWith(rule.slice(0, -1)));

export function ruleAllows(rule: PolicyRule, wanted: Attributes): boolean {
  if (!hasOrAll(rule.verbs, wanted.verb)) return false;
  if (!wanted.isResource) return rule.nonResourceURLs.some((url) => urlMatches(url, wanted.path));
  return (
    hasOrAll(rule.apiGroups, wanted.group) &&
    resourceMatches(rule, wanted.resource, wanted.subresource) &&
    (rule.resourceNames.length === 0 || rule.resourceNames.includes(wanted.name))
  );
}

/** The parts of `wanted` that no rule of `held` covers: each with one verb and one resource or path. */
export function uncovered(held: readonly PolicyRule[], wanted: readonly PolicyRule[]): PolicyRule[] {
  return wanted.flatMap(elementary).filter((one) => !held.some((rule) => covers(rule, one)));
}

function elementary(rule: PolicyRule): PolicyRule[] {
  const none = { apiGroups: [], resources: [], resourceNames: [], nonResourceURLs: [] };
  return rule.verbs.flatMap((verb) => [
    ...rule.nonResourceURLs.map((url) => ({ ...none, verbs: [verb], nonResourceURLs: [url] })),
    ...rule.apiGroups.flatMap((group) =>
      rule.resources.flatMap((resource) =>
        (rule.resourceNames.length === 0 ? [null] : rule.resourceNames).map((name) => ({
          ...none,
          verbs: [verb],
          apiGroups: [group],
          resources: [resource],
          resourceNames: name === null ? [] : [name],
        })),
      ),
    ),
  ]);
}

function covers(rule: PolicyRule, one: PolicyRule): boolean {
  if (!hasOrAll(rule.verbs, one.verbs[0]!)) return false;
  const url = one.nonResourceURLs[0];
  if (url !== undefined) return rule.nonResourceURLs.some((held) => urlMatches(held, url));
  const [resource = '', subresource = ''] = one.resources[0]!.split('/');
  const name = one.resourceNames[0];
  return (
    hasOrAll(rule.apiGroups, one.apiGroups[0]!) &&
    resourceMatches(rule, resource, subresource) &&
    (rule.resourceNames.length === 0 || (name !== undefined && rule.resourceNames.includes(name)))
  );
}

/** As Go prints a rule in the refusal of an escalation. */
export function ruleText(rule: PolicyRule): string {
  const parts = Object.entries({
    APIGroups: rule.apiGroups,
    Resources: rule.resources,
    ResourceNames: rule.resourceNames,
    NonResourceURLs: rule.nonResourceURLs,
    Verbs: rule.verbs,
  })
    .filter(([, list]) => list.length > 0)
    .map(([key, list]) => `${key}:[${list.map((one) => JSON.stringify(one)).join(' ')}]`);
  return `{${parts.join(', ')}}`;
}
