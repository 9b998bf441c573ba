/**
 * Node leases, and the Ready condition where it is not True. A real kubelet renews every 10 s; 5,000 of them in one process
 * would be 500 writes a second, so the pause grows with the cluster to at most `MOST_WRITES` a second, and the lease says for how
 * long it stands.
 */
import { PATCH_TYPE } from '../../kube/patch.ts';
import type { Clock, Timer } from '../../kube/ports.ts';
import { arrayAt, type KubeObject, objectAt, textAt, timestamp } from '../api/object.ts';
import type { PersistentCalls } from './persistent-calls.ts';
import { nodeAddress } from './pod-status.ts';

const LEAST_MS = 10_000;
const MOST_WRITES = 50;
const TICK_MS = 1_000;
const API_TIMEOUT_MS = 10_000;
const LEASES = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';

type Beat = { uid: string; down: boolean; ready: boolean; described: boolean; dueAt: number; created: boolean };

export class Heartbeats {
  readonly #clock: Clock;
  readonly #calls: PersistentCalls;
  readonly #nodes = new Map<string, Beat>();
  #timer: Timer | null = null;

  constructor(clock: Clock, calls: PersistentCalls) {
    this.#clock = clock;
    this.#calls = calls;
  }

  start(): void {
    this.#tick();
    this.#later();
  }

  #later(): void {
    this.#timer = this.#clock.after(TICK_MS, () => {
      this.#tick();
      this.#later();
    });
  }

  stop(): void {
    this.#timer?.cancel();
  }

  upsert(node: KubeObject, down: boolean): void {
    const { name, uid } = node.metadata;
    const ready = arrayAt(node.status, 'conditions').some(
      (one) => textAt(one, 'type') === 'Ready' && textAt(one, 'status') === 'True',
    );
    const known = this.#nodes.get(name);
    const dueAt = known?.uid === uid ? known.dueAt : this.#clock.monotonic();
    const described = textAt(objectAt(node.status, 'nodeInfo'), 'kubeletVersion') !== '';
    this.#nodes.set(name, { uid, down, ready, described, dueAt, created: known?.created ?? false });
  }

  remove(name: string): void {
    this.#nodes.delete(name);
  }

  get #periodMs(): number {
    return Math.max(LEAST_MS, (this.#nodes.size * 1000) / MOST_WRITES);
  }

  #tick(): void {
    const now = this.#clock.monotonic();
    let left = MOST_WRITES;
    for (const [name, beat] of this.#nodes) {
      if (beat.down || beat.dueAt > now) continue;
      if (left === 0) return;
      left -= 1;
      beat.dueAt = now + this.#periodMs;
      this.#renew(name, beat);
      if (!beat.ready || !beat.described) this.#report(name, beat);
    }
  }

  #renew(name: string, beat: Beat): void {
    const spec = {
      holderIdentity: name,
      leaseDurationSeconds: Math.ceil((4 * this.#periodMs) / 1000),
      renewTime: new Date(this.#clock.now()).toISOString().replace('Z', '000Z'),
    };
    const owner = { apiVersion: 'v1', kind: 'Node', name, uid: beat.uid };
    const lease = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name, namespace: 'kube-node-lease', ownerReferences: [owner] },
      spec,
    };
    if (!beat.created) {
      beat.created = true;
      this.#calls.send({ method: 'POST', path: LEASES, body: lease, timeoutMs: API_TIMEOUT_MS });
    }
    const { metadata } = lease;
    this.#calls.send({
      method: 'PATCH',
      path: `${LEASES}/${name}`,
      contentType: PATCH_TYPE.merge,
      body: { metadata: { ownerReferences: metadata.ownerReferences }, spec },
      timeoutMs: API_TIMEOUT_MS,
    });
  }

  /** The status of a node that is new, or was away: its conditions, and once what machine it is. */
  #report(name: string, { described }: Beat): void {
    const now = timestamp(this.#clock.now());
    const conditions = CONDITIONS.map((condition) => ({
      ...condition,
      lastHeartbeatTime: now,
      lastTransitionTime: now,
    }));
    const machine = { nodeInfo: NODE_INFO, addresses: addressesOf(name) };
    this.#calls.send({
      method: 'PATCH',
      path: `/api/v1/nodes/${name}/status`,
      contentType: PATCH_TYPE.strategic,
      body: { status: { conditions, ...(described ? {} : machine) } },
      timeoutMs: API_TIMEOUT_MS,
    });
  }
}

const pressure = (type: string, reason: string, message: string) => ({ type, status: 'False', reason, message });
const CONDITIONS = [
  pressure('MemoryPressure', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'),
  pressure('DiskPressure', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'),
  pressure('PIDPressure', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'),
  { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status' },
] as const;

/** Says openly that there is no machine. */
const NODE_INFO = {
  machineID: '',
  systemUUID: '',
  bootID: '',
  kernelVersion: 'none',
  osImage: 'Muster embedded cluster',
  containerRuntimeVersion: 'none://0',
  kubeletVersion: 'v1.37.2+muster.sim',
  kubeProxyVersion: '',
  operatingSystem: 'linux',
  architecture: 'amd64',
} as const;

function addressesOf(name: string): { type: string; address: string }[] {
  return [
    { type: 'InternalIP', address: nodeAddress(name) },
    { type: 'Hostname', address: name },
  ];
}
