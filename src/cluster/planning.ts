/**
 * Plans: places kept ahead of filter, for a whole gang at once or for a single pod. Whoever asks (filter for an ungated member, the
 * placer for those behind its gate) gets `planned` holds, all in one step, or the one reason why not.
 *
 * A gang's plan lives and ends as a whole as long as it is open (holds.ts). Nodes that kube-scheduler's own filters refused for a pod
 * are remembered and not planned for it again for a while: what it knows of volumes or spreading is not known here.
 */
import type { GpuRequest } from '../core/gpu/request.ts';
import { withAside } from '../core/placement/aside.ts';
import type { GangGroup, GangVerdict } from '../core/placement/gang/gang-request.ts';
import { couldFit } from '../core/placement/gang/gang-victims.ts';
import { type PlanOptions, planGang } from '../core/placement/gang/plan-gang.ts';
import type { Sliced } from '../core/placement/gang/slices.ts';
import type { Board } from '../core/placement/gang/trial.ts';
import type { NodeInfo } from '../core/placement/node-info.ts';
import type { NodeTable } from '../core/placement/node-table.ts';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import type { ReasonCode } from '../core/reasons.ts';
import type { Clock } from '../kube/ports.ts';
import { AWAIT_MS } from './awaiting.ts';
import type { GangAtBind } from './decider.ts';
import type { Gang } from './gangs/gangs.ts';
import { nearOthers, requiresDomain } from './gangs/near.ts';
import { victimsForGang } from './gangs/preemption.ts';
import { type GangRoom, lackKey, nowOf, roomOf, stands } from './gangs/room.ts';
import { type GangStanding, groupToPlan, membersOf, standingOf, startsWith } from './gangs/standing.ts';
import { takeOverForGang } from './gangs/takeover.ts';
import { type Hold, openHold } from './holds.ts';
import { Hopeless } from './hopeless.ts';
import type { Picture } from './picture.ts';
import type { Shapes } from './shapes.ts';

export type PlanOutcome =
  /** holds were made for these pods, none of them had one before */
  | {
      readonly kind: 'planned';
      readonly holds: readonly Hold[] /** of these pods, those that filter had refused before */;
      readonly refused: readonly PodFacts[];
    }
  /** its minimum runs or is on its way: further members stand for themselves */
  | { readonly kind: 'started' }
  /** `fits` of `needed` members would have a place; `domain`: where that is closest. `detail` for people */
  | {
      readonly kind: 'refused';
      readonly code: ReasonCode;
      readonly detail: string;
      readonly fits: number;
      readonly needed: number;
      readonly domain: string | null;
    };

export type PlanningConfig = {
  /** how long a plan waits for its pods' binds, ms */
  readonly planMs: number;
  /** false: filter will refuse the pod everywhere (nobody prepared it, its request is invalid), so it counts for no gang */
  readonly mayCome: (pod: PodFacts) => boolean;
};

/** no node has this name */
const EVERYWHERE = '*';
/** One that did not come together in time lets others have the room for so long, ms. */
const LATE_MS = 5_000;

export class Planning {
  readonly #picture: Picture;
  readonly #shapes: Shapes;
  readonly #clock: Clock;
  readonly #config: PlanningConfig;
  readonly #hopeless: Hopeless;

  #standings = new WeakMap<Gang, { readonly version: number; readonly standing: GangStanding | null }>();

  constructor(picture: Picture, shapes: Shapes, clock: Clock, config: PlanningConfig) {
    this.#picture = picture;
    this.#shapes = shapes;
    this.#clock = clock;
    this.#config = config;
    const standing = (gang: string): GangStanding | null => this.standing(gang);
    this.#hopeless = new Hopeless({ picture, shapes, standing, placeOf: (uid) => this.#placeOf(uid) });
  }

  /** Forgets what was refused and why. */
  beginAnew(): void {
    this.#hopeless.clear();
    this.#picture.barred.clear();
  }

  /** The gang that has a say in when this pod starts: not a native one, whose cycle and barrier are kube-scheduler's own. */
  gangOf(pod: PodFacts): string | null {
    return startsWith(pod);
  }

