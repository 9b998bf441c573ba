/**
 * Clusters live: pods come and leave as the trace says, and wait when they do not fit. The trace's cluster was almost empty
 * most of the time, so its load is scaled: creation times are pressed into SPAN_S seconds (their order and their bursts stay),
 * lives stay as they were, and pods come in as many copies, each a little later, as it takes for the demand of the measured
 * part to average `load` per cent of all GPUs. What waits is tried by age whenever something leaves, as kube-scheduler does.
 */
import type { PodFacts } from '../../src/core/placement/pod-facts.ts';
import { seededRng } from '../../src/sim/seeded-rng.ts';
import type { TraceCluster } from './cluster.ts';
import type { TracePod } from './trace.ts';

const SPAN_S = 21_600;
/** The first third fills the cluster and is not measured. */
const MEASURED_FROM_S = SPAN_S / 3;
/** A pod is large from so many GPUs on. */
const LARGE_GPUS = 8;

export type Stay = {
  readonly pod: TracePod;
  readonly facts: PodFacts;
  readonly created: number;
  readonly lifeS: number;
};

export type Lived = {
  /** time-averaged, per cent of all GPUs, in the measured part; the others as well */
  readonly allocatedPercent: number;
  readonly demandPercent: number;
  /** time-averaged number of pods that wait */
  readonly waiting: number;
  readonly pods: number;
  /** of the large pods created in the measured part: how many, their mean wait (to the end for those that never ran), how many never ran */
  readonly large: { readonly pods: number; readonly meanWaitS: number; readonly neverRan: number };
};

export function staysOf(pods: readonly TracePod[], seed: number, gpuMilli: number, loadPercent: number): Stay[] {
  const rng = seededRng(seed);
  const lived = pods.filter((pod) => pod.created !== null && pod.deleted !== null && pod.deleted > pod.created);
  const sorted = lived.sort((a, b) => a.created! - b.created!);
  // the order of creation is pressed evenly: the trace's first nine months of ten hold a hundredth of its pods
  const at = (rank: number): number => (rank / sorted.length) * SPAN_S;
  const demand = (created: number, pod: TracePod): number => {
    const end = Math.min(SPAN_S, created + pod.deleted! - pod.created!);
    return pod.gpuMilli * Math.max(0, end - Math.max(created, MEASURED_FROM_S));
  };
  const wanted = (loadPercent * gpuMilli * (SPAN_S - MEASURED_FROM_S)) / 100;
  const first = sorted.reduce((sum, pod, rank) => sum + demand(at(rank), pod), 0);
  const copied = sorted.reduce((sum, pod) => sum + meanOverMoments((moment) => demand(moment, pod)), 0);
  const copies = 1 + Math.max(0, wanted - first) / copied;
  const stays: Stay[] = [];
  sorted.forEach((pod, rank) => {
    for (let copy = 0; copy < copies; copy++) {
      if (copies - copy < 1 && rng.next() >= copies - copy) break;
      const uid = `${pod.facts.uid}-${copy}`;
      // a copy comes at a moment of its own: together they would be a burst that never was
      const created = Math.floor(copy === 0 ? at(rank) : rng.next() * SPAN_S);
      stays.push({ pod, facts: { ...pod.facts, uid, name: uid }, created, lifeS: pod.deleted! - pod.created! });
    }
  });
  return stays.sort((a, b) => a.created - b.created || (a.facts.uid < b.facts.uid ? -1 : 1));
}

/** A copy comes at any moment: what it asks for on average. */
function meanOverMoments(of: (moment: number) => number): number {
  const moments = 72;
  let sum = 0;
  for (let at = 0; at < moments; at++) sum += of(((at + 0.5) * SPAN_S) / moments);
  return sum / moments;
}

type Waiting = { readonly stay: Stay; readonly age: number };

