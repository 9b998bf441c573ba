/**
 * Carries out what was found for a gang: its members are nominated where they will go, then the victims are evicted, those first whom a
 * disruption budget covers. Budgets were looked at before, but others may have spent them since: if one refuses for good, nobody else
 * is evicted, what was kept for the gang ends, and the log says why.
 */
import type { GangRoom } from '../cluster/gangs/room.ts';
import type { KubeRequest } from '../kube/ports.ts';
import { type EvictorOptions, evictionOf, nominationOf } from './eviction.ts';
import { insist } from './insist.ts';

/** Writes under way at a time. */
const AT_ONCE = 16;

/** Resolves when all of it is written (or is another's to write now): true; false when it was given up. */
export async function evictForGang(gang: string, found: GangRoom, options: EvictorOptions): Promise<boolean> {
  const { picture, planner, mayDecide, onProblem } = options;
  // whoever waits only for pods that are going needs no word
  if (found.victims.length === 0) return true;
  const nominations = found.places.flatMap(({ uid, node }) => {
    const pod = picture.pod(uid);
    return pod === undefined ? [] : [nominationOf(pod, node)];
  });
  const victims = found.victims.map(({ uid }) => uid);
  let evicted = 0;
  const evict = async (uids: readonly string[], atOnce: number): Promise<boolean> =>
    await all(uids, atOnce, async (uid) => {
      const victim = picture.pod(uid);
      if (victim === undefined || victim.terminal) return true;
      // gone meanwhile, and another has its name: the precondition refuses, and it is as good
      const goesOn = (): boolean => mayDecide() && picture.pod(uid) !== undefined;
      const done = (await insist(evictionOf(victim), goesOn, options)) || picture.pod(uid) === undefined;
      if (done) evicted++;
      return done;
    });
  const nominate = (requests: readonly KubeRequest[]): Promise<boolean> =>
    all(requests, AT_ONCE, (request) => insist(request, mayDecide, options));
  const why = !(await nominate(nominations))
    ? 'a member cannot be nominated'
    : !(await evict(victims.slice(0, found.guarded), 1))
      ? 'a disruption budget forbids an eviction'
      : !(await evict(victims.slice(found.guarded), AT_ONCE))
        ? 'an eviction is refused'
        : null;
  if (why === null || !mayDecide()) return true;
  onProblem('gives up making room for a gang', { gang, why, evicted, of: found.victims.length });
  const isKept = (uid: string): boolean => picture.holds.get(uid)?.cause === 'awaiting';
  const withdrawn = found.places.flatMap(({ uid, node }) => {
    const pod = picture.pod(uid);
    return pod?.nodeName === null && pod.nominatedNode === node && isKept(uid) ? [nominationOf(pod, null)] : [];
  });
  await nominate(withdrawn);
  if (found.places.some(({ uid }) => isKept(uid))) planner.dropPlan(gang, false);
  return false;
}

/** False as soon as one of them is not done: no further ones begin. */
async function all<Item>(
  items: readonly Item[],
  atOnce: number,
  task: (item: Item) => Promise<boolean>,
): Promise<boolean> {
  let next = 0;
  let good = true;
  const lane = async (): Promise<void> => {
    while (good && next < items.length) good = (await task(items[next++]!)) && good;
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, lane));
  return good;
}
