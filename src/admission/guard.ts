/**
 * The ValidatingAdmissionPolicy that keeps claims and plans honest, also while our webhook is down: the annotations that only
 * Muster writes may be added, changed or removed by its service account alone. Generated, because names and prefixes have one
 * home (core/names.ts); `deploy/60-guard.yaml` is this text and a test says when it no longer is.
 *
 * One rule serves every door: what is in `metadata.annotations` after the request is compared with what was there before. A
 * new Pod and a Binding have no before (a Binding's annotations are merged into the pod), so for them it means "none at all".
 */
import { GUARDED_KEYS, GUARDED_PREFIXES } from '../core/names.ts';

export type GuardOptions = {
  /** user name of the service account that may write them, `system:serviceaccount:<namespace>:<name>` */
  readonly writer: string;
};

const NAME = 'muster-guard';
const LABELS = { 'app.kubernetes.io/name': 'muster', 'app.kubernetes.io/part-of': 'muster' };

const text = (value: string): string => `'${value}'`;

/** Keys of both maps first, then the dear string comparisons: almost no annotation of a pod is one of ours. */
const isGuarded = `(k in [${GUARDED_KEYS.map(text).join(', ')}] || ${GUARDED_PREFIXES.map((prefix) => `k.startsWith(${text(prefix)})`).join(' || ')})`;

const annotationsOf = (object: string): string =>
  `${object} != null && has(${object}.metadata) && has(${object}.metadata.annotations) ? ${object}.metadata.annotations : {}`;

/** The policy and its binding, as objects to write out as YAML. */
export function guardPolicy({ writer }: GuardOptions): readonly object[] {
  return [
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicy',
      metadata: { name: NAME, labels: LABELS },
      spec: {
        failurePolicy: 'Fail',
        matchConstraints: {
          resourceRules: [
            rule(['CREATE', 'UPDATE'], ['pods']),
            rule(['UPDATE'], ['pods/status', 'pods/ephemeralcontainers', 'pods/resize']),
            // `bindings` is the older way to the same place
            rule(['CREATE'], ['pods/binding', 'bindings']),
          ],
        },
        matchConditions: [{ name: 'not-muster-itself', expression: `request.userInfo.username != ${text(writer)}` }],
        variables: [
          { name: 'before', expression: annotationsOf('oldObject') },
          { name: 'after', expression: annotationsOf('object') },
          {
            name: 'written',
            expression: `variables.after.filter(k, ${isGuarded} && !(k in variables.before && variables.before[k] == variables.after[k]))`,
          },
          { name: 'removed', expression: `variables.before.filter(k, ${isGuarded} && !(k in variables.after))` },
        ],
        validations: [
          {
            expression: 'size(variables.written) == 0',
            reason: 'Forbidden',
            message: `claim and plan annotations of muster.dev are written by ${writer} only; leave them out`,
            messageExpression: `'annotations written by ${writer} only must not be set or changed by others: ' + variables.written.join(', ')`,
          },
          {
            expression: 'size(variables.removed) == 0',
            reason: 'Forbidden',
            message: `claim and plan annotations of muster.dev are removed by ${writer} only; leave them as they are`,
            messageExpression: `'annotations written by ${writer} only must not be removed by others: ' + variables.removed.join(', ')`,
          },
        ],
      },
    },
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata: { name: NAME, labels: LABELS },
      spec: { policyName: NAME, validationActions: ['Deny'] },
    },
  ];
}

function rule(operations: readonly string[], resources: readonly string[]): object {
  return { apiGroups: [''], apiVersions: ['*'], operations, resources, scope: 'Namespaced' };
}
