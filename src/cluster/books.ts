/**
 * The decisions that verbs ask for, on the cached picture. Everything here is synchronous: kube-scheduler makes no reservation
 * between filter and bind, so filter itself holds what it promises, and no other call may come in between looking and holding.
 */
import { LRUCache } from 'lru-cache';
import { gpuMilliOf } from '../core/gpu/gpu-milli.ts';
import type { DevicePolicy, GpuRequest, NodePolicy } from '../core/gpu/request.ts';
import { GPU_MILLI } from '../core/names.ts';
import { Forecast } from '../core/placement/forecast.ts';
import { judge, placeOn, reasonOf } from '../core/placement/judge.ts';
import type { NodeInfo } from '../core/placement/node-info.ts';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import type { Typical } from '../core/placement/policies/typical.ts';
import { shapeKey, shapeOf } from '../core/placement/shape.ts';
import { ShapeIndex } from '../core/placement/shape-index.ts';
import type { ReasonCode } from '../core/reasons.ts';
import type { Clock } from '../kube/ports.ts';
import type {
  BindPlan,
  Decider,
  ExplainRow,
  FilterAnswer,
  OfferedNodes,
  PreemptAnswer,
  PreemptCandidate,
  Refusal,
} from './decider.ts';
import { explainNode } from './explain.ts';
import type { Hold, HoldCause } from './holds.ts';
import { Offered } from './offered.ts';
import { passThrough } from './pass-through.ts';
import type { Picture } from './picture.ts';
import { correctVictims, reservedClaim } from './preemption.ts';

export type BooksConfig = {
  readonly nodePolicy: NodePolicy;
  readonly devicePolicy: DevicePolicy;
  /** how long a hold made by filter waits for its bind, ms */
  readonly holdMs: number;
  /** refuse pods on managed nodes whose containers lack our env (they would see every GPU of the node) */
  readonly envGuard: boolean;
};

/** Memory for shapes, bytes. Policies that look at CPU have many: hundreds on a real trace of a thousand nodes. */
const SHAPES_BYTES = 32 * 2 ** 20;
/** What a shape keeps per node: score, ranking (up to twice that with the slack of both). */
const SHAPE_BYTES_PER_NODE = 24;
/** Pods without GPUs are not held; their last filter is remembered for bind, this many of them. */
const SEEN_PODS = 10_000;
/** What an `awaiting` hold waits beyond its victims' grace period, ms. */
const AWAIT_MARGIN_MS = 30_000;
/** A landed Binding that the informer does not show for so long is read back, ms. */
const LANDED_OVERDUE_MS = 30_000;

export class Books implements Decider {
  readonly picture: Picture;
  readonly #clock: Clock;
  readonly #config: BooksConfig;
  readonly #forecast: Forecast;
  #started = false;
  readonly #shapes = new LRUCache<string, ShapeIndex>({ maxSize: SHAPES_BYTES });
  readonly #seen = new LRUCache<string, PodFacts>({ max: SEEN_PODS });
  /** the last answer of a shape to a list of names where nothing fitted: hopeless pods ask again and again */
  readonly #hopeless = new WeakMap<
    ShapeIndex,
    { generation: number; offered: Offered; answer: FilterAnswer; fragmented: boolean }
  >();

  /** `typical`: what is typically asked, for those who know it beforehand; otherwise it is learnt from what arrives. */
  constructor(picture: Picture, clock: Clock, config: BooksConfig, typical: Typical | null = null) {
    this.picture = picture;
    this.#forecast = new Forecast(picture.nodes, typical);
    this.#clock = clock;
    this.#config = config;
  }

  nodesVersion(): number {
    return this.picture.nodes.version;
  }

  resolve(names: readonly string[]): Offered {
    return new Offered(names, this.picture.nodes);
  }

