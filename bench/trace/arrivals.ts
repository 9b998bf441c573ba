/**
 * The paper's drive: pods in the order of a shuffle, then random ones drawn again and again. They arrive one by one and never
 * leave; one that fits nowhere is dropped.
 */
import { seededRng } from '../../src/sim/seeded-rng.ts';
import type { TraceCluster } from './cluster.ts';
import { indexBelow, shuffle } from './shuffle.ts';
import type { TracePod } from './trace.ts';

/** Pods until their demand reaches `milli` thousandths of GPUs; those drawn again get names of their own. */
export function arrivalsOf(pods: readonly TracePod[], seed: number, milli: number): TracePod[] {
  const rng = seededRng(seed);
  const shuffled = [...pods];
  shuffle(shuffled, rng);
  const arrivals: TracePod[] = [];
  for (let arrived = 0; arrived < milli; ) {
    const at = arrivals.length;
    let pod = shuffled[at];
    if (pod === undefined) {
      const drawn = pods[indexBelow(rng, pods.length)]!;
      pod = { ...drawn, facts: { ...drawn.facts, uid: `${drawn.facts.uid}-${at}`, name: `${drawn.facts.name}-${at}` } };
    }
    arrivals.push(pod);
    arrived += pod.gpuMilli;
  }
  return arrivals;
}

/** Allocated GPUs in per cent of all at each whole per cent of arrived demand; index = per cent. */
export function replayArrivals(cluster: TraceCluster, arrivals: readonly TracePod[]): number[] {
  const curve: number[] = [0];
  let arrived = 0;
  for (const pod of arrivals) {
    cluster.create(pod.facts);
    if (cluster.place(pod) === null) cluster.drop(pod);
    arrived += pod.gpuMilli;
    const percent = Math.floor((100 * arrived) / cluster.gpuMilli);
    while (curve.length <= percent) curve.push((100 * cluster.usedGpuMilli) / cluster.gpuMilli);
  }
  return curve;
}
