/** The paper's drive through the whole pipeline: pods come one after the other, whoever finds no place is dropped, nobody leaves. */

import { decodeClaim } from '../../../src/core/gpu/claim-json.ts';
import type { NodePolicy } from '../../../src/core/gpu/request.ts';
import { CLAIM } from '../../../src/core/names.ts';
import type { NodeFacts } from '../../../src/core/placement/node-facts.ts';
import type { KubeObject } from '../../../src/sim/api/object.ts';
import type { TracePod } from '../trace.ts';
import { Pipeline } from './pipeline.ts';
import type { Setup } from './setups.ts';

/** Nothing comes free while a pod waits here: what it has not found by then it does not find. Virtual ms. */
const PATIENCE_MS = 10_000;
/** A pod that is decided at once is bound by then, virtual ms. */
const AT_ONCE_MS = 1_000;

export type Through = {
  /** allocated GPUs in per cent of all at each whole per cent of arrived demand; index = per cent */
  readonly curve: readonly number[];
  readonly placed: readonly (string | null)[];
  readonly bound: number;
  readonly dropped: number;
  /** bound, but not at once */
  readonly late: number;
  readonly filterCalls: number;
  readonly placerWrites: number;
  readonly seconds: number;
};

export type ReplayOptions = {
  readonly setup: Setup;
  readonly policy: NodePolicy;
  readonly nodes: readonly NodeFacts[];
  readonly arrivals: readonly TracePod[];
  readonly seed: number;
  /** called after every pod: so many have arrived */
  readonly onArrived?: (arrived: number) => void;
};

/** Throws when what the API holds at the end is not what was counted, or a device is over its hundred per cent. */
export async function replayThrough({
  setup,
  policy,
  nodes,
  arrivals,
  seed,
  onArrived,
}: ReplayOptions): Promise<Through> {
  const begun = performance.now();
  const pipeline = new Pipeline(setup, policy, seed);
  await pipeline.start(nodes);
  const gpuMilli = nodes.reduce((sum, node) => sum + 1000 * node.devices.length, 0);
  const curve = [0];
  const placed: (string | null)[] = [];
  let arrived = 0;
  let used = 0;
  let late = 0;
  for (const pod of arrivals) {
    const { node, waitedMs } = await pipeline.arrive(pod.facts, PATIENCE_MS);
    placed.push(node);
    if (node !== null) used += pod.gpuMilli;
    if (node !== null && waitedMs > AT_ONCE_MS) late++;
    arrived += pod.gpuMilli;
    const percent = Math.floor((100 * arrived) / gpuMilli);
    while (curve.length <= percent) curve.push((100 * used) / gpuMilli);
    onArrived?.(placed.length);
  }
  const { filter: filterCalls, placerWrites } = pipeline.calls;
  const pods = await pipeline.pods();
  await pipeline.stop();
  const claimed = claimedMilli(pods);
  if (claimed !== used) throw new Error(`pods hold ${claimed} thousandths of GPUs, and ${used} were counted`);
  const bound = placed.filter((node) => node !== null).length;
  return {
    curve,
    placed,
    bound,
    dropped: placed.length - bound,
    late,
    filterCalls,
    placerWrites,
    seconds: (performance.now() - begun) / 1000,
  };
}

/** By what stands on the bound pods, as nodes' kubelets would read it. */
function claimedMilli(pods: readonly KubeObject[]): number {
  const byDevice = new Map<string, number>();
  for (const { metadata, spec } of pods) {
    const text = metadata.annotations?.[CLAIM];
    if (text === undefined) continue;
    const reading = decodeClaim(text);
    if (!reading.ok) throw new Error(`the claim of ${metadata.name} cannot be read: ${text}`);
    for (const { devices } of reading.claim.containers)
      for (const { uuid, milli } of devices) {
        const device = `${String(spec?.nodeName)} ${uuid}`;
        byDevice.set(device, (byDevice.get(device) ?? 0) + milli);
      }
  }
  let sum = 0;
  for (const [device, milli] of byDevice) {
    if (milli > 1000) throw new Error(`${device} is given away more than once: ${milli} thousandths of it`);
    sum += milli;
  }
  return sum;
}
