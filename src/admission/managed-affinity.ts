/** Keeps pods that ask for a share on managed nodes: a required node affinity, ANDed into what the pod requires already. */
import { MANAGED } from '../core/names.ts';
import { fieldOf, listOf, mapShared, withField } from './json-value.ts';

const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution';
const managedNode = () => ({ key: MANAGED, operator: 'In', values: ['true'] });

/** `spec.affinity` with the requirement in every term (terms are ORed), or with one term of its own. */
export function withManagedAffinity(affinity: unknown): unknown {
  const nodeAffinity = fieldOf(affinity, 'nodeAffinity');
  const required = fieldOf(nodeAffinity, REQUIRED);
  const terms = fieldOf(required, 'nodeSelectorTerms');
  const wanted = Array.isArray(terms) ? mapShared(terms, withRequirement) : [{ matchExpressions: [managedNode()] }];
  if (wanted === terms) return affinity;
  const changed = withField(required, 'nodeSelectorTerms', wanted);
  return withField(affinity, 'nodeAffinity', withField(nodeAffinity, REQUIRED, changed));
}

function withRequirement(term: unknown): unknown {
  const expressions = listOf(fieldOf(term, 'matchExpressions'));
  const fields = listOf(fieldOf(term, 'matchFields'));
  // a term without requirements matches no node; with ours it would suddenly match
  if (expressions.length === 0 && fields.length === 0) return term;
  if (expressions.some(isManagedNode)) return term;
  return withField(term, 'matchExpressions', [...expressions, managedNode()]);
}

function isManagedNode(requirement: unknown): boolean {
  const values = listOf(fieldOf(requirement, 'values'));
  return (
    fieldOf(requirement, 'key') === MANAGED &&
    fieldOf(requirement, 'operator') === 'In' &&
    values.length === 1 &&
    values[0] === 'true'
  );
}
