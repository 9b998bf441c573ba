/**
 * The shape of a pod: everything of it that decides on GPUs and nodes, with nothing that names the pod. Equal shapes share
 * verdicts, scores and rankings. CPU, memory and the other resources are not in it: kube-scheduler offers only nodes with room
 * for them, so they are compared on the few nodes that are looked at, and a cluster of pods with a thousand different CPU
 * requests still has a handful of shapes.
 */
import type { DevicePolicy, GpuRequest, NodePolicy } from '../gpu/request.ts';
import { type CompiledConstraints, compileConstraints, constraintsKey } from './constraints.ts';
import type { PodFacts } from './pod-facts.ts';
import { isForesighted } from './policies/node-policies.ts';
import { CPU } from './resources.ts';

export type PolicyDefaults = { readonly nodePolicy: NodePolicy; readonly devicePolicy: DevicePolicy };

export type Shape = {
  readonly key: string;
  /** null: a pod without GPUs, which kube-scheduler places; we only say which nodes lose least by it */
  readonly request: GpuRequest | null;
  readonly devicePolicy: DevicePolicy;
  readonly devicePolicyRequired: boolean;
  readonly nodePolicy: NodePolicy;
  /** the node policy picks the device too: it does where nobody said how devices are picked */
  readonly deviceByNodePolicy: boolean;
  /** milli-cores; only policies with foresight look at it, for others it is 0 and not part of the shape */
  readonly cpu: number;
  readonly constraints: CompiledConstraints;
};

export function shapeKey(pod: PodFacts, request: GpuRequest | null, defaults: PolicyDefaults): string {
  const node = request?.nodePolicy ?? defaults.nodePolicy;
  const foresight = isForesighted(node) ? `${pod.needs[CPU] ?? 0}${request?.devicePolicy == null ? '*' : ''}` : '';
  const asked = request === null ? '-' : requestKey(request);
  return `${node}${foresight}|${request?.devicePolicy ?? defaults.devicePolicy}|${asked}|${constraintsKey(pod.constraints)}`;
}

export function shapeOf(pod: PodFacts, request: GpuRequest | null, defaults: PolicyDefaults, key: string): Shape {
  const nodePolicy = request?.nodePolicy ?? defaults.nodePolicy;
  const devicePolicy = request?.devicePolicy ?? defaults.devicePolicy;
  const foresight = isForesighted(nodePolicy);
  return {
    key,
    request,
    devicePolicy,
    devicePolicyRequired: request?.devicePolicyRequired ?? false,
    nodePolicy,
    deviceByNodePolicy: foresight && request?.devicePolicy === null && devicePolicy === 'pack',
    cpu: foresight ? (pod.needs[CPU] ?? 0) : 0,
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
