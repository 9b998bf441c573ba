/** Whom a configuration means: rules, scope, namespaces, labels. */
import { arrayAt, isObject, type JsonObject, objectAt, storeKey, textAt } from '../object.ts';
import { resourceId } from '../resources.ts';
import { matchesLabelSelector } from '../selectors.ts';
import type { Store } from '../store.ts';
import type { Review } from './review.ts';

/** resources that stay writable whatever is configured: or nobody could mend a configuration that refuses everything */
const EXEMPT = new Set([
  'admissionregistration.k8s.io/validatingwebhookconfigurations',
  'admissionregistration.k8s.io/mutatingwebhookconfigurations',
  'admissionregistration.k8s.io/validatingadmissionpolicies',
  'admissionregistration.k8s.io/validatingadmissionpolicybindings',
]);

export function isExempt({ route }: Review): boolean {
  return EXEMPT.has(`${route.resource.group}/${route.resource.plural}`);
}

function ruleMatches(rule: unknown, review: Review, anyVersion: boolean): boolean {
  const { resource, subresource, name } = review.route;
  const has = (key: string, wanted: string) => {
    const list = arrayAt(rule, key);
    return list.includes('*') || list.includes(wanted);
  };
  if (!has('operations', review.operation) || !has('apiGroups', resource.group)) return false;
  if (!anyVersion && !has('apiVersions', resource.version)) return false;
  const scope = textAt(rule, 'scope') || '*';
  // a Namespace has a namespace in its path and is of the cluster nevertheless
  if (scope !== '*' && (scope === 'Namespaced') !== resource.namespaced) return false;
  const names = arrayAt(rule, 'resourceNames');
  if (names.length > 0 && !names.includes(name || review.object?.metadata.name)) return false;
  return arrayAt(rule, 'resources').some((one) => {
    const [main, sub = ''] = String(one).split('/');
    return (main === '*' || main === resource.plural) && (sub === '*' || sub === subresource);
  });
}

/** `matchPolicy: Equivalent` means every served version of the resource that a rule names. */
export function rulesMatch(rules: readonly unknown[], matchPolicy: string, review: Review): boolean {
  return rules.some((rule) => ruleMatches(rule, review, matchPolicy !== 'Exact'));
}

const isEmpty = (selector: unknown) =>
  !isObject(selector) ||
  (Object.keys(objectAt(selector, 'matchLabels')).length === 0 && arrayAt(selector, 'matchExpressions').length === 0);

export function objectSelected(selector: unknown, { object, old }: Review): boolean {
  if (isEmpty(selector)) return true;
  return [object, old].some((one) => one !== null && matchesLabelSelector(selector, one.metadata.labels ?? {}));
}

/** The Namespace the request is in; null at the scope of the cluster. */
export function namespaceOf(store: Store, review: Review): JsonObject | null {
  const { route } = review;
  if (route.resource.kind === 'Namespace') return review.object ?? review.old;
  if (route.namespace === null) return null;
  return store.table(resourceId('v1', 'namespaces')).get(storeKey('', route.namespace))?.object ?? null;
}

export function namespaceSelected(selector: unknown, store: Store, review: Review): boolean {
  if (isEmpty(selector)) return true;
  const { resource } = review.route;
  if (!resource.namespaced && resource.kind !== 'Namespace') return true;
  const labels = objectAt(objectAt(namespaceOf(store, review), 'metadata'), 'labels');
  return matchesLabelSelector(selector, labels as Record<string, string>);
}

/** `matchConstraints` of a policy, `matchResources` of a binding. */
export function constraintsMatch(constraints: unknown, store: Store, review: Review): boolean {
  if (!isObject(constraints)) return true;
  const matchPolicy = textAt(constraints, 'matchPolicy') || 'Equivalent';
  const rules = arrayAt(constraints, 'resourceRules');
  return (
    (rules.length === 0 || rulesMatch(rules, matchPolicy, review)) &&
    !rulesMatch(arrayAt(constraints, 'excludeResourceRules'), matchPolicy, review) &&
    objectSelected(constraints.objectSelector, review) &&
    namespaceSelected(constraints.namespaceSelector, store, review)
  );
}