  standing(gang: string): GangStanding | null {
    const known = this.#picture.gangs.get(gang);
    if (known === undefined) return null;
    const last = this.#standings.get(known);
    if (last?.version === known.version) return last.standing;
    const standing = standingOf(known, this.#config.mayCome);
    this.#standings.set(known, { version: known.version, standing });
    return standing;
  }

  /** Its time is up and not all of its minimum are bound: it gives way to others for a while, unless a part of it runs already. */
  late(gang: string): void {
    const standing = this.standing(gang);
    if (standing === null || standing.settled.length > 0) return;
    if (this.#picture.holds.ofGang(gang).some(({ state }) => state !== 'open')) return;
    this.#picture.barred.add(lateKey(gang), EVERYWHERE, this.#clock.monotonic(), LATE_MS);
  }

  #isLate(gang: string): boolean {
    return this.#picture.barred.has(lateKey(gang), EVERYWHERE, this.#clock.monotonic());
  }

  /** Its minimum runs, has run, or is being bound: further members stand for themselves. */
  hasStarted(gang: string): boolean {
    return this.atBind(gang)?.missing === 0;
  }

  /** The pod as it may be placed by itself: where its gang requires one domain, in that of the members that have a place. */
  near(pod: PodFacts): PodFacts {
    const gang = this.gangOf(pod);
    const objects = gang === null ? undefined : this.#picture.gangs.get(gang)?.objects;
    if (objects === undefined || ![...objects.values()].some(requiresDomain)) return pod;
    const standing = this.standing(gang!);
    if (standing === null) return pod;
    const labelOf = (node: string, key: string): string | undefined =>
      this.#picture.nodes.get(node)?.facts?.labels[key];
    return nearOthers(pod, standing, (uid) => this.#placeOf(uid), labelOf);
  }

  /** kube-scheduler's own filters refused this node for the pod. */
  bar(uid: string, node: string): void {
    this.#picture.barred.add(uid, node, this.#clock.monotonic());
  }

  isBarred(uid: string, node: string): boolean {
    return this.#picture.barred.has(uid, node, this.#clock.monotonic());
  }

  /** Nothing that is decided ahead can be made known of this pod: for a while only filter decides for it. */
  onTheSpot(uid: string): void {
    this.bar(uid, EVERYWHERE);
  }

  isOnTheSpot(uid: string): boolean {
    return this.isBarred(uid, EVERYWHERE);
  }

  /** See Planner.retryAt. */
  retryAt(gang: string): number {
    const late = this.#picture.barred.nextEnd([lateKey(gang)], this.#clock.monotonic());
    return Math.min(late, this.#hopeless.peek(gang)?.until ?? Number.POSITIVE_INFINITY);
  }

  /** Plans what is missing of a gang's minimum (and of those that must start together with it). Holds all of it or nothing. */
  planGang(gang: string): PlanOutcome {
    if (this.#isLate(gang)) return LATE;
    const alone = (): boolean => this.#together(gang).length === 1;
    return this.#hopeless.outcomeOf(gang, this.#clock.monotonic(), () => this.#plan(gang), alone);
  }

  /** Why a gang of just this kind was refused since something last came free; null: that is not known. Changes nothing. */
  refusedAlike(gang: string): ReasonCode | null {
    return this.#hopeless.refusedAlike(gang, this.#clock.monotonic());
  }

  /** What was found when it was planned last, for as long as nothing has happened that could help. */
  refusal(gang: string): (PlanOutcome & { kind: 'refused' }) | null {
    if (this.#isLate(gang)) return LATE;
    const last = this.#hopeless.lastOf(gang);
    return last?.kind === 'refused' ? last : null;
  }

  #plan(gang: string): PlanOutcome {
    const groups = this.#groupsOf(gang);
    if (!isGroups(groups)) {
      if (groups.kind === 'refused' && groups.code === 'gang-incomplete') this.#prepare(gang);
      return groups;
    }
    if (groups.length === 0) return { kind: 'started' };
    const group = groups.length === 1 ? groups[0]! : allOf(gang, groups);
    const members = membersOf(group);
    const verdict = this.#judge(group);
    const placed =
      verdict.kind === 'planned'
        ? verdict.placed
        : takeOverForGang(this.#picture, group, members, (one) => this.#judge(one));
    const kept = members.filter(({ uid }) => this.#picture.holds.get(uid)?.cause === 'awaiting');
    if (placed === null && verdict.kind === 'refused') {
      const ending = kept.some(({ uid }) => this.#picture.holds.get(uid)?.gang != null);
      if (ending) return { ...refused('victims-terminating', ENDING), ...verdict, code: 'victims-terminating' };
      return { ...refused(verdict.code, detailOf(verdict)), ...verdict, kind: 'refused' };
    }
    const now = this.#clock.monotonic();
    const holds = (placed ?? []).map(({ pod, node, claim }) => {
      const key = pod.gangSaid?.key ?? gang;
      return openHold({ pod, node, claim, cause: 'planned', gang: key }, now, this.#patience(key));
    });
    for (const { uid } of kept) this.#picture.dropHold(uid);
    const waited = holds.flatMap(({ pod }) => (this.#picture.isRefused(pod.uid) ? [pod] : []));
    for (const hold of holds) this.#picture.putHold(hold);
    return { kind: 'planned', holds, refused: waited };
  }

  /** While it waits for its members: a look at all nodes for their shape is most of what its first plan costs. */
  #prepare(gang: string): void {
    const first = this.standing(gang)?.waiting.find(({ ask }) => ask.kind === 'request');
    if (first !== undefined) this.#shapes.indexOf(first, requestOf(first));
  }

  /** How long its members may be on their way to their nodes, ms. */
  #patience(gang: string): number {
    const seconds = this.standing(gang)?.waitSeconds ?? null;
    return seconds === null ? this.#config.planMs : 1000 * seconds;
  }

  /** The same question for people: changes nothing, and counts how many would fit. null: the gang is not known. */
  explainGang(gang: string): { standing: GangStanding; verdict: GangVerdict | null } | null {
    const standing = this.standing(gang);
    if (standing === null) return null;
    const group = standing.code === null ? groupToPlan(standing, (uid) => this.#placeOf(uid)) : null;
    return { standing, verdict: group === null ? null : this.#judge(group, { count: true }) };
  }

  /**
   * Victims whose end lets what is missing of the gang start, all of it. null: eviction does not help, is not allowed, or it has been
   * done; `stale`: what was found does not stand any more, or none is needed. Only looks, and the books may change between its stops.
   */
  *searchRoom(gang: string): Sliced<GangRoom | 'stale' | null> {
    const group = this.#lacking(gang);
    if (group === null) return null;
    const since = nowOf(this.#picture.nodes);
    const found = yield* victimsForGang(this.#picture, (table) => this.#boardOn(table), group, membersOf(group));
    // without anybody to wait for it fits already, and whoever plans it next will see
    if (found === null || found.victims.length + found.going.length === 0) return null;
    yield;
    const room = roomOf(found);
    const now = nowOf(this.#picture.nodes);
    const lacks = this.#lacking(gang);
    if (lacks === null || lackKey(lacks) !== lackKey(group) || !stands(this.#picture, room, since)) return 'stale';
    if (now.freed === since.freed || this.#hopeless.peek(gang)?.freed === now.freed) return room;
    // what came free meanwhile may do without anybody's end: the line asks for it before a search does again
    return (yield* couldFit(this.#picture.nodes, group, [])) ? 'stale' : room;
  }

  /** Keeps for the gang what comes free by them, and the rest that it takes. In the same turn as it was found. */
  keepRoom(gang: string, room: GangRoom): void {
    const gone = [...room.victims, ...room.going];
    const byNode = Map.groupBy(gone, ({ node }) => node);
    const now = this.#clock.monotonic();
    for (const { uid, node, claim } of room.places) {
      const pod = this.#picture.pod(uid);
      if (claim === null || pod === undefined) continue;
      const victims = (byNode.get(node) ?? []).map((victim) => victim.uid);
      const key = pod.gangSaid?.key ?? gang;
      this.#picture.putHold(openHold({ pod, node, claim, cause: 'awaiting', gang: key, victims }, now, AWAIT_MS));
    }
    this.#hopeless.delete(gang);
  }

  /** What is missing of the gang and those that start with it, if nothing is kept for any of them. */
  #lacking(gang: string): GangGroup | null {
    const groups = this.#groupsOf(gang);
    if (!isGroups(groups) || groups.length === 0) return null;
    const group = groups.length === 1 ? groups[0]! : allOf(gang, groups);
    return membersOf(group).some(({ uid }) => this.#picture.holds.get(uid) !== undefined) ? null : group;
  }

  /** What is missing of the gang and of those that must start with it; [] when nothing is, else why it cannot be planned. */
  #groupsOf(gang: string): readonly GangGroup[] | PlanOutcome {
    const groups: GangGroup[] = [];
    for (const key of this.#together(gang)) {
      const standing = this.standing(key);
      if (standing === null) return refused('gang-incomplete', `gang ${key} has no members yet`);
      if (standing.code !== null) return refused(standing.code, standing.detail);
      const group = groupToPlan(standing, (uid) => this.#placeOf(uid));
      if (group !== null) groups.push(group);
    }
    return groups;
  }

  /** The planner's word. What is awaited for its own members does not stand in their way, and a pod is in the books once. */
  #judge(group: GangGroup, options: PlanOptions = {}): GangVerdict {
    const { holds, nodes } = this.#picture;
    return withAside(nodes, (aside) => {
      for (const { uid } of membersOf(group)) aside.take(holds.get(uid)?.node, uid);
      return planGang(this.#board, group, options);
    });
  }

  /** How many members must still reach bind before any of them is bound; those that wait there are not counted yet. */
  atBind(gang: string): GangAtBind | null {
    const standing = this.standing(gang);
    if (standing === null || standing.minMember === 0) return null;
    const settled = new Set(standing.settled.map(({ uid }) => uid));
    for (const { pod, state } of this.#picture.holds.ofGang(gang)) if (state !== 'open') settled.add(pod.uid);
    const { minMember, object, waitSeconds } = standing;
    // which of the sub-groups start was decided by the plan: all of it comes together, however few would do
    const chooses = [object, ...(object?.subGroups ?? [])].some((group) => group?.minSubGroup !== undefined);
    if (chooses) {
      const planned = this.#picture.holds.ofGang(gang).filter(({ cause }) => cause !== 'awaiting');
      const all = new Set([...settled, ...planned.map(({ pod }) => pod.uid)]);
      return { gang, minMember, missing: Math.max(minMember, all.size) - settled.size, waitSeconds };
    }
    return { gang, minMember, missing: Math.max(0, minMember - settled.size), waitSeconds };
  }

  /** Keys of the gangs that must start together with this one, itself first. */
  #together(gang: string): readonly string[] {
    const keys = new Set([gang]);
    for (const key of keys) for (const other of this.standing(key)?.together ?? []) keys.add(other);
    return [...keys];
  }

  #placeOf(uid: string): string | null {
    const hold = this.#picture.holds.get(uid);
    return hold === undefined || hold.cause === 'awaiting' ? null : hold.node;
  }

  /** On a copy of the books that nobody else sees. */
  #boardOn(table: NodeTable): Board {
    const indexOf = this.#shapes.triedOn(table);
    const { outlook } = this.#shapes.forecast;
    return {
      table,
      indexOf: (pod, packed) => indexOf(pod, requestOf(pod), packed),
      allows: (pod: PodFacts, node: NodeInfo) => !this.isBarred(pod.uid, node.name),
      outlook: () => outlook,
    };
  }

  get #board(): Board {
    return {
      table: this.#picture.nodes,
      indexOf: (pod, packed) => {
        const request = requestOf(pod);
        return packed ? this.#shapes.packedIndexOf(pod, request) : this.#shapes.indexOf(pod, request);
      },
      allows: (pod: PodFacts, node: NodeInfo) => !this.isBarred(pod.uid, node.name),
      outlook: () => this.#shapes.forecast.outlook,
    };
  }
}

function requestOf({ ask }: PodFacts): GpuRequest {
  if (ask.kind !== 'request') throw new TypeError('a pod without a request has no shape');
  return ask.request;
}

const ENDING = 'the pods that make room for it are on their way out';

const isGroups = (found: readonly GangGroup[] | PlanOutcome): found is readonly GangGroup[] => Array.isArray(found);

/** gangs among the pods that are barred from nodes: no pod has such a uid */
const lateKey = (gang: string): string => `gang ${gang}`;

const LATE = { ...refused('gang-late', ''), detail: 'its plan was given up; it is planned again in some seconds' };

function allOf(name: string, children: readonly GangGroup[]): GangGroup {
  return {
    name,
    needed: 0,
    members: [],
    settled: [],
    neededGroups: children.length,
    children,
    topology: { required: null, preferred: null, levels: [] },
  };
}

function refused(code: ReasonCode, detail: string): PlanOutcome & { kind: 'refused' } {
  return { kind: 'refused', code, detail, fits: 0, needed: 0, domain: null };
}

function detailOf({ needed, gaveUp }: GangVerdict & { kind: 'refused' }): string {
  return gaveUp ? `no place for all ${needed} was found in the time given` : `no place for all ${needed}`;
}
