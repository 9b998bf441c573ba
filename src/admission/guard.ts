/**
 * The ValidatingAdmissionPolicy that keeps claims and plans honest, also while our webhook is down: the annotations that only
 * Muster writes may be added, changed or removed by its service account alone. Generated, because names and prefixes have one
 * home (core/names.ts); `deploy/60-guard.yaml` is this text and a test says when it no longer is.
 *
 * One rule serves every door: what is in `metadata.annotations` after the request is compared with what was there before. A
 * new Pod and a Binding have no before (a Binding's annotations are merged into the pod), so for them it means "none at all".
 *
 * Ephemeral containers come after admission and filter have looked at the pod. On a pod whose own containers all see nothing or
 * what a claim gives them (as the webhook writes it), a new one has to say the same; the webhook adds `void` where nothing is said,
 * so people notice only while it is away. Pods that the webhook did not prepare are left alone.
 */
import {
  DEVICE_MOUNTS,
  ENV_NONE,
  ENV_VISIBLE,
  ENV_VOID,
  GUARDED_KEYS,
  GUARDED_PREFIXES,
  VISIBLE_DEVICES_PREFIX,
} from '../core/names.ts';

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

/** \x27 is the single quote: the shipped YAML stays readable without two kinds of them */
const honestEntry = (e: string): string =>
  `(has(${e}.value) && ${e}.value in [${text(ENV_VOID)}, ${text(ENV_NONE)}]) || (has(${e}.valueFrom) && has(${e}.valueFrom.fieldRef) && ${e}.valueFrom.fieldRef.fieldPath.startsWith('metadata.annotations[\\x27${VISIBLE_DEVICES_PREFIX}'))`;

/** every entry of the variable, and at least one: the last one counts, and none leaves it to the image */
const isHonest = (c: string): string =>
  `has(${c}.env) && ${c}.env.exists(e, e.name == ${text(ENV_VISIBLE)}) && ${c}.env.all(e, e.name != ${text(ENV_VISIBLE)} || ${honestEntry('e')})`;

const mountsDevices = (c: string): string =>
  `has(${c}.volumeMounts) && ${c}.volumeMounts.exists(m, m.mountPath.startsWith(${text(DEVICE_MOUNTS)}))`;

/** an absent subresource is no empty text to CEL but an error, and an error refuses the request */
const isPrepared = `has(request.subResource) && request.subResource == 'ephemeralcontainers' && object.spec.containers.all(c, ${isHonest('c')})`;
const wasThere =
  'has(oldObject.spec.ephemeralContainers) && oldObject.spec.ephemeralContainers.exists(o, o.name == c.name)';

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
          {
            name: 'seeing',
            expression: `${isPrepared} && has(object.spec.ephemeralContainers) ? object.spec.ephemeralContainers.filter(c, !(${wasThere}) && (!(${isHonest('c')}) || (${mountsDevices('c')}))).map(c, c.name) : []`,
          },
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
          {
            expression: 'size(variables.seeing) == 0',
            reason: 'Forbidden',
            message: `ephemeral containers may see no GPU but those of the pod; set ${ENV_VISIBLE}=${ENV_VOID} in them`,
            messageExpression: `'ephemeral containers that could see every GPU of the node: ' + variables.seeing.join(', ') + '; set env ${ENV_VISIBLE} to ${ENV_VOID} (kubectl debug --env=${ENV_VISIBLE}=${ENV_VOID}), or to a fieldRef of an annotation ${VISIBLE_DEVICES_PREFIX}*, and mount nothing below ${DEVICE_MOUNTS}'`,
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
