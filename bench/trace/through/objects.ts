/** Nodes and pods of a trace as API objects, written as an administrator's tools and users would. */
import { encodeRequest } from '../../../src/core/gpu/request-json.ts';
import { MANAGED, NODE_DEVICES, REQUEST, SCHEDULER_NAME, WAIT } from '../../../src/core/names.ts';
import type { NodeFacts } from '../../../src/core/placement/node-facts.ts';
import type { PodFacts } from '../../../src/core/placement/pod-facts.ts';
import type { JsonObject } from '../../../src/sim/api/object.ts';

export const NAMESPACE = 'default';

export function nodeObject({ name, allocatable, devices, managed }: NodeFacts): JsonObject {
  const resources = {
    cpu: `${allocatable.cpu}m`,
    memory: String(allocatable.memory),
    pods: String(allocatable.pods),
  };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      labels: managed ? { [MANAGED]: 'true' } : {},
      annotations: managed ? { [NODE_DEVICES]: JSON.stringify(devices) } : {},
    },
    status: { capacity: resources, allocatable: resources, conditions: [{ type: 'Ready', status: 'True' }] },
  };
}

/** `waits`: behind the placer's gate. */
export function podObject({ name, needs, ask }: PodFacts, waits: boolean): JsonObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      annotations: {
        ...(ask.kind === 'request' && { [REQUEST]: encodeRequest(ask.request) }),
        ...(waits && { [WAIT]: 'true' }),
      },
    },
    spec: {
      schedulerName: SCHEDULER_NAME,
      containers: [
        {
          name: 'main',
          image: 'trace',
          resources: { requests: { cpu: `${needs.cpu}m`, memory: String(needs.memory) } },
        },
      ],
    },
  };
}