  filter(pod: PodFacts, offeredNodes: OfferedNodes, shortList: number): FilterAnswer {
    const offered = this.#current(offeredNodes);
    if (!this.#seen.has(pod.uid)) this.#forecast.arrived(pod);
    this.#seen.set(pod.uid, pod);
    const bound = this.picture.pod(pod.uid)?.nodeName ?? null;
    if (bound !== null) return answer(offered.names.includes(bound) ? [bound] : [], []);
    const guarded = this.#guarded(pod);
    if (guarded !== null || pod.ask.kind !== 'request') return passThrough(pod, offered, this.picture.nodes, guarded);

    const hold = this.picture.holds.get(pod.uid);
    if (hold !== undefined && hold.cause !== 'awaiting') {
      const confirmed = this.#confirm(hold, pod, offered);
      if (confirmed !== null) return confirmed;
      if (hold.state !== 'open') return answer([], refuseAll(offered.names, 'bind-pending'));
      this.picture.dropHold(pod.uid);
    }
    return this.#decide(pod, pod.ask.request, offered, shortList, hold?.cause === 'awaiting' ? hold : null);
  }

  prioritize(pod: PodFacts, offeredNodes: OfferedNodes): readonly { node: string; score: number }[] {
    const offered = this.#current(offeredNodes);
    const ranked = this.picture.holds.get(pod.uid)?.ranked;
    if (ranked !== undefined) {
      const place = new Map(ranked.map((node, at) => [node, at]));
      return offered.names.map((node) => ({ node, score: Math.max(0, 10 - (place.get(node) ?? 10)) }));
    }
    return this.#withoutGpus(pod, offered);
  }

  /**
   * A pod without GPUs leaves the nodes that have them to others. Where only such nodes are offered, the one that loses least
   * by it, in the eyes of the node policy, is half as good.
   */
  #withoutGpus(pod: PodFacts, offered: Offered): readonly { node: string; score: number }[] {
    const scores = offered.names.map((node) => ({
      node,
      score: this.picture.nodes.get(node)?.facts?.managed ? 0 : 10,
    }));
    if (pod.ask.kind !== 'none' || scores.some(({ score }) => score > 0)) return scores;
    const best = this.#best(this.#index(pod, null), pod, offered, 1)[0]?.name;
    return scores.map(({ node }) => ({ node, score: node === best ? 5 : 0 }));
  }

