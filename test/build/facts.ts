/** Builders of nodes and pods as decisions see them: a case names only what it is about. */
import type { Claim } from '../../src/core/gpu/claim.ts';
import type { Device } from '../../src/core/gpu/device.ts';
import type { ContainerNeed, GpuRequest, ShareNeed } from '../../src/core/gpu/request.ts';
import { NO_CONSTRAINTS } from '../../src/core/placement/constraints.ts';
import type { GangObjectFacts, GangSaid } from '../../src/core/placement/gang/gang-facts.ts';
import type { NodeFacts } from '../../src/core/placement/node-facts.ts';
import type { PodFacts } from '../../src/core/placement/pod-facts.ts';

export function device(index: number, over: Partial<Device> = {}): Device {
  return { uuid: `GPU-${index}`, index, mib: 80_000, model: 'H100', numa: null, links: [], healthy: true, ...over };
}

export function node(name: string, devices: number | readonly Device[] = 1, over: Partial<NodeFacts> = {}): NodeFacts {
  const list =
    typeof devices === 'number'
      ? Array.from({ length: devices }, (_, at) => device(at, { uuid: `GPU-${name}-${at}` }))
      : devices;
  return {
    name,
    labels: { 'kubernetes.io/hostname': name },
    taints: [],
    cordoned: false,
    ready: true,
    allocatable: { cpu: 64_000, memory: 2 ** 38, pods: 110, 'muster.dev/gpu-milli': 1000 * list.length },
    managed: true,
    devices: list,
    ...over,
  };
}

export const fraction = (milli: number): ShareNeed => ({ milli, memory: { milli } });
export const memory = (mib: number, milli = 0): ShareNeed => ({ milli, memory: { mib } });
export const whole = fraction(1000);

export function need(share: ShareNeed, count = 1, over: Partial<ContainerNeed> = {}): ContainerNeed {
  return { name: 'main', slot: 'c0', role: 'app', count, share, ...over };
}

export function request(containers: readonly ContainerNeed[], over: Partial<GpuRequest> = {}): GpuRequest {
  const open = { allow: [], deny: [] };
  return {
    containers,
    models: open,
    uuids: open,
    devicePolicy: null,
    devicePolicyRequired: false,
    nodePolicy: null,
    ...over,
  };
}

/** A pod of ours that waits for a node. `gpu`: a share for its one container, a whole request, or null for none. */
export function pod(name: string, gpu: ShareNeed | GpuRequest | null, over: Partial<PodFacts> = {}): PodFacts {
  const asked = gpu === null || 'containers' in gpu ? gpu : request([need(gpu)]);
  return {
    uid: `uid-${name}`,
    namespace: 'team',
    name,
    labels: {},
    schedulerName: 'muster-scheduler',
    nodeName: null,
    terminal: false,
    succeeded: false,
    terminating: false,
    gated: false,
    gates: [],
    priority: 0,
    neverPreempts: false,
    nominatedNode: null,
    createdMs: 1,
    startedMs: 0,
    needs: { cpu: 1000, memory: 2 ** 30, pods: 1 },
    constraints: NO_CONSTRAINTS,
    ask: asked === null ? { kind: 'none' } : { kind: 'request', request: asked },
    claim: null,
    envSafe: true,
    usesGpu: asked !== null,
    gang: null,
    gangSaid: null,
    plan: null,
    unmodelled: false,
    repels: 'nobody',
    unplacedReason: null,
    ...over,
  };
}

/** What a member says of the gang `team/<gang>`. */
export function gangSaid(gang: string, minMember: number | null, over: Partial<GangSaid> = {}): GangSaid {
  return {
    key: `team/${gang}`,
    dialect: 'muster',
    minMember,
    total: null,
    subGroup: null,
    waitSeconds: null,
    strict: true,
    together: [],
    problem: null,
    ...over,
  };
}

/** The same pod as the API server shows it after its Binding. */
export function bound(unbound: PodFacts, nodeName: string, claim: Claim | null): PodFacts {
  return { ...unbound, nodeName, claim, startedMs: unbound.startedMs || 2 };
}

/** A PodGroup of ours, `team/<gang>`, of which two start together. */
export function podGroup(gang: string, over: Partial<GangObjectFacts> = {}): GangObjectFacts {
  return {
    key: `team/${gang}`,
    dialect: 'muster',
    uid: gang,
    minMember: 2,
    waitSeconds: null,
    queue: '',
    priorityClassName: '',
    topology: { required: null, preferred: null },
    subGroups: [],
    onMemberLoss: 'keep',
    problem: null,
    ...over,
  };
}
