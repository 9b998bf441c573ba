/**
 * Which waiting pods need a nudge. kube-scheduler tries a waiting pod when it sees something freed; if it saw that before our watch
 * did, we refused, and nothing would make it try again for minutes (docs/decisions/0004). Most often it has tried again by
 * itself; so only pods that were not heard of for a while are named, each more and more rarely: its own rules may be in the way.
 * While kube-scheduler asks nothing at all it is busy or away, and one more change would tell it nothing new.
 */
import type { PodFacts } from '../core/placement/pod-facts.ts';
import type { Parts } from './parts.ts';

/** A refused pod is looked at if kube-scheduler has not asked again for so long, ms; then twice as long, and so on up to the second. */
const AFTER_MS = 1_500;
const RAREST_MS = 60_000;
/** Bounds of one round: pods looked at, pods named, and nodes looked at for each. */
const LOOKS = 100;
const AT_ONCE = 20;
const VISITS = 32;

/** `askedAt`: monotonic ms at which kube-scheduler last asked anything. What is named is noted in the picture as woken. */
export function podsToWake(parts: Parts, askedAt: number): readonly PodFacts[] {
  const { picture, clock } = parts;
  const now = clock.monotonic();
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
    if (!fitsSomewhere(parts, pod)) continue;
    refusal.wakes++;
    refusal.wokenAt = now;
    refusal.told = true;
    woken.push(pod);
  }
  return woken;
}

function fitsSomewhere(parts: Parts, pod: PodFacts): boolean {
  const { picture, shapes, planning } = parts;
  if (pod.nodeName !== null || pod.terminating || pod.gated || parts.guarded(pod) !== null) return false;
  const gang = planning.gangOf(pod);
  if (gang !== null) {
    const outcome = planning.planGang(gang);
    if (outcome.kind === 'planned') parts.planned(outcome.refused);
    if (outcome.kind !== 'started') return false;
  }
  if (pod.ask.kind !== 'request') return false;
  // its own reservation does not stand in its way
  const awaiting = picture.holds.get(pod.uid);
  if (awaiting !== undefined) picture.dropHold(pod.uid);
  const index = shapes.indexOf(planning.near(pod), pod.ask.request);
  let fits = false;
  let visits = 0;
  index.ranking.walk((slot) => {
    fits = picture.nodes.at(slot)?.lacks(pod.needs) === null;
    return !fits && ++visits < VISITS;
  });
  if (awaiting !== undefined) picture.putHold(awaiting);
  return fits;
}