  preempt(pod: PodFacts, candidates: readonly PreemptCandidate[]): readonly PreemptAnswer[] {
    if (pod.neverPreempts || this.#guarded(pod) !== null) return [];
    const index = pod.ask.kind === 'request' ? this.#index(pod, pod.ask.request) : null;
    const best = correctVictims(this.picture, pod, index?.shape ?? null, candidates);
    if (best === null) return [];
    if (best.claim !== null) {
      const grace = best.victims.reduce((most, uid) => Math.max(most, this.picture.pod(uid)?.graceSeconds ?? 0), 0);
      this.#hold(pod, best.node, best.claim, 'awaiting', {
        victims: best.victims,
        deadline: this.#clock.monotonic() + grace * 1000 + AWAIT_MARGIN_MS,
      });
    }
    return [{ node: best.node, victims: best.victims, pdbViolations: best.pdbViolations }];
  }

  beginBind(ref: { uid: string; namespace: string; name: string }, nodeName: string): BindPlan {
    const hold = this.picture.holds.get(ref.uid);
    if (hold?.state === 'binding' || hold?.state === 'unknown') return { kind: 'refuse', code: 'bind-in-flight' };
    if (hold?.state === 'landed') return { kind: 'already-bound', node: hold.node };
    const known = this.picture.pod(ref.uid);
    if (known?.nodeName) return { kind: 'already-bound', node: known.nodeName };
    if (known?.terminating) return { kind: 'refuse', code: 'pod-terminating' };
    const pod = known ?? hold?.pod ?? this.#seen.get(ref.uid);
    if (pod === undefined) return { kind: 'refuse', code: 'pod-unknown' };
    const node = this.picture.nodes.get(nodeName);
    if (node?.facts == null) return { kind: 'refuse', code: 'node-unknown' };
    if (pod.ask.kind !== 'request' || this.#guarded(pod) !== null) {
      const [refusal] = passThrough(pod, this.resolve([nodeName]), this.picture.nodes, this.#guarded(pod)).refused;
      return refusal === undefined ? { kind: 'bind', claim: null } : { kind: 'refuse', code: refusal.code };
    }
    if (hold !== undefined && hold.cause !== 'awaiting' && hold.node === nodeName && this.#stands(hold, pod) === null) {
      this.picture.holds.move(hold, 'binding', this.#clock.monotonic());
      return { kind: 'bind', claim: hold.claim };
    }
    return this.#moveAndBind(pod, pod.ask.request, node);
  }

  bindLanded(uid: string): void {
    const hold = this.picture.holds.get(uid);
    if (hold !== undefined) this.picture.holds.move(hold, 'landed', this.#clock.monotonic());
  }

  bindRefused(uid: string): void {
    this.picture.dropHold(uid);
  }

  bindUnknown(uid: string): void {
    const hold = this.picture.holds.get(uid);
    if (hold !== undefined) this.picture.holds.move(hold, 'unknown', this.#clock.monotonic());
  }

  bindReadBack(uid: string, node: string | null): void {
    const hold = this.picture.holds.get(uid);
    if (hold === undefined) return;
    if (hold.node === node) this.picture.holds.move(hold, 'landed', this.#clock.monotonic());
    else this.picture.dropHold(uid);
  }

  /** Ends holds past their deadline; an `awaiting` one goes on while a victim is still there. Call about once a second. */
  sweep(): void {
    const now = this.#clock.monotonic();
    for (const hold of this.picture.holds.expired(now)) {
      if (hold.victims.some((uid) => this.picture.pod(uid)?.terminating)) hold.deadline = now + AWAIT_MARGIN_MS;
      else this.picture.dropHold(hold.pod.uid);
    }
  }

  /** Pods whose Binding landed long ago by the API server's word, and that the informer still does not show bound. */
  overdue(): readonly PodFacts[] {
    return this.picture.holds.overdue(this.#clock.monotonic(), LANDED_OVERDUE_MS).map((hold) => hold.pod);
  }

  /**
   * After the first sync: a nomination made by kube-scheduler whose victims are still terminating becomes an `awaiting` hold
   * again, before anything is decided. The first time, what runs already teaches what is typical here.
   */
  restoreAwaiting(): void {
    if (!this.#started) for (const pod of this.picture.pods()) if (!pod.terminal) this.#forecast.known(pod);
    this.#started = true;
    const nominated = [...this.picture.pods()].filter((pod) => pod.nodeName === null && pod.nominatedNode !== null);
    nominated.sort((a, b) => b.priority - a.priority || a.createdMs - b.createdMs || (a.uid < b.uid ? -1 : 1));
    for (const pod of nominated) {
      if (pod.ask.kind !== 'request' || this.picture.holds.get(pod.uid) !== undefined) continue;
      const reserved = reservedClaim(this.picture, pod, this.#index(pod, pod.ask.request).shape);
      if (reserved === null) continue;
      this.#hold(pod, pod.nominatedNode!, reserved.claim, 'awaiting', {
        victims: reserved.victims,
        deadline: this.#clock.monotonic() + AWAIT_MARGIN_MS,
      });
    }
  }

  explain(namespace: string, name: string): { pod: PodFacts; rows: readonly ExplainRow[]; hold: string | null } | null {
    const pod = this.picture.podNamed(namespace, name);
    if (pod === undefined) return null;
    const hold = this.picture.holds.get(pod.uid);
    const guarded = this.#guarded(pod);
    const index = pod.ask.kind === 'request' && guarded === null ? this.#index(pod, pod.ask.request) : null;
    const names = [...this.picture.nodes.values()].map((node) => node.name).sort();
    const refused = index === null ? passThrough(pod, this.resolve(names), this.picture.nodes, guarded).refused : [];
    const passCode = new Map(refused.map((refusal) => [refusal.node, refusal.code]));
    const rows = names.map((node) => {
      const info = this.picture.nodes.get(node)!;
      const code = index === null ? (passCode.get(node) ?? null) : this.#fitCode(index, pod, info);
      return { node, code, detail: explainNode(pod, info, code) };
    });
    return { pod, rows, hold: hold === undefined ? null : `${hold.cause} hold on ${hold.node} (${hold.state})` };
  }

  /** Why this pod may not go to managed nodes at all, null if it may. */
  #guarded(pod: PodFacts): ReasonCode | null {
    if (!this.#config.envGuard) return null;
    if (!pod.envSafe) return 'pod-without-env';
    // whoever edits the request after admission would pass quotas and kube-scheduler's own sums
    const said = pod.needs[GPU_MILLI];
    if (said === undefined || pod.ask.kind !== 'request') return null;
    return said < gpuMilliOf(pod.ask.request, Number.MAX_SAFE_INTEGER) ? 'gpu-milli-short' : null;
  }

  #current(offered: OfferedNodes): Offered {
    return offered instanceof Offered && offered.version === this.picture.nodes.version
      ? offered
      : this.resolve(offered.names);
  }

  #index(pod: PodFacts, request: GpuRequest | null): ShapeIndex {
    const key = shapeKey(pod, request, this.#config);
    let index = this.#shapes.get(key);
    if (index === undefined) {
      index = new ShapeIndex(shapeOf(pod, request, this.#config, key), this.picture.nodes, this.#forecast);
      const size = Math.min(SHAPES_BYTES, 1024 + SHAPE_BYTES_PER_NODE * this.picture.nodes.slots);
      this.#shapes.set(key, index, { size });
    }
    index.refresh();
    return index;
  }

  #decide(
    pod: PodFacts,
    request: GpuRequest,
    offered: Offered,
    shortList: number,
    awaiting: Hold | null,
  ): FilterAnswer {
    if (awaiting !== null) {
      const here = this.#takeAwaited(awaiting, pod, request, offered);
      if (here !== null) return here;
    }
    const index = this.#index(pod, request);
    const fits = this.#best(index, pod, offered, Math.max(1, shortList));
    if (fits.length > 0) {
      const claim = this.#claimOn(index, fits[0]!);
      if (claim !== null) {
        const names = fits.map((node) => node.name);
        this.#hold(pod, names[0]!, claim, 'tentative', { ranked: names });
        return answer(names, []);
      }
    }
    return this.#refuse(index, pod, offered, awaiting);
  }

  /** The best `count` offered nodes with room for everything the pod needs, best first. */
  #best(index: ShapeIndex, pod: PodFacts, offered: Offered, count: number): NodeInfo[] {
    const found: NodeInfo[] = [];
    const consider = (slot: number): boolean => {
      const node = this.picture.nodes.at(slot);
      if (node !== null && node.lacks(pod.needs) === null) found.push(node);
      return found.length < count;
    };
    if (offered.slots.length === 1) {
      // a nominated node: no need to rank anything
      const slot = offered.slots[0]!;
      if (slot >= 0 && index.ranking.value(slot) >= 0) consider(slot);
    } else {
      index.ranking.walk((slot) => !offered.has(slot) || consider(slot));
    }
    return found;
  }

  #refuse(index: ShapeIndex, pod: PodFacts, offered: Offered, awaiting: Hold | null): FilterAnswer {
    const generation = this.picture.nodes.generation;
    const last = this.#hopeless.get(index);
    if (awaiting === null && last !== undefined && last.generation === generation && last.offered === offered) {
      this.picture.setWaiting(pod.uid, last.fragmented);
      return last.answer;
    }
    const refused: Refusal[] = [];
    let byShapeAlone = awaiting === null;
    for (let at = 0; at < offered.names.length; at++) {
      const node = this.picture.nodes.at(offered.slots[at]!);
      let code: ReasonCode = 'node-unknown';
      if (node !== null) {
        const shapeCode = index.reason(node.slot);
        if (shapeCode === null) byShapeAlone = false;
        code =
          node.name === awaiting?.node ? 'victims-terminating' : (shapeCode ?? node.lacks(pod.needs) ?? 'gpu-full');
      }
      refused.push({ node: offered.names[at]!, code });
    }
    const result = answer([], refused);
    const fragmented = refused.some((refusal) => refusal.code === 'gpu-fragmented');
    if (byShapeAlone) this.#hopeless.set(index, { generation, offered, answer: result, fragmented });
    this.picture.setWaiting(pod.uid, fragmented);
    return result;
  }

  /** The preemptor comes back to the node that was freed for it: its own reservation does not stand in its way. */
  #takeAwaited(awaiting: Hold, pod: PodFacts, request: GpuRequest, offered: Offered): FilterAnswer | null {
    const node = this.picture.nodes.get(awaiting.node);
    if (node === undefined || !offered.has(node.slot)) return null;
    this.picture.dropHold(pod.uid);
    const index = this.#index(pod, request);
    if (this.#fitCode(index, pod, node) === null) {
      const claim = this.#claimOn(index, node);
      if (claim !== null) {
        this.#hold(pod, node.name, claim, 'tentative', { ranked: [node.name] });
        return answer([node.name], []);
      }
    }
    this.picture.putHold(awaiting);
    return null;
  }

  /** kube-scheduler chose another node than ours (shortList), or we were restarted after its filter: decide on that node now. */
  #moveAndBind(pod: PodFacts, request: GpuRequest, node: NodeInfo): BindPlan {
    this.picture.dropHold(pod.uid);
    const index = this.#index(pod, request);
    const code = this.#fitCode(index, pod, node);
    if (code !== null) return { kind: 'refuse', code };
    const claim = this.#claimOn(index, node);
    if (claim === null) return { kind: 'refuse', code: 'gpu-full' };
    const hold = this.#hold(pod, node.name, claim, 'tentative', { ranked: [node.name] });
    this.picture.holds.move(hold, 'binding', this.#clock.monotonic());
    return { kind: 'bind', claim };
  }

  #fitCode(index: ShapeIndex, pod: PodFacts, node: NodeInfo): ReasonCode | null {
    return index.reason(node.slot) ?? node.lacks(pod.needs);
  }

  #claimOn({ shape }: ShapeIndex, node: NodeInfo) {
    const placed = placeOn(shape, node, this.#forecast.outlook);
    return placed.fits ? placed.claim : null;
  }

  #hold(
    pod: PodFacts,
    node: string,
    claim: Hold['claim'],
    cause: HoldCause,
    more: { ranked?: readonly string[]; victims?: readonly string[]; deadline?: number },
  ): Hold {
    const now = this.#clock.monotonic();
    const hold: Hold = {
      pod,
      node,
      claim,
      cause,
      ranked: more.ranked ?? [node],
      victims: more.victims ?? [],
      state: 'open',
      deadline: more.deadline ?? now + this.#config.holdMs,
      since: now,
    };
    this.picture.putHold(hold);
    return hold;
  }

  /** The answer for a pod that has a hold already, null when the hold cannot stand any more or its node is not offered. */
  #confirm(hold: Hold, pod: PodFacts, offered: Offered): FilterAnswer | null {
    const node = this.picture.nodes.get(hold.node);
    if (node === undefined || !offered.has(node.slot) || this.#stands(hold, pod) !== null) return null;
    if (hold.state === 'open') hold.deadline = this.#clock.monotonic() + this.#config.holdMs;
    return answer(
      hold.ranked.filter((name) => name === hold.node || offered.has(this.picture.nodes.get(name)?.slot ?? -1)),
      [],
    );
  }

  /** null: the hold's node still admits the pod and its devices are still there and healthy. */
  #stands(hold: Hold, pod: PodFacts): ReasonCode | null {
    const node = this.picture.nodes.get(hold.node);
    if (node?.facts == null) return 'node-unknown';
    // the request was edited since: what was held is not what is asked
    if (pod.ask.kind !== 'request' || hold.pod.ask.kind !== 'request') return 'request-invalid';
    const key = shapeKey(pod, pod.ask.request, this.#config);
    if (pod !== hold.pod && key !== shapeKey(hold.pod, hold.pod.ask.request, this.#config)) return 'request-invalid';
    const code = reasonOf(judge(this.#index(pod, pod.ask.request).shape, node));
    // full is no objection: it is full because of this hold
    if (code !== null && !code.startsWith('gpu-')) return code;
    if (node.useUnknown) return 'gpu-unknown-use';
    for (const container of hold.claim.containers)
      for (const share of container.devices) {
        const position = node.ledger.positionOf(share);
        if (position < 0 || !node.ledger.devices[position]!.healthy) return 'gpu-too-few';
      }
    return null;
  }
}

function answer(fits: readonly string[], refused: readonly Refusal[]): FilterAnswer {
  return { all: false, fits, refused };
}

function refuseAll(names: readonly string[], code: ReasonCode): Refusal[] {
  return names.map((node) => ({ node, code }));
}
