/**
 * The trace's cluster, decided by the real code: the same Books that answer kube-scheduler's calls, with a bind that always
 * lands and an informer that shows it at once. Nothing about packing is decided here. The time of decisions is taken.
 */
import { Books } from '../../src/cluster/books.ts';
import type { Offered } from '../../src/cluster/offered.ts';
import { Picture } from '../../src/cluster/picture.ts';
import type { NodePolicy } from '../../src/core/gpu/request.ts';
import { Demand } from '../../src/core/placement/demand.ts';
import type { NodeFacts } from '../../src/core/placement/node-facts.ts';
import type { PodFacts } from '../../src/core/placement/pod-facts.ts';
import type { Typical } from '../../src/core/placement/policies/typical.ts';
import type { Clock } from '../../src/kube/ports.ts';
import type { TracePod } from './trace.ts';

/** Time plays no part: holds become claims before it could. */
const stillClock: Clock = { now: () => 0, monotonic: () => 0, after: () => ({ cancel: () => {} }) };

export class TraceCluster {
  readonly #picture = new Picture();
  readonly #books: Books;
  readonly #all: Offered;
  /** there are nodes without GPUs */
  readonly #hasOthers: boolean;
  readonly #alone = new Map<string, Offered>();
  /** thousandths of all GPUs */
  readonly gpuMilli: number;
  usedGpuMilli = 0;
  /** CPU of all decisions over all nodes on this thread, µs: on a shared machine wall time says little */
  cpuUs = 0;
  /** wall time of each of them, ns (the CPU of one is below the resolution of many kernels) */
  readonly wallNs: number[] = [];

  constructor(nodes: readonly NodeFacts[], policy: NodePolicy, typical: Typical | null) {
    for (const node of nodes) this.#picture.nodes.setFacts(node.name, node);
    this.#hasOthers = nodes.some(({ managed }) => !managed);
    this.gpuMilli = nodes.reduce((sum, node) => sum + 1000 * node.devices.length, 0);
    const config = { nodePolicy: policy, devicePolicy: 'pack', holdMs: 1000, envGuard: true } as const;
    this.#books = new Books(this.#picture, stillClock, config, typical);
    this.#all = this.#books.resolve(nodes.map((node) => node.name).sort());
  }

  /** The pod exists and wants a node. */
  create(facts: PodFacts): void {
    this.#picture.upsertPod(facts);
  }

  /** Places the pod and binds it. Returns its node, null when it fits nowhere. `only`: the one node that is offered. */
  place(pod: TracePod, facts: PodFacts = pod.facts, only: string | null = null): string | null {
    const offered = only === null ? this.#all : this.#offeredAlone(only);
    const cpu = process.threadCpuUsage();
    const start = process.hrtime.bigint();
    const node = this.#decide(facts, offered);
    if (only === null) {
      this.wallNs.push(Number(process.hrtime.bigint() - start));
      const { user, system } = process.threadCpuUsage(cpu);
      this.cpuUs += user + system;
    }
    if (node === null) return null;
    const plan = this.#books.beginBind(facts, node);
    if (plan.kind !== 'bind') throw new Error(`${facts.uid} was answered ${node} and may not bind: ${plan.kind}`);
    this.#books.bindLanded(facts.uid);
    this.#picture.upsertPod({ ...facts, nodeName: node, claim: plan.claim });
    this.usedGpuMilli += pod.gpuMilli;
    return node;
  }

  /** A pod that is not placed goes away. */
  drop({ facts }: TracePod): void {
    this.#picture.removePod(facts.uid);
  }

  /** A pod that is placed ends. */
  remove(pod: TracePod, uid: string): void {
    this.#picture.removePod(uid);
    this.usedGpuMilli -= pod.gpuMilli;
  }

  /** What kube-scheduler does with our answers: the node left by filter, or the first of the best by prioritize. */
  #decide(pod: PodFacts, offered: Offered): string | null {
    const answer = this.#books.filter(pod, offered, 1);
    if (!answer.all) return answer.fits[0] ?? null;
    // its own filters come first there
    const roomy = this.#hasOthers ? this.#withRoom(pod, offered) : offered;
    let best: { node: string; score: number } | null = null;
    for (const each of this.#books.prioritize(pod, roomy)) if (best === null || each.score > best.score) best = each;
    return best !== null && this.#picture.nodes.get(best.node)!.lacks(pod.needs) === null ? best.node : null;
  }

  #withRoom(pod: PodFacts, offered: Offered): Offered {
    const hasRoom = (name: string): boolean => this.#picture.nodes.get(name)?.lacks(pod.needs) === null;
    return this.#books.resolve(offered.names.filter(hasRoom));
  }

  #offeredAlone(node: string): Offered {
    const known = this.#alone.get(node) ?? this.#books.resolve([node]);
    this.#alone.set(node, known);
    return known;
  }
}

/** The typical shapes of a whole workload, as the paper's policy is given them. */
export function typicalOf(pods: readonly TracePod[]): Typical {
  const demand = new Demand();
  for (const { facts } of pods) demand.arrived(facts);
  return demand.typical();
}
