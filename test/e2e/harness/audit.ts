/**
 * An independent witness: watches pods, nodes and ResourceSlices with its own connection and after every event adds up, from the
 * claims written on pods alone, what each device of the touched nodes carries. Written apart from src/core on purpose and never
 * importing it, so that one mistake cannot hide in both.
 *
 * A pod counts from the event that shows its node until it is terminal or gone; a terminating pod still runs and counts.
 */
import { follow } from './follow.ts';
import type { Kube, Node, Pod, ResourceSlice, WatchEvent } from './kube.ts';
import { waitFor } from './wait.ts';

export type Violation = {
  kind: 'memory' | 'compute' | 'no-device' | 'claim-changed' | 'claim-unreadable' | 'moved';
  /** resourceVersion of the event that showed it */
  at: string;
  node: string;
  text: string;
};

export type AuditReport = {
  events: number;
  /** pods that were seen with a node and a claim */
  claimed: number;
  /** highest load of any device at any moment, in thousandths of its memory and of its compute */
  peakMemoryMilli: number;
  peakMilli: number;
  violations: Violation[];
  /** how often a watch had to begin anew with a list, so that moments may have been missed; 0 in a healthy run */
  gaps: number;
};

type Load = { mib: number; milli: number };
type ClaimDevice = { uuid: string | null; index: number; mib: number; milli: number };
type ClaimContainer = { name: string; slot: string; sidecar?: boolean; devices: ClaimDevice[] };
type AuditedDevice = { uuid: string | null; index: number; mib: number };
type AuditedPod = { name: string; node: string; raw: string; loads: Map<string, Load>; counts: boolean };

const nodesPath = '/api/v1/nodes';
const podsPath = '/api/v1/pods';
const slicesPath = '/apis/resource.k8s.io/v1/resourceslices';

