/** Label and field selectors of lists and watches: parsed once, then a plain predicate per object. */
import { badRequest } from './errors.ts';
import { type KubeObject, textAt } from './object.ts';
import type { Resource } from './resources.ts';

export type Predicate = (object: KubeObject) => boolean;

const SET_BASED = /^\s*([^\s!=,()]+)\s+(in|notin)\s*\(([^)]*)\)\s*$/;
const EQUALITY = /^\s*([^\s!=,()]+)\s*(==|=|!=)\s*([^\s!=,()]*)\s*$/;
const EXISTENCE = /^\s*(!?)\s*([^\s!=,()]+)\s*$/;

function splitOutsideParentheses(text: string): string[] {
  return text.split(/,(?![^(]*\))/).filter((part) => part.trim() !== '');
}

/** Throws 400 for what is not a selector. */
export function parseLabelSelector(text: string): ((labels: Readonly<Record<string, string>>) => boolean) | null {
  const requirements = splitOutsideParentheses(text).map((part) => {
    const set = SET_BASED.exec(part);
    if (set) {
      const [, key = '', operator, list = ''] = set;
      const values = new Set(list.split(',').map((value) => value.trim()));
      const wanted = operator === 'in';
      return (labels: Readonly<Record<string, string>>) =>
        labels[key] === undefined ? !wanted : values.has(labels[key]) === wanted;
    }
    const equality = EQUALITY.exec(part);
    if (equality) {
      const [, key = '', operator, value] = equality;
      const wanted = operator !== '!=';
      return (labels: Readonly<Record<string, string>>) => (labels[key] === value) === wanted;
    }
    const existence = EXISTENCE.exec(part);
    if (existence) {
      const [, not, key = ''] = existence;
      return (labels: Readonly<Record<string, string>>) => (labels[key] !== undefined) === (not === '');
    }
    throw badRequest(`unable to parse requirement: ${part}`);
  });
  if (requirements.length === 0) return null;
  return (labels) => requirements.every((matches) => matches(labels));
}

type Field = (object: KubeObject) => string;
const inSpec =
  (key: string): Field =>
  (object) =>
    textAt(object.spec, key);
const inStatus =
  (key: string): Field =>
  (object) =>
    textAt(object.status, key);
const involved =
  (key: string): Field =>
  (object) =>
    textAt(object.involvedObject, key);

const COMMON_FIELDS: Readonly<Record<string, Field>> = {
  'metadata.name': (object) => object.metadata.name,
  'metadata.namespace': (object) => object.metadata.namespace ?? '',
};

/** What else a selector may name, by kind, as in Kubernetes. */
const FIELDS: Readonly<Record<string, Readonly<Record<string, Field>>>> = {
  Pod: {
    'spec.nodeName': inSpec('nodeName'),
    'spec.schedulerName': inSpec('schedulerName'),
    'spec.restartPolicy': inSpec('restartPolicy'),
    'spec.serviceAccountName': inSpec('serviceAccountName'),
    'status.phase': inStatus('phase'),
    'status.nominatedNodeName': inStatus('nominatedNodeName'),
  },
  Node: { 'spec.unschedulable': (object) => String(object.spec?.unschedulable === true) },
  Namespace: { 'status.phase': inStatus('phase') },
  ResourceSlice: { 'spec.driver': inSpec('driver'), 'spec.nodeName': inSpec('nodeName') },
  Secret: { type: (object) => textAt(object, 'type') },
  Event: {
    'involvedObject.kind': involved('kind'),
    'involvedObject.name': involved('name'),
    'involvedObject.namespace': involved('namespace'),
    'involvedObject.uid': involved('uid'),
    'involvedObject.apiVersion': involved('apiVersion'),
    'involvedObject.resourceVersion': involved('resourceVersion'),
    'involvedObject.fieldPath': involved('fieldPath'),
    reportingComponent: (object) => textAt(object, 'reportingComponent'),
    source: (object) => textAt(object.source, 'component') || textAt(object, 'reportingComponent'),
    reason: (object) => textAt(object, 'reason'),
    type: (object) => textAt(object, 'type'),
  },
};

type Selectable = Pick<Resource, 'kind' | 'rules'>;

/** Throws 400 for a field that objects of this kind cannot be selected by. */
export function parseFieldSelector(resource: Selectable, text: string): Predicate | null {
  const requirements = splitOutsideParentheses(text).map((part) => {
    const match = EQUALITY.exec(part);
    const label = match?.[1] ?? '';
    const own = resource.rules === null ? FIELDS[resource.kind]?.[label] : resource.rules.selectableFields.get(label);
    const read = COMMON_FIELDS[label] ?? own;
    if (!match || !read) throw badRequest(`field label not supported: ${label || part}`);
    const [, , operator, value = ''] = match;
    return (object: KubeObject) => (read(object) === value) === (operator !== '!=');
  });
  return requirements.length === 0 ? null : (object) => requirements.every((matches) => matches(object));
}

/** One predicate for namespace, labels and fields; null when everything matches. */
export function parseSelection(
  resource: Selectable,
  namespace: string | null,
  query: URLSearchParams,
): Predicate | null {
  const labels = parseLabelSelector(query.get('labelSelector') ?? '');
  const fields = parseFieldSelector(resource, query.get('fieldSelector') ?? '');
  if (namespace === null && labels === null && fields === null) return null;
  return (object) =>
    (namespace === null || object.metadata.namespace === namespace) &&
    (labels === null || labels(object.metadata.labels ?? {})) &&
    (fields === null || fields(object));
}

/** `spec.selector` of PodDisruptionBudgets and the like: matchLabels and matchExpressions. An empty one matches everything. */
export function matchesLabelSelector(selector: unknown, labels: Readonly<Record<string, string>>): boolean {
  if (typeof selector !== 'object' || selector === null) return false;
  const { matchLabels = {}, matchExpressions = [] } = selector as {
    matchLabels?: Record<string, string>;
    matchExpressions?: { key: string; operator: string; values?: string[] }[];
  };
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const value = labels[key];
      if (operator === 'In') return value !== undefined && values.includes(value);
      if (operator === 'NotIn') return value === undefined || !values.includes(value);
      return (value !== undefined) === (operator === 'Exists');
    })
  );
}
