/**
 * nodeSelector, node affinity and tolerations of a pod spec. What Kubernetes could not parse matches nothing there: such a
 * term is left out here, such a toleration tolerates nothing.
 */
import { NO_CONSTRAINTS } from '../../core/placement/constraints.ts';
import type {
  NodeConstraints,
  NodeRequirement,
  NodeTerm,
  PreferredTerm,
  Toleration,
} from '../../core/placement/pod-facts.ts';
import { integerOf, listOf, own, textOf, textsOf } from './shapes.ts';

/** The shared NO_CONSTRAINTS when the spec has none. */
export function constraintsOf(spec: unknown): NodeConstraints {
  const nodeSelector = textsOf(own(spec, 'nodeSelector'));
  const affinity = own(own(spec, 'affinity'), 'nodeAffinity');
  const requiredTerms = requiredOf(own(affinity, 'requiredDuringSchedulingIgnoredDuringExecution'));
  const preferredTerms = preferredOf(own(affinity, 'preferredDuringSchedulingIgnoredDuringExecution'));
  const tolerations = listOf(own(spec, 'tolerations'))
    .map(tolerationOf)
    .filter((item) => item !== null);
  const none =
    requiredTerms === null &&
    preferredTerms.length === 0 &&
    tolerations.length === 0 &&
    Object.keys(nodeSelector).length === 0;
  return none ? NO_CONSTRAINTS : { nodeSelector, requiredTerms, preferredTerms, tolerations };
}

function requiredOf(selector: unknown): readonly NodeTerm[] | null {
  if (selector === undefined || selector === null) return null;
  return listOf(own(selector, 'nodeSelectorTerms'))
    .map(termOf)
    .filter((term) => term !== null);
}

function preferredOf(list: unknown): readonly PreferredTerm[] {
  const terms: PreferredTerm[] = [];
  for (const item of listOf(list)) {
    const weight = integerOf(own(item, 'weight'), 0);
    const term = termOf(own(item, 'preference'));
    if (weight > 0 && term !== null) terms.push({ weight, term });
  }
  return terms;
}

/** null: it matches no node, empty as it is or for a requirement that cannot be read */
function termOf(value: unknown): NodeTerm | null {
  const term: NodeRequirement[] = [];
  for (const [name, field] of [
    ['matchExpressions', false],
    ['matchFields', true],
  ] as const) {
    for (const item of listOf(own(value, name))) {
      const requirement = requirementOf(item, field);
      if (requirement === null) return null;
      term.push(requirement);
    }
  }
  return term.length === 0 ? null : term;
}

const REQUIREMENT_OPERATORS: ReadonlySet<unknown> = new Set<NodeRequirement['operator']>([
  'In',
  'NotIn',
  'Exists',
  'DoesNotExist',
  'Gt',
  'Lt',
]);
const isRequirementOperator = (value: unknown): value is NodeRequirement['operator'] =>
  REQUIREMENT_OPERATORS.has(value);

function requirementOf(value: unknown, field: boolean): NodeRequirement | null {
  const key = textOf(own(value, 'key'));
  const operator = own(value, 'operator');
  const values = listOf(own(value, 'values'));
  if (key === '' || !isRequirementOperator(operator) || !allTexts(values)) return null;
  return { key, operator, values, field };
}

const allTexts = (values: readonly unknown[]): values is readonly string[] =>
  values.every((value) => typeof value === 'string');

const TOLERATION_OPERATORS: ReadonlySet<unknown> = new Set<Toleration['operator']>(['Exists', 'Equal', 'Lt', 'Gt']);
const isTolerationOperator = (value: unknown): value is Toleration['operator'] => TOLERATION_OPERATORS.has(value);

function tolerationOf(value: unknown): Toleration | null {
  if (typeof value !== 'object' || value === null) return null;
  const operator = own(value, 'operator') || 'Equal';
  if (!isTolerationOperator(operator)) return null;
  return {
    key: textOf(own(value, 'key')),
    operator,
    value: textOf(own(value, 'value')),
    effect: textOf(own(value, 'effect')),
  };
}