export class Audit {
  readonly #kube: Kube;
  readonly #abort = new AbortController();
  readonly #nodes = new Map<string, Node>();
  readonly #slices = new Map<string, ResourceSlice>();
  readonly #pods = new Map<string, AuditedPod>();
  readonly #everClaimed = new Set<string>();
  readonly #known = new Set<string>();
  readonly #report: AuditReport = {
    events: 0,
    claimed: 0,
    peakMemoryMilli: 0,
    peakMilli: 0,
    violations: [],
    gaps: 0,
  };
  #position = '0';
  #failure: unknown = null;
  #loops: Promise<void>[] = [];

  private constructor(kube: Kube) {
    this.#kube = kube;
  }

  /** Resolves when everything that exists was looked at and the watches are about to begin where the lists ended. */
  static async start(kube: Kube): Promise<Audit> {
    const audit = new Audit(kube);
    const nodes = await audit.#listNodes();
    const slices = await audit.#listSlices();
    const pods = await audit.#listPods();
    const signal = audit.#abort.signal;
    const again = (list: () => Promise<string>) => async (): Promise<string> => {
      audit.#report.gaps += 1;
      return await list.call(audit);
    };
    const loops = [
      follow<Node>(kube, {
        path: nodesPath,
        from: nodes,
        on: (event) => audit.#onNode(event),
        relist: again(audit.#listNodes),
        signal,
      }),
      follow<ResourceSlice>(kube, {
        path: slicesPath,
        from: slices,
        on: (event) => audit.#onSlice(event),
        relist: again(audit.#listSlices),
        signal,
      }),
      follow<Pod>(kube, {
        path: podsPath,
        from: pods,
        on: (event) => audit.#onPod(event),
        relist: again(audit.#listPods),
        signal,
      }),
    ];
    audit.#loops = loops.map((loop) =>
      loop.catch((error: unknown) => {
        audit.#failure ??= error;
      }),
    );
    return audit;
  }

  /** what was seen so far */
  report(): AuditReport {
    if (this.#failure !== null) throw new Error('the audit lost its watch', { cause: this.#failure });
    return { ...this.#report, claimed: this.#everClaimed.size };
  }

  /** Waits until the audit has seen everything that exists now, then stops and gives its report. */
  async stop(): Promise<AuditReport> {
    const marker = await this.#kube.create<Pod>({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: `audit-marker-${Date.now()}`, namespace: 'default' },
      spec: { schedulerName: 'nobody', containers: [{ name: 'marker', image: 'none' }] },
    });
    const uid = marker.metadata.uid ?? '';
    try {
      await waitFor(() => this.report() && this.#known.has(uid), {
        for: `the audit to see everything up to its marker (it is at ${this.#position})`,
        timeoutMs: 20_000,
      });
    } finally {
      this.#abort.abort();
      await Promise.all(this.#loops);
      await this.#kube.remove(`/api/v1/namespaces/default/pods/${marker.metadata.name}`, 0);
    }
    return this.report();
  }

  /** present load of every device that carries something, as `node/device` → load */
  loads(): Map<string, Load> {
    const all = new Map<string, Load>();
    for (const pod of this.#pods.values()) {
      if (!pod.counts) continue;
      for (const [device, load] of pod.loads) add(all, `${pod.node}/${device}`, load);
    }
    return all;
  }

  async #listNodes(): Promise<string> {
    const { items, resourceVersion } = await this.#kube.list<Node>(nodesPath);
    this.#nodes.clear();
    for (const node of items) this.#nodes.set(node.metadata.name, node);
    return resourceVersion;
  }

  async #listSlices(): Promise<string> {
    const { items, resourceVersion } = await this.#kube.list<ResourceSlice>(slicesPath);
    this.#slices.clear();
    for (const slice of items) this.#slices.set(slice.metadata.name, slice);
    return resourceVersion;
  }

  async #listPods(): Promise<string> {
    const { items, resourceVersion } = await this.#kube.list<Pod>(podsPath);
    const present = new Set(items.map((pod) => pod.metadata.uid ?? ''));
    for (const uid of this.#pods.keys()) if (!present.has(uid)) this.#pods.delete(uid);
    for (const pod of items) this.#onPod({ type: 'MODIFIED', object: pod });
    return resourceVersion;
  }

  #onNode({ type, object }: WatchEvent<Node>): void {
    if (type === 'DELETED') this.#nodes.delete(object.metadata.name);
    else this.#nodes.set(object.metadata.name, object);
  }

  #onSlice({ type, object }: WatchEvent<ResourceSlice>): void {
    if (type === 'DELETED') this.#slices.delete(object.metadata.name);
    else this.#slices.set(object.metadata.name, object);
  }

  #onPod({ type, object: pod }: WatchEvent<Pod>): void {
    this.#report.events += 1;
    const at = pod.metadata.resourceVersion ?? '?';
    this.#position = at;
    const uid = pod.metadata.uid ?? '';
    this.#known.add(uid);
    const name = `${pod.metadata.namespace}/${pod.metadata.name}`;
    const before = this.#pods.get(uid);
    if (type === 'DELETED') {
      this.#pods.delete(uid);
      this.#known.delete(uid);
      return;
    }
    const node = pod.spec.nodeName;
    const raw = pod.metadata.annotations?.['muster.dev/claim'];
    if (before !== undefined && node !== before.node) {
      this.#violate('moved', at, before.node, `${name} moved from ${before.node} to ${node}`);
    }
    if (before !== undefined && raw !== before.raw) {
      this.#violate('claim-changed', at, before.node, `${name}: ${before.raw} became ${raw}`);
    }
    if (node === undefined || raw === undefined) return;
    const claim = parseClaim(raw);
    if (claim === null) {
      if (before?.raw !== raw) this.#violate('claim-unreadable', at, node, `${name}: ${raw}`);
      return;
    }
    const phase = pod.status?.phase;
    const counts = phase !== 'Succeeded' && phase !== 'Failed';
    const devices = this.#devices(node);
    if (before === undefined) {
      this.#everClaimed.add(uid);
      for (const taken of claim.flatMap((container) => container.devices)) {
        if (find(devices, taken) === undefined) {
          this.#violate('no-device', at, node, `${name} takes device ${taken.uuid ?? taken.index} that is not there`);
        }
      }
    }
    this.#pods.set(uid, { name, node, raw, loads: podLoads(claim, devices), counts });
    this.#check(node, devices, at);
  }

  /** adds up one node */
  #check(node: string, devices: readonly AuditedDevice[], at: string): void {
    const loads = new Map<string, Load>();
    const users = new Map<string, string[]>();
    for (const pod of this.#pods.values()) {
      if (pod.node !== node || !pod.counts) continue;
      for (const [device, load] of pod.loads) {
        add(loads, device, load);
        users.set(device, [...(users.get(device) ?? []), `${pod.name} ${load.mib} MiB ${load.milli} milli`]);
      }
    }
    for (const device of devices) {
      const load = loads.get(String(device.index));
      if (load === undefined) continue;
      this.#report.peakMemoryMilli = Math.max(this.#report.peakMemoryMilli, Math.ceil((1000 * load.mib) / device.mib));
      this.#report.peakMilli = Math.max(this.#report.peakMilli, load.milli);
      const who = `device ${device.index} (${device.mib} MiB): ${users.get(String(device.index))?.join(', ')}`;
      if (load.mib > device.mib) this.#violate('memory', at, node, `${load.mib} MiB on ${who}`);
      if (load.milli > 1000) this.#violate('compute', at, node, `${load.milli} milli on ${who}`);
    }
  }

  #violate(kind: Violation['kind'], at: string, node: string, text: string): void {
    this.#report.violations.push({ kind, at, node, text });
  }

  /** a node's devices from the most trusted source that names any */
  #devices(name: string): AuditedDevice[] {
    const node = this.#nodes.get(name);
    const written = node?.metadata.annotations?.['muster.dev/devices'];
    if (written !== undefined) return JSON.parse(written) as AuditedDevice[];
    const slices = [...this.#slices.values()].filter(
      ({ spec }) => spec.nodeName === name && spec.driver === 'gpu.nvidia.com',
    );
    const sliced = slices
      .flatMap(({ spec }) => spec.devices ?? [])
      .map((device, index) => ({
        uuid: device.attributes?.uuid?.string ?? null,
        index: device.attributes?.index?.int ?? index,
        mib: mebibytes(device.capacity?.memory?.value ?? '0'),
      }));
    if (sliced.length > 0) return sliced;
    const labels = node?.metadata.labels ?? {};
    return Array.from({ length: Number(labels['nvidia.com/gpu.count'] ?? 0) }, (_, index) => ({
      uuid: null,
      index,
      mib: Number(labels['nvidia.com/gpu.memory']),
    }));
  }
}