export function replayDepartures(cluster: TraceCluster, stays: readonly Stay[]): Lived {
  const leaving = new Departures();
  /** by kind (request and needs), oldest first: if the oldest of a kind does not fit, none of it does */
  const waiting = new Map<string, Waiting[]>();
  const kinds = new Map<TracePod, string>();
  let waitingPods = 0;
  let now = 0;
  let allocatedArea = 0;
  let waitingArea = 0;
  let wanted = 0;
  const large = { pods: 0, waitS: 0, neverRan: 0 };

  const advance = (to: number): void => {
    const from = Math.max(now, MEASURED_FROM_S);
    if (to > from) {
      allocatedArea += cluster.usedGpuMilli * (to - from);
      waitingArea += waitingPods * (to - from);
    }
    now = to;
  };
  const started = ({ pod, created }: Stay, ranFrom: number | null): void => {
    if (pod.gpus < LARGE_GPUS || created < MEASURED_FROM_S) return;
    large.pods++;
    large.waitS += (ranFrom ?? SPAN_S) - created;
    if (ranFrom === null) large.neverRan++;
  };
  const tryPlace = (stay: Stay, only: string | null): boolean => {
    const node = cluster.place(stay.pod, stay.facts, only);
    if (node === null) return false;
    leaving.add({ at: now + stay.lifeS, node, stay });
    started(stay, now);
    return true;
  };
  const retry = (node: string): void => {
    const heads = [...waiting].sort(([, a], [, b]) => a[0]!.age - b[0]!.age);
    for (const [kind, pods] of heads) {
      let placed = 0;
      while (placed < pods.length && tryPlace(pods[placed]!.stay, node)) placed++;
      pods.splice(0, placed);
      waitingPods -= placed;
      if (pods.length === 0) waiting.delete(kind);
    }
  };

  stays.forEach((stay, age) => {
    for (let next = leaving.next(stay.created); next !== null; next = leaving.next(stay.created)) {
      advance(next.at);
      cluster.remove(next.stay.pod, next.stay.facts.uid);
      retry(next.node);
    }
    advance(stay.created);
    wanted += stay.pod.gpuMilli * Math.max(0, Math.min(SPAN_S, now + stay.lifeS) - Math.max(now, MEASURED_FROM_S));
    const kind = kinds.get(stay.pod) ?? JSON.stringify([stay.facts.ask, stay.facts.needs]);
    kinds.set(stay.pod, kind);
    const before = waiting.get(kind);
    cluster.create(stay.facts);
    if (before === undefined && tryPlace(stay, null)) return;
    waiting.set(kind, [...(before ?? []), { stay, age }]);
    waitingPods++;
  });
  for (let next = leaving.next(SPAN_S); next !== null; next = leaving.next(SPAN_S)) {
    advance(next.at);
    cluster.remove(next.stay.pod, next.stay.facts.uid);
    retry(next.node);
  }
  advance(SPAN_S);
  for (const pods of waiting.values()) for (const { stay } of pods) started(stay, null);

  const measured = SPAN_S - MEASURED_FROM_S;
  return {
    allocatedPercent: (100 * allocatedArea) / (measured * cluster.gpuMilli),
    demandPercent: (100 * wanted) / (measured * cluster.gpuMilli),
    waiting: waitingArea / measured,
    pods: stays.length,
    large: { pods: large.pods, meanWaitS: large.waitS / Math.max(1, large.pods), neverRan: large.neverRan },
  };
}

type Departure = { readonly at: number; readonly node: string; readonly stay: Stay };

/** Who leaves next: a binary heap by time. */
class Departures {
  readonly #heap: Departure[] = [];

  add(departure: Departure): void {
    const heap = this.#heap;
    let at = heap.push(departure) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (heap[parent]!.at <= departure.at) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = departure;
  }

  /** The next one until `time` (inclusive), null when nobody leaves by then. */
  next(time: number): Departure | null {
    const heap = this.#heap;
    const first = heap[0];
    if (first === undefined || first.at > time) return null;
    const last = heap.pop()!;
    let at = 0;
    while (heap.length > 0) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.at < heap[child]!.at) child++;
      if (heap[child]!.at >= last.at) break;
      heap[at] = heap[child]!;
      at = child;
    }
    if (heap.length > 0) heap[at] = last;
    return first;
  }
}
