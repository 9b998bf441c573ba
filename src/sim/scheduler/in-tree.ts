/**
 * The filters of kube-scheduler that every cluster meets: unschedulable flag, node name, taints, node selector and required
 * node affinity, resources. A refusal says whether evicting pods could help (`resolvable`).
 */
import { arrayAt, type KubeObject, objectAt, textAt } from '../api/object.ts';
import type { NodeState } from './node-state.ts';
import type { PodInfo } from './pod-info.ts';

export type Plugin = 'NodeUnschedulable' | 'NodeName' | 'TaintToleration' | 'NodeAffinity' | 'NodeResourcesFit';
export type InTreeRefusal = {
  readonly plugin: Plugin;
  /** one per resource that is short; else one */
  readonly reasons: readonly string[];
  readonly resolvable: boolean;
};

function tolerates(toleration: unknown, taint: unknown): boolean {
  const key = textAt(toleration, 'key');
  const effect = textAt(toleration, 'effect');
  if (effect !== '' && effect !== textAt(taint, 'effect')) return false;
  if (key !== '' && key !== textAt(taint, 'key')) return false;
  if (textAt(toleration, 'operator') === 'Exists') return true;
  return key !== '' && textAt(toleration, 'value') === textAt(taint, 'value');
}

function matchesExpression(expression: unknown, value: string | undefined): boolean {
  const values = arrayAt(expression, 'values');
  switch (textAt(expression, 'operator')) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return value !== undefined && Number(value) > Number(values[0]);
    case 'Lt':
      return value !== undefined && Number(value) < Number(values[0]);
    default:
      return false;
  }
}

function matchesTerm(term: unknown, node: KubeObject): boolean {
  const labels = arrayAt(term, 'matchExpressions');
  const fields = arrayAt(term, 'matchFields');
  if (labels.length === 0 && fields.length === 0) return false;
  return (
    labels.every((one) => matchesExpression(one, node.metadata.labels?.[textAt(one, 'key')])) &&
    fields.every((one) => textAt(one, 'key') === 'metadata.name' && matchesExpression(one, node.metadata.name))
  );
}

export function selectsNode(pod: KubeObject, node: KubeObject): boolean {
  const selector = Object.entries(objectAt(pod.spec, 'nodeSelector'));
  if (!selector.every(([key, value]) => node.metadata.labels?.[key] === value)) return false;
  const required = objectAt(
    objectAt(objectAt(pod.spec, 'affinity'), 'nodeAffinity'),
    'requiredDuringSchedulingIgnoredDuringExecution',
  );
  const terms = arrayAt(required, 'nodeSelectorTerms');
  return terms.length === 0 || terms.some((term) => matchesTerm(term, node));
}

/** Every resource that is short; null when all fit beside what is `requested`. */
function shortOf(info: PodInfo, node: NodeState): InTreeRefusal | null {
  const reasons: string[] = [];
  let resolvable = true;
  for (const [name, wanted] of info.requests) {
    if (wanted === 0) continue;
    const allocatable = node.allocatable.get(name) ?? 0;
    if (wanted <= allocatable - (node.requested.get(name) ?? 0)) continue;
    reasons.push(name === 'pods' ? 'Too many pods' : `Insufficient ${name}`);
    if (wanted > allocatable) resolvable = false;
  }
  return reasons.length === 0 ? null : { plugin: 'NodeResourcesFit', reasons, resolvable };
}

/** Does the pod bear all taints that keep pods away? */
export function toleratesNode(pod: KubeObject, node: KubeObject): boolean {
  const tolerations = arrayAt(pod.spec, 'tolerations');
  return arrayAt(node.spec, 'taints').every(
    (taint) => textAt(taint, 'effect') === 'PreferNoSchedule' || tolerations.some((one) => tolerates(one, taint)),
  );
}

function never(plugin: Plugin, reason: string): InTreeRefusal {
  return { plugin, reasons: [reason], resolvable: false };
}

/** null: fits. Refusals in the order in which kube-scheduler's default profile runs these plugins. */
export function refusesInTree(info: PodInfo, state: NodeState): InTreeRefusal | null {
  const { node } = state;
  if (node.spec?.unschedulable === true) {
    const cordon = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };
    if (!arrayAt(info.pod.spec, 'tolerations').some((one) => tolerates(one, cordon)))
      return never('NodeUnschedulable', 'node(s) were unschedulable');
  }
  if (!toleratesNode(info.pod, node)) return never('TaintToleration', 'node(s) had untolerated taint(s)');
  if (!selectsNode(info.pod, node)) return never('NodeAffinity', "node(s) didn't match Pod's node affinity/selector");
  return shortOf(info, state);
}
