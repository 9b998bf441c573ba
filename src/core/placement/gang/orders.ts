/** In which order the members of a group are tried: big stones first, and whoever did not fit before even earlier. */
import { WHOLE_MILLI } from '../../gpu/request.ts';
import type { PodFacts } from '../pod-facts.ts';
import { CPU, MEMORY } from '../resources.ts';

/** How often a member that did not fit is moved to the front and everything tried again. */
const PROMOTIONS = 4;

/** Orders to try, one after the other; `failed` tells which member stopped the last one (null: none by itself). */
export function* ordersOf(
  members: readonly PodFacts[],
  needed: number,
): Generator<readonly PodFacts[], void, PodFacts | null> {
  const largest = members.toSorted((a, b) => compareSize(b, a));
  const tried = new Set<string>();
  const fresh = (order: readonly PodFacts[]): boolean => {
    const key = order.map(sizeKey).join(' ');
    if (tried.has(key)) return false;
    tried.add(key);
    return true;
  };
  // whoever may be left out is left out from the end of the given order, before size is looked at
  const first = needed < members.length ? [members, largest, largest.toReversed()] : [largest, members];
  let promoted: readonly PodFacts[] = first[0]!;
  for (const order of first) {
    if (!fresh(order)) continue;
    const failed = yield order;
    if (order === first[0] && failed !== null) promoted = toFront(order, failed);
  }
  for (let round = 0; round < PROMOTIONS; round++) {
    if (!fresh(promoted)) return;
    const failed = yield promoted;
    if (failed === null) return;
    promoted = toFront(promoted, failed);
  }
}

const toFront = (order: readonly PodFacts[], pod: PodFacts): readonly PodFacts[] => [
  pod,
  ...order.filter((other) => other !== pod),
];

/** GPUs as a whole first, then the share of each, then CPU and memory: what is hardest to place. */
function compareSize(a: PodFacts, b: PodFacts): number {
  const [gpuA, largestA] = gpuSize(a);
  const [gpuB, largestB] = gpuSize(b);
  return (
    gpuA - gpuB ||
    largestA - largestB ||
    (a.needs[CPU] ?? 0) - (b.needs[CPU] ?? 0) ||
    (a.needs[MEMORY] ?? 0) - (b.needs[MEMORY] ?? 0)
  );
}

function sizeKey(pod: PodFacts): string {
  return `${gpuSize(pod).join('x')}|${pod.needs[CPU] ?? 0}|${pod.needs[MEMORY] ?? 0}`;
}

/** [thousandths of all containers, MiB asked by amount] of a pod; nothing for one without GPUs. */
function gpuSize(pod: PodFacts): readonly [number, number] {
  if (pod.ask.kind !== 'request') return [0, 0];
  let milli = 0;
  let mib = 0;
  for (const { count, share } of pod.ask.request.containers) {
    const byMemory = 'mib' in share.memory ? 0 : share.memory.milli;
    milli += count * Math.min(WHOLE_MILLI, Math.max(share.milli, byMemory));
    if ('mib' in share.memory) mib += count * share.memory.mib;
  }
  return [milli, mib];
}