function parseClaim(raw: string): ClaimContainer[] | null {
  try {
    const { containers } = JSON.parse(raw) as { containers?: ClaimContainer[] };
    const sound = (each: ClaimDevice): boolean =>
      [each.index, each.mib, each.milli].every((n) => Number.isSafeInteger(n) && n >= 0);
    if (!Array.isArray(containers) || !containers.every(({ devices }) => devices.every(sound))) return null;
    return containers;
  } catch {
    return null;
  }
}

function find(devices: readonly AuditedDevice[], taken: ClaimDevice): AuditedDevice | undefined {
  if (taken.uuid !== null && taken.uuid !== undefined) return devices.find((device) => device.uuid === taken.uuid);
  return devices.find((device) => device.index === taken.index);
}

/**
 * What a pod takes of each device at most: app containers and sidecars run together; each plain init container runs alone beside
 * the sidecars that started before it.
 */
function podLoads(claim: readonly ClaimContainer[], devices: readonly AuditedDevice[]): Map<string, Load> {
  const together = new Map<string, Load>();
  const peak = new Map<string, Load>();
  const raise = (load: ReadonlyMap<string, Load>): void => {
    for (const [device, { mib, milli }] of load) {
      const high = peak.get(device) ?? { mib: 0, milli: 0 };
      peak.set(device, { mib: Math.max(high.mib, mib), milli: Math.max(high.milli, milli) });
    }
  };
  const inits = claim.filter(({ slot }) => slot.startsWith('i')).sort((a, b) => position(a) - position(b));
  for (const init of inits) {
    if (init.sidecar === true) {
      take(together, init, devices);
      continue;
    }
    const now = new Map([...together].map(([device, load]) => [device, { ...load }]));
    take(now, init, devices);
    raise(now);
  }
  for (const app of claim.filter(({ slot }) => slot.startsWith('c'))) take(together, app, devices);
  raise(together);
  return peak;
}

function position({ slot }: ClaimContainer): number {
  return Number(slot.slice(1));
}

function take(loads: Map<string, Load>, container: ClaimContainer, devices: readonly AuditedDevice[]): void {
  for (const taken of container.devices) {
    add(loads, String(find(devices, taken)?.index ?? `missing ${taken.uuid ?? taken.index}`), taken);
  }
}

function add(loads: Map<string, Load>, key: string, { mib, milli }: Load): void {
  const load = loads.get(key) ?? { mib: 0, milli: 0 };
  loads.set(key, { mib: load.mib + mib, milli: load.milli + milli });
}

/** bytes, Ki, Mi, Gi or Ti → MiB, rounded down */
function mebibytes(quantity: string): number {
  const match = /^(\d+)(Ki|Mi|Gi|Ti)?$/.exec(quantity);
  if (match === null) throw new Error(`cannot read the device memory ${quantity}`);
  const bytes =
    BigInt(match[1] as string) *
    { B: 1n, Ki: 2n ** 10n, Mi: 2n ** 20n, Gi: 2n ** 30n, Ti: 2n ** 40n }[match[2] ?? 'B']!;
  return Number(bytes / 2n ** 20n);
}
