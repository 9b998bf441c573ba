/**
 * The judge of the demo: follows pods on the API with a watch of its own and adds up, per device, what the claims written on
 * them say. It knows nothing of the extender, and it looks at every event, so a device that was over 100 % for one version of one
 * pod is seen.
 */
import { CLAIM } from '../../core/names.ts';
import { inlineDecoder } from '../../kube/inline-decoder.ts';
import type { Clock, Rng, Transport } from '../../kube/ports.ts';
import { Reflector } from '../../kube/reflector.ts';
import { arrayAt, isObject, type JsonObject, type KubeObject, numberAt, textAt } from '../../sim/api/object.ts';

/** a device as the demo's own node objects describe it */
export type KnownDevice = {
  readonly node: string;
  readonly index: number;
  readonly uuid: string | null;
  readonly mib: number;
};

export type Share = { readonly pod: string; readonly uid: string; readonly mib: number; readonly milli: number };
export type WaitingPod = { readonly name: string; readonly sinceMs: number; readonly reason: string };

export type DeviceWatchOptions = {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly devices: readonly KnownDevice[];
  readonly namespace: string;
};

type Tracked = {
  readonly name: string;
  readonly createdMs: number;
  node: string;
  running: boolean;
  reason: string;
  shares: { device: KnownDevice; share: Share }[];
};

/** Fill of a device in thousandths: the fuller of memory and compute; 1000 is full, more is a broken promise. */
export function fillOf(device: KnownDevice, shares: Iterable<Share>): number {
  let mib = 0;
  let milli = 0;
  for (const share of shares) {
    mib += share.mib;
    milli += share.milli;
  }
  // rounded up, so that one MiB too much shows
  return Math.max(milli, Math.ceil((mib * 1000) / device.mib));
}

export class DeviceWatch {
  /** pods that were bound, ever */
  placed = 0;
  /** fill of the fullest device at any moment, in thousandths */
  fullest = 0;
  /** what went wrong, each once: devices over 100 %, claims on devices that do not exist */
  readonly faults = new Set<string>();
  /** devices that ever held a share */
  readonly used = new Set<KnownDevice>();
  /** the last placement, for people */
  last = '';

  readonly #reflector: Reflector<KubeObject>;
  readonly #options: DeviceWatchOptions;
  readonly #pods = new Map<string, Tracked>();
  readonly #shares = new Map<KnownDevice, Map<string, Share>>();

  constructor(options: DeviceWatchOptions) {
    this.#options = options;
    for (const device of options.devices) this.#shares.set(device, new Map());
    this.#reflector = new Reflector<KubeObject>({
      transport: options.transport,
      clock: options.clock,
      rng: options.rng,
      path: `/api/v1/namespaces/${options.namespace}/pods`,
      decoder: inlineDecoder((object) => (isObject(object) ? (object as KubeObject) : null)),
      sink: {
        upsert: (item) => this.#seen(item.object),
        remove: (key) => this.#forget(key.uid),
        synced: () => {},
      },
    });
  }

  async start(): Promise<void> {
    this.#reflector.start();
    await this.#reflector.whenSynced();
  }

  stop(): Promise<void> {
    return this.#reflector.stop();
  }

  shares(device: KnownDevice): Share[] {
    return [...(this.#shares.get(device)?.values() ?? [])];
  }

  /** Oldest first. */
  waiting(): WaitingPod[] {
    const pods = [...this.#pods.values()].filter((pod) => pod.node === '');
    return pods
      .map(({ name, createdMs, reason }) => ({ name, sinceMs: createdMs, reason }))
      .sort((a, b) => a.sinceMs - b.sinceMs);
  }

  get running(): number {
    let running = 0;
    for (const pod of this.#pods.values()) if (pod.running) running += 1;
    return running;
  }

  #seen(pod: KubeObject): void {
    const { uid } = pod.metadata;
    const known = this.#pods.get(uid);
    const node = textAt(pod.spec, 'nodeName');
    const phase = textAt(pod.status, 'phase');
    if (node !== '' && (known?.node ?? '') === '') this.placed += 1;
    if (phase === 'Succeeded' || phase === 'Failed') {
      if (phase === 'Failed') this.faults.add(`pod ${pod.metadata.name} failed: ${textAt(pod.status, 'message')}`);
      this.#release(known, uid);
      this.#pods.set(uid, { name: pod.metadata.name, createdMs: 0, node, running: false, reason: '', shares: [] });
      return;
    }
    const tracked = known ?? {
      name: pod.metadata.name,
      createdMs: Date.parse(pod.metadata.creationTimestamp),
      node: '',
      running: false,
      reason: '',
      shares: [],
    };
    this.#pods.set(uid, tracked);
    tracked.running = phase === 'Running';
    tracked.reason = reasonOf(pod);
    const claim = node === '' ? undefined : pod.metadata.annotations?.[CLAIM];
    if (node === tracked.node && (claim === undefined || tracked.shares.length > 0)) return;
    tracked.node = node;
    if (claim !== undefined) this.#take(tracked, uid, claim);
    this.last = `${tracked.name} → ${node}${tracked.shares.length > 0 ? ` GPU ${tracked.shares.map((one) => one.device.index).join(', ')}` : ''}`;
  }

  #take(pod: Tracked, uid: string, claim: string): void {
    let parsed: unknown;
    try {
      parsed = JSON.parse(claim);
    } catch {
      this.faults.add(`the claim of pod ${pod.name} is not JSON`);
    }
    for (const container of arrayAt(parsed, 'containers')) {
      for (const share of arrayAt(container, 'devices').filter(isObject)) this.#takeShare(pod, uid, share);
    }
  }

  #takeShare(pod: Tracked, uid: string, wanted: JsonObject): void {
    const uuid = textAt(wanted, 'uuid');
    const index = numberAt(wanted, 'index');
    const device = this.#options.devices.find(
      (one) => one.node === pod.node && (uuid === '' ? one.index === index : one.uuid === uuid),
    );
    if (device === undefined) {
      this.faults.add(`pod ${pod.name} claims a device that ${pod.node} does not have: ${uuid || index}`);
      return;
    }
    const share = { pod: pod.name, uid, mib: numberAt(wanted, 'mib') ?? 0, milli: numberAt(wanted, 'milli') ?? 0 };
    pod.shares.push({ device, share });
    const shares = this.#shares.get(device)!;
    shares.set(`${uid}/${pod.shares.length}`, share);
    this.used.add(device);
    const fill = fillOf(device, shares.values());
    this.fullest = Math.max(this.fullest, fill);
    if (fill > 1000) this.faults.add(`GPU ${device.index} of ${device.node} is ${(fill / 10).toFixed(1)} % full`);
  }

  #forget(uid: string): void {
    this.#release(this.#pods.get(uid), uid);
    this.#pods.delete(uid);
  }

  #release(pod: Tracked | undefined, uid: string): void {
    for (const { device } of pod?.shares ?? []) {
      const shares = this.#shares.get(device)!;
      for (const [key, share] of shares) if (share.uid === uid) shares.delete(key);
    }
  }
}

/** Why the scheduler left the pod waiting, without the count of nodes. */
function reasonOf(pod: KubeObject): string {
  const condition = arrayAt(pod.status, 'conditions').find((one) => textAt(one, 'type') === 'PodScheduled');
  if (textAt(condition, 'status') !== 'False') return '';
  return textAt(condition, 'message').replace(/^0\/\d+ nodes are available:? ?/, '');
}
