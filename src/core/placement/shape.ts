/**
 * The shape of a pod: everything of it that decides on GPUs and nodes, with nothing that names the pod. Equal shapes share
 * verdicts, scores and rankings. CPU, memory and the other resources are not in it: kube-scheduler offers only nodes with room
 * for them, so they are compared on the few nodes that are looked at, and a cluster of pods with a thousand different CPU
 * requests still has a handful of shapes.
 */
import type { DevicePolicy, GpuRequest, NodePolicy } from '../gpu/request.ts';
import { type CompiledConstraints, compileConstraints, constraintsKey } from './constraints.ts';
import type { PodFacts } from './pod-facts.ts';

export type PolicyDefaults = { readonly nodePolicy: NodePolicy; readonly devicePolicy: DevicePolicy };

export type Shape = {
  readonly key: string;
  readonly request: GpuRequest;
  readonly devicePolicy: DevicePolicy;
  readonly devicePolicyRequired: boolean;
  readonly nodePolicy: NodePolicy;
  readonly constraints: CompiledConstraints;
};

export function shapeKey(pod: PodFacts, request: GpuRequest, defaults: PolicyDefaults): string {
  return `${request.nodePolicy ?? defaults.nodePolicy}|${request.devicePolicy ?? defaults.devicePolicy}|${requestKey(request)}|${constraintsKey(pod.constraints)}`;
}

export function shapeOf(pod: PodFacts, request: GpuRequest, defaults: PolicyDefaults, key: string): Shape {
  return {
    key,
    request,
    devicePolicy: request.devicePolicy ?? defaults.devicePolicy,
    devicePolicyRequired: request.devicePolicyRequired,
    nodePolicy: request.nodePolicy ?? defaults.nodePolicy,
    constraints: compileConstraints(pod.constraints),
  };
}

/** Container names stay out (they do not decide), roles and order stay in (they do). */
function requestKey(request: GpuRequest): string {
  let key = request.devicePolicyRequired ? '!' : '';
  for (const need of request.containers) {
    const memory = 'mib' in need.share.memory ? `${need.share.memory.mib}M` : `${need.share.memory.milli}m`;
    key += `${need.role[0]}${need.slot}:${need.count}x${need.share.milli}/${memory};`;
  }
  const { models, uuids } = request;
  if (models.allow.length + models.deny.length + uuids.allow.length + uuids.deny.length > 0)
    key += JSON.stringify([models, uuids]);
  return key;
}
