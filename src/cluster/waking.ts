/**
 * Which waiting pods need a nudge. kube-scheduler tries a waiting pod when it sees something freed; if it saw that before our watch
 * did, we refused, and nothing would make it try again for minutes (docs/decisions/0004). Most often it has tried again by
 * itself; so only pods that were not heard of for a while are named, each more and more rarely: its own rules may be in the way.
 * While kube-scheduler asks nothing at all it is busy or away, and one more change would tell it nothing new.
 */
import type { PodFacts } from '../core/placement/pod-facts.ts';
import type { Picture } from './picture.ts';

/** A refused pod is looked at if kube-scheduler has not asked again for so long, ms; then twice as long, and so on up to the second. */
const AFTER_MS = 1_500;
const RAREST_MS = 60_000;
/** Bounds of one round: pods looked at, pods named, and (for who answers `fits`) nodes looked at for each. */
const LOOKS = 100;
const AT_ONCE = 20;
export const WAKE_VISITS = 32;

/**
 * `now`: monotonic ms; `askedAt`: when kube-scheduler last asked anything. `fits`: would the pod fit somewhere now? What is named is
 * noted in the picture as woken.
 */
export function podsToWake(
  picture: Picture,
  now: number,
  askedAt: number,
  fits: (pod: PodFacts) => boolean,
): readonly PodFacts[] {
  const woken: PodFacts[] = [];
  let looked = 0;
  for (const [uid, refusal] of picture.refused()) {
    // least recently refused first: all that follow were heard of even later
    if (looked >= LOOKS || woken.length >= AT_ONCE || now - refusal.since < AFTER_MS) break;
    const pod = picture.pod(uid);
    const unheard = refusal.told && askedAt <= refusal.wokenAt;
    const pause = unheard ? RAREST_MS : Math.min(AFTER_MS * 2 ** refusal.wakes, RAREST_MS);
    if (pod === undefined || now - refusal.wokenAt < pause) continue;
    looked++;
    if (!fits(pod)) continue;
    refusal.wakes++;
    refusal.wokenAt = now;
    refusal.told = true;
    woken.push(pod);
  }
  return woken;
}
