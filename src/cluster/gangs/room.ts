/**
 * Room for a whole gang, as it was found on a copy of the books: who goes, and where the members go then. Searching takes longer than
 * anybody should wait, so the books may have moved on meanwhile; `stands` says whether that matters.
 */
import type { Claim } from '../../core/gpu/claim.ts';
import { LedgerError } from '../../core/gpu/errors.ts';
import { peakOf } from '../../core/gpu/peak.ts';
import { claimStands } from '../../core/gpu/stands.ts';
import { compileConstraints } from '../../core/placement/constraints.ts';
import type { GangGroup } from '../../core/placement/gang/gang-request.ts';
import type { GangVictims } from '../../core/placement/gang/gang-victims.ts';
import { losses } from '../../core/placement/gang/running-pod.ts';
import type { NodeInfo } from '../../core/placement/node-info.ts';
import type { NodeTable } from '../../core/placement/node-table.ts';
import type { PodFacts } from '../../core/placement/pod-facts.ts';
import type { Picture } from '../picture.ts';
import { budgetIndex } from '../preemption.ts';
import { Spares } from './spare.ts';

type OnNode = { readonly uid: string; readonly node: string };

/** Written as it is into recordings: what was found is found again by nobody. */
export type GangRoom = {
  /** those that a disruption budget covers first; [] when it is enough to wait for pods that are going */
  readonly victims: readonly OnNode[];
  /** so many of them are covered by a budget: where it refuses after all, nobody else need be evicted */
  readonly guarded: number;
  /** already on their way out, on the nodes of the plan */
  readonly going: readonly OnNode[];
  /** keys of gangs that fall below their minimum by it: all of them goes */
  readonly brokenGangs: readonly string[];
  /** claim null: a member without GPUs */
  readonly places: readonly (OnNode & { readonly claim: Claim | null })[];
};

export function roomOf({ victims, going, brokenGangs, placed }: GangVictims): GangRoom {
  const onNode = ({ uid, node }: OnNode): OnNode => ({ uid, node });
  const guarded = victims.filter(({ budgets }) => budgets.length > 0);
  return {
    victims: [...guarded, ...victims.filter(({ budgets }) => budgets.length === 0)].map(onNode),
    guarded: guarded.length,
    going: going.map(onNode),
    brokenGangs,
    places: placed.map(({ pod, node, claim }) => ({ uid: pod.uid, node, claim })),
  };
}

/** Equal while the same members lack a place, and are needed in the same way. */
export const lackKey = (group: GangGroup): string =>
  JSON.stringify(group, (key, value: unknown) =>
    key === 'members' ? (value as readonly PodFacts[]).map(({ uid }) => uid) : value,
  );

/** How far the books had come. */
export type Since = { readonly loads: number; readonly freed: number };
export const nowOf = ({ loads, freed }: NodeTable): Since => ({ loads: loads.generation, freed });

/**
 * Everybody who is to go is still there and may, and nothing has come onto the nodes of the plan since. Whether the gang fits without
 * anybody's end by now is not asked here.
 */
export function stands(picture: Picture, room: GangRoom, since: Since): boolean {
  const victims: PodFacts[] = [];
  for (const { uid, node } of room.victims) {
    const pod = picture.pod(uid);
    if (pod === undefined || pod.terminal || pod.nodeName !== node) return false;
    victims.push(pod);
  }
  return mayGo(picture, victims, room.brokenGangs) && placesStand(picture, room, since);
}

function mayGo(picture: Picture, victims: readonly PodFacts[], broken: readonly string[]): boolean {
  const budgets = budgetIndex(picture);
  const left = [...budgets.allowed];
  const spares = new Spares(picture);
  for (const pod of victims) {
    spares.look(pod.gang);
    // what a pod costs that is on its way out by now is counted already
    if (left.length > 0 && !pod.terminating) for (const budget of budgets.of(pod)) left[budget]!--;
  }
  if (left.some((number, at) => number < 0 && number < budgets.allowed[at]!)) return false;
  const lost = victims.map(({ gang, gangSaid }) => ({ gang, subGroup: gangSaid?.subGroup ?? null }));
  const breaks = losses(lost, spares.map).broken;
  if (breaks.size !== broken.length || broken.some((gang) => !breaks.has(gang))) return false;
  const goes = new Set(victims.map(({ uid }) => uid));
  return broken.every((key) =>
    [...(picture.gangs.get(key)?.members.values() ?? [])].every(
      (pod) => goes.has(pod.uid) || pod.nodeName === null || pod.terminating || pod.terminal,
    ),
  );
}

function placesStand(picture: Picture, room: GangRoom, since: Since): boolean {
  const { nodes } = picture;
  const changed = new Set<string>();
  nodes.loads.changedSince(since.loads, (slot) => {
    const node = nodes.at(slot);
    if (node !== null) changed.add(node.name);
  });
  const trials = new Map<string, NodeInfo>();
  for (const { node } of room.places) {
    const now = nodes.get(node);
    if (now?.facts == null) return false;
    if (changed.has(node) && !trials.has(node)) trials.set(node, now.copy());
  }
  for (const { uid, node } of [...room.victims, ...room.going]) trials.get(node)?.remove(uid);
  return room.places.every(({ uid, node, claim }) => {
    const trial = trials.get(node);
    const pod = picture.pod(uid);
    return pod !== undefined && (trial === undefined || takesIn(trial, pod, claim));
  });
}

/** The node has room for the pod on these devices, and has it from now on. */
function takesIn(node: NodeInfo, pod: PodFacts, claim: Claim | null): boolean {
  const { facts, ledger } = node;
  if (facts === null || node.lacks(pod.needs) !== null) return false;
  if (compileConstraints(pod.constraints).admits(facts) !== null) return false;
  try {
    node.add({ uid: pod.uid, kind: 'held', claim, needs: pod.needs, unclaimed: false });
  } catch (error) {
    if (error instanceof LedgerError) return false;
    throw error;
  }
  if (claim === null) return true;
  if (pod.ask.kind !== 'request' || !facts.managed || node.useUnknown) return false;
  // what is kept there for others counts too
  const full = peakOf(claim).some((share) => {
    const position = ledger.positionOf(share);
    return position < 0 || ledger.freeMilli(position) < 0 || ledger.freeMib(position) < 0;
  });
  return !full && claimStands(ledger, pod.ask.request, claim);
}
