/** A cluster for one case: the real books over the nodes and pods of the case, asked as the verbs ask them. */
import { Books } from '../../src/cluster/books.ts';
import type { GangRoom } from '../../src/cluster/gangs/room.ts';
import { Picture } from '../../src/cluster/picture.ts';
import type { Claim, DeviceShare } from '../../src/core/gpu/claim.ts';
import type { Device } from '../../src/core/gpu/device.ts';
import type { DevicePolicy, NodePolicy } from '../../src/core/gpu/request.ts';
import { atOnce } from '../../src/core/placement/gang/slices.ts';
import type { NodeFacts } from '../../src/core/placement/node-facts.ts';
import type { PodFacts } from '../../src/core/placement/pod-facts.ts';
import type { ReasonCode } from '../../src/core/reasons.ts';
import { bound, node as nodeFacts, pod as podFacts } from '../../test/build/facts.ts';
import { ManualClock } from '../../test/build/manual-clock.ts';
import type { GpuNode, RunningPod } from './case-file.ts';
import { devicesOf, usedShare } from './devices.ts';

/** As the extender’s own default. */
export const HOLD_MS = 30_000;
const GB = 2 ** 30;

export type Placed = { readonly node: string; readonly claim: Claim };

export class Stand {
  readonly clock = new ManualClock();
  readonly picture = new Picture();
  readonly books: Books;

  constructor(policies: { node?: NodePolicy; device?: DevicePolicy } = {}) {
    this.books = new Books(this.picture, this.clock, {
      nodePolicy: policies.node ?? 'pack',
      devicePolicy: policies.device ?? 'pack',
      holdMs: HOLD_MS,
      envGuard: false,
    });
  }

  addNode(name: string, devices: readonly Device[], over: Partial<NodeFacts> = {}): void {
    this.picture.nodes.setFacts(
      name,
      nodeFacts(name, devices, { allocatable: { cpu: 1e9, memory: 1e6 * GB, pods: 1e4 }, ...over }),
    );
  }

  /** A node of HAMi’s or vgpu-manager’s with what is used of it. */
  addGpuNode({ name, gpus, links }: GpuNode): void {
    const devices = devicesOf(gpus, links);
    this.addNode(name, devices);
    gpus.forEach((gpu, position) => {
      const share = usedShare(gpu, devices[position]!);
      if (share !== null) this.addBound(`used-${name}-${position}`, name, [[share]]);
    });
  }

  /** A bound pod with these shares per container. */
  addBound(uid: string, node: string, shares: readonly (readonly DeviceShare[])[], over: Partial<PodFacts> = {}): void {
    const claim: Claim = {
      containers: shares.flatMap((devices, at) =>
        devices.length === 0 ? [] : [{ name: `k${at}`, slot: `c${at}` as const, sidecar: false, devices }],
      ),
    };
    const needs = { cpu: 0, memory: 0, pods: 1 };
    this.picture.upsertPod(bound(podFacts(uid, null, { uid, needs, usesGpu: false, ...over }), node, claim));
  }

  addRunning(running: RunningPod, over: Partial<PodFacts> = {}): void {
    const node = running.node ?? null;
    if (node === null) return;
    const devices = this.picture.nodes.get(node)?.facts?.devices ?? [];
    const shares = running.alloc.map((taken) =>
      taken.map(({ gpu, memMiB, cores }): DeviceShare => {
        const index = devices.find((device) => device.uuid === gpu)?.index ?? 0;
        return { uuid: gpu, index, mib: memMiB, milli: 10 * cores };
      }),
    );
    const phase = running.phase;
    this.addBound(running.name, node, shares, {
      priority: running.priority ?? 0,
      terminal: phase === 'Failed' || phase === 'Succeeded',
      terminating: running.terminating,
      startedMs: this.clock.now() - 1000 * (running.ageSeconds ?? 60),
      createdMs: this.clock.now() - 1000 * (running.ageSeconds ?? 60),
      gang: running.gang ?? (running.owner === 'PodGroup' ? `cases/${running.name}` : null),
      ...over,
    });
  }

  /** filter on these nodes (all without): where, or why not by node. */
  filter(pod: PodFacts, offered?: readonly string[]): Placed | Map<string, ReasonCode> {
    const names = offered ?? this.names();
    const answer = this.books.filter(pod, this.books.resolve(names), 1);
    const hold = this.picture.holds.get(pod.uid);
    if (answer.fits.length > 0 && hold !== undefined)
      return { node: hold.node, claim: hold.claim ?? { containers: [] } };
    if (answer.all && names[0] !== undefined) return { node: names[0], claim: { containers: [] } };
    return new Map(answer.refused.map(({ node, code }) => [node, code]));
  }

  /** Victims for a whole gang; what they leave is kept for it. null: nobody's end would help. */
  makeRoom(gang: string): GangRoom | null {
    const room = atOnce(this.books.searchRoom(gang));
    if (room === null || room === 'stale') return null;
    this.books.keepRoom(gang, room);
    return room;
  }

  names(): readonly string[] {
    return [...this.picture.nodes.values()].map(({ name }) => name).sort();
  }
}

export const isPlaced = (answer: Placed | Map<string, ReasonCode>): answer is Placed => !(answer instanceof Map);
