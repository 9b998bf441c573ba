/** A policy/v1 PodDisruptionBudget → which pods it guards and how many of them may still be evicted. Never throws. */
import { fieldsOf, integerOf, listOf, own, type Texts, textOf, textsOf } from './shapes.ts';

export type LabelRequirement = {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  readonly values: readonly string[];
};
/** ANDed; [] selects everything, null nothing. Plain data: it crosses threads. */
export type LabelSelector = readonly LabelRequirement[] | null;

export type PdbObject = {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  /** of pods in the same namespace. `{}` selects all of them, an absent or malformed one none (policy/v1). */
  readonly selector: LabelSelector;
  /** status.disruptionsAllowed, ≥ 0 */
  readonly disruptionsAllowed: number;
  /** names of pods whose eviction was granted and is counted already */
  readonly disruptedPods: readonly string[];
};

/** null without uid, namespace and name */
export function projectPdb(object: unknown): PdbObject | null {
  const metadata = fieldsOf(own(object, 'metadata'));
  const uid = textOf(own(metadata, 'uid'));
  const namespace = textOf(own(metadata, 'namespace'));
  const name = textOf(own(metadata, 'name'));
  if (uid === '' || namespace === '' || name === '') return null;
  const status = own(object, 'status');
  return {
    uid,
    namespace,
    name,
    selector: selectorOf(own(own(object, 'spec'), 'selector')),
    disruptionsAllowed: Math.max(0, integerOf(own(status, 'disruptionsAllowed'), 0)),
    disruptedPods: Object.keys(fieldsOf(own(status, 'disruptedPods'))),
  };
}

/** Like Kubernetes' label selectors: NotIn also matches where the key is missing. */
export function selects(selector: LabelSelector, labels: Texts): boolean {
  if (selector === null) return false;
  for (const { key, operator, values } of selector) {
    const label = own(labels, key);
    const there = typeof label === 'string';
    if (operator === 'Exists' ? !there : operator === 'DoesNotExist' ? there : false) return false;
    const listed = there && values.includes(label);
    if (operator === 'In' ? !listed : operator === 'NotIn' ? listed : false) return false;
  }
  return true;
}

function selectorOf(value: unknown): LabelSelector {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const requirements: LabelRequirement[] = [];
  for (const [key, text] of Object.entries(textsOf(own(value, 'matchLabels')))) {
    requirements.push({ key, operator: 'In', values: [text] });
  }
  for (const item of listOf(own(value, 'matchExpressions'))) {
    const requirement = requirementOf(item);
    if (requirement === null) return null;
    requirements.push(requirement);
  }
  return requirements;
}

function requirementOf(value: unknown): LabelRequirement | null {
  const key = textOf(own(value, 'key'));
  const operator = own(value, 'operator');
  const values = listOf(own(value, 'values')).filter((item): item is string => typeof item === 'string');
  if (key === '') return null;
  switch (operator) {
    case 'In':
    case 'NotIn':
      return values.length === 0 ? null : { key, operator, values };
    case 'Exists':
    case 'DoesNotExist':
      return values.length === 0 ? { key, operator, values } : null;
    default:
      return null;
  }
}
