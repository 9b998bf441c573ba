/** go-gpuallocator’s cases: which k of the free GPUs of a machine go together, by its link matrix. */
import { z } from 'zod';
import type { Device } from '../../src/core/gpu/device.ts';
import { linkWeight } from '../../src/core/gpu/policies/link.ts';
import { need, pod, request, whole } from '../../test/build/facts.ts';
import { linksShape } from './case-file.ts';
import { linkWeightOf } from './devices.ts';
import { isPlaced, Stand } from './stand.ts';
import { byDesign, equivalent, fails, SAME, type Verdict } from './verdict.ts';

const machineShape = z.looseObject({ gpus: z.number(), links: linksShape.default([]) });
const policyShape = z.enum(['best-effort', 'static-dgx1', 'simple']);
type Policy = z.infer<typeof policyShape>;

const MIB = 1024;

function devicesOf({ gpus, links }: z.infer<typeof machineShape>): readonly Device[] {
  const weights = Array.from({ length: gpus }, () => new Array<number>(gpus).fill(0));
  for (const [a, b, types] of links) {
    weights[a]![b] = linkWeightOf(types);
    weights[b]![a] = linkWeightOf(types);
  }
  return weights.map((row, index) => ({
    uuid: `GPU-${index}`,
    index,
    mib: MIB,
    model: 'GPU',
    numa: null,
    links: row,
    healthy: true,
  }));
}

/** A machine whose GPUs are taken one set after another. */
class Machine {
  readonly #stand: Stand;
  readonly #devices: readonly Device[];
  #steps = 0;

  constructor(devices: readonly Device[], policy: Policy, free: readonly number[]) {
    this.#devices = devices;
    this.#stand = new Stand({ device: policy === 'simple' ? 'pack' : 'link' });
    this.#stand.addNode('machine', devices);
    for (const { index, uuid } of devices) {
      if (!free.includes(index))
        this.#stand.addBound(`taken-${index}`, 'machine', [[{ uuid, index, mib: MIB, milli: 1000 }]]);
    }
  }

  /** [] when there are too few. `only`: no others may be taken. */
  take(count: number, only: readonly number[] | null): readonly number[] {
    if (count < 1 || count > this.#devices.length) return [];
    const uuids = { allow: (only ?? []).map((index) => `GPU-${index}`), deny: [] };
    const answer = this.#stand.filter(pod(`step-${this.#steps++}`, request([need(whole, count)], { uuids })));
    return isPlaced(answer) ? (answer.claim.containers[0]?.devices ?? []).map(({ index }) => index) : [];
  }

  sum(set: readonly number[]): number {
    return set.reduce(
      (sum, a, at) => sum + set.slice(at + 1).reduce((inner, b) => inner + linkWeight(this.#devices, a, b), 0),
      0,
    );
  }
}

const sameSet = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && [...a].sort().join() === [...b].sort().join();

const chooseShape = z.looseObject({
  policy: policyShape,
  machine: machineShape,
  free: z.array(z.number()),
  mustInclude: z.array(z.number()).default([]),
  count: z.number(),
  expect: z.looseObject({ gpus: z.array(z.number()) }),
});

export function choose(raw: unknown): Verdict {
  const { policy, machine, free, mustInclude, count, expect } = chooseShape.parse(raw);
  const devices = devicesOf(machine);
  // whoever has to include as many as are asked for has named the set; more than that, or fewer, no pod can say
  if (mustInclude.length > count) return byDesign('must-include');
  if (mustInclude.some((index) => !free.includes(index))) {
    const ours = new Machine(devices, policy, free).take(mustInclude.length, mustInclude);
    return ours.length === 0 && expect.gpus.length === 0 ? SAME : fails(`ours ${ours}, theirs ${expect.gpus}`);
  }
  if (mustInclude.length > 0 && mustInclude.length < count) return byDesign('must-include');
  const inUse = new Machine(devices, policy, free);
  const ours = inUse.take(count, mustInclude.length === count && count > 0 ? mustInclude : null);
  if (sameSet(ours, expect.gpus)) return SAME;
  if (expect.gpus.length === 0 && policy === 'static-dgx1') return byDesign('any-free-set');
  if (ours.length === expect.gpus.length && inUse.sum(ours) >= inUse.sum(expect.gpus)) {
    return equivalent(`links of the set add up to ${inUse.sum(ours)}, theirs to ${inUse.sum(expect.gpus)}`);
  }
  return fails(`ours ${ours}, theirs ${expect.gpus}`);
}

const sequenceShape = z.looseObject({
  policy: policyShape,
  machine: machineShape,
  steps: z.array(z.looseObject({ count: z.number(), expect: z.looseObject({ gpus: z.array(z.number()) }) })),
});

/** After each GPU taken: the links among those still free, all added up. */
function linksKept(devices: readonly Device[], order: readonly number[]): number {
  let total = 0;
  const free = new Set(devices.map(({ index }) => index));
  for (const index of order) {
    free.delete(index);
    for (const a of free) for (const b of free) if (a < b) total += linkWeight(devices, a, b);
  }
  return total;
}

/** One machine filled set by set: compared set by set, and where they differ by the links that all sets have together. */
export function sequence(raw: unknown): Verdict {
  const { policy, machine, steps } = sequenceShape.parse(raw);
  const devices = devicesOf(machine);
  const inUse = new Machine(
    devices,
    policy,
    devices.map(({ index }) => index),
  );
  const taken: number[] = [];
  let same = true;
  let ourSum = 0;
  let theirSum = 0;
  for (const { count, expect } of steps) {
    const ours = inUse.take(count, null);
    same &&= sameSet(ours, expect.gpus);
    taken.push(...ours);
    ourSum += inUse.sum(ours);
    theirSum += inUse.sum(expect.gpus);
    if (ours.length === expect.gpus.length) continue;
    if (policy === 'static-dgx1' && expect.gpus.length === 0) return byDesign('any-free-set');
    return fails(`ours ${ours}, theirs ${expect.gpus}`);
  }
  if (same) return SAME;
  if (steps.every(({ count }) => count <= 1)) {
    const [kept, theirs] = [
      linksKept(devices, taken),
      linksKept(
        devices,
        steps.flatMap(({ expect }) => expect.gpus),
      ),
    ];
    if (kept >= theirs)
      return equivalent(`links among the GPUs still free add up to ${kept} over all steps, theirs to ${theirs}`);
    return fails(`links among the GPUs still free add up to ${kept} over all steps, theirs to ${theirs}`);
  }
  if (ourSum >= theirSum) return equivalent(`links inside the sets add up to ${ourSum}, theirs to ${theirSum}`);
  return fails(`links inside the sets add up to ${ourSum}, theirs to ${theirSum}`);
}
