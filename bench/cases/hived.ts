/**
 * HiveD’s sequences, step by step on the real books: physical cells above a node are node labels, a pinned cell is a node selector, the
 * suggested nodes are those that kube-scheduler offers, an affinity group is a gang. What virtual clusters own and in what state their
 * cells are has no counterpart: cases that are only about that are not run.
 */
import { z } from 'zod';
import { projectGang } from '../../src/cluster/projection/gang.ts';
import type { Device } from '../../src/core/gpu/device.ts';
import type { PodFacts } from '../../src/core/placement/pod-facts.ts';
import { bound, device } from '../../test/build/facts.ts';
import { admitted } from './admitted.ts';
import { isPlaced, Stand } from './stand.ts';
import { byDesign, equivalent, fails, notYet, SAME, type Verdict } from './verdict.ts';

const cellShape = z.looseObject({
  cellType: z.string().optional(),
  cellAddress: z.union([z.string(), z.number()]).optional(),
  pinnedCellId: z.string().optional(),
  get cellChildren() {
    return z.array(cellShape).default([]);
  },
});
type Cell = z.infer<typeof cellShape>;
const podShape = z.looseObject({
  priority: z.number(),
  pinnedCell: z.string().nullish(),
  gpuType: z.string().nullish(),
  gpus: z.number(),
  gang: z.looseObject({ name: z.string(), members: z.array(z.looseObject({ pods: z.number(), gpus: z.number() })) }),
});
type HivedPod = z.infer<typeof podShape>;
const eventShape = z.looseObject({
  op: z.string(),
  pod: z.string().default(''),
  group: z.string().default(''),
  suggestedNodes: z.union([z.literal('all'), z.array(z.string())]).default('all'),
  exists: z.boolean().optional(),
  state: z.string().optional(),
  expect: z
    .looseObject({
      bind: z.looseObject({ node: z.string() }).optional(),
      preempt: z.looseObject({ victimsWithin: z.array(z.string()) }).optional(),
      wait: z.boolean().optional(),
    })
    .nullish(),
});
type Step = z.infer<typeof eventShape>;
const caseShape = z.looseObject({
  config: z.looseObject({
    physicalCluster: z.looseObject({
      cellTypes: z.record(
        z.string(),
        z.looseObject({ childCellType: z.string(), childCellNumber: z.number(), isNodeLevel: z.boolean().optional() }),
      ),
      physicalCells: z.array(cellShape),
    }),
  }),
  pods: z.record(z.string(), podShape),
  events: z.array(eventShape),
});
type HivedCase = z.infer<typeof caseShape>;

/** Steps that look into virtual clusters. */
const VIRTUAL: ReadonlySet<string> = new Set(['virtual-cells', 'load-config', 'schedule-group']);

export function sequence(raw: unknown): Verdict {
  const given = caseShape.parse(raw);
  if (given.events.some(({ op }) => VIRTUAL.has(op))) return notYet('virtual-cluster');
  return new Cells(given).run();
}

class Cells {
  readonly #given: HivedCase;
  readonly #stand = new Stand();
  /** nodes that are as good: the same cells above them */
  readonly #family = new Map<string, string>();
  /** uid → pod, of those that came */
  readonly #pods = new Map<string, PodFacts>();
  /** a member went through on what was only kept for a pod of lower priority, where theirs evicts one that runs */
  #tookOver = false;

  constructor(given: HivedCase) {
    this.#given = given;
    const { physicalCells } = given.config.physicalCluster;
    for (const [at, cell] of physicalCells.entries()) this.#addCell(cell, cell.cellType!, `${at}`, {});
  }

  #addCell(cell: Cell, type: string, path: string, above: Readonly<Record<string, string>>): void {
    const { cellTypes } = this.#given.config.physicalCluster;
    const kind = cellTypes[type]!;
    const labels = { ...above, ...(cell.pinnedCellId !== undefined && { pinned: cell.pinnedCellId }) };
    if (kind.isNodeLevel === true) {
      const { leaf, count } = this.#leavesOf(type);
      const asked = Object.values(this.#given.pods).some(({ gpuType }) => gpuType === leaf);
      if (!asked) return;
      const name = String(cell.cellAddress);
      const devices = Array.from(
        { length: count },
        (_, at): Device => device(at, { uuid: `${name}-${at}`, model: leaf }),
      );
      this.#family.set(name, JSON.stringify(labels));
      this.#stand.addNode(name, devices, { labels: { 'kubernetes.io/hostname': name, ...labels } });
      return;
    }
    const none = Array.from({ length: kind.childCellNumber }, (): Cell => ({ cellChildren: [] }));
    const children = cell.cellChildren.length > 0 ? cell.cellChildren : none;
    for (const [at, child] of children.entries())
      this.#addCell({ ...child, cellAddress: child.cellAddress ?? at }, kind.childCellType, `${path}/${at}`, {
        ...labels,
        [`cell/${type}`]: path,
      });
  }

  #leavesOf(type: string): { readonly leaf: string; readonly count: number } {
    const kind = this.#given.config.physicalCluster.cellTypes[type];
    if (kind === undefined) return { leaf: type, count: 1 };
    const { leaf, count } = this.#leavesOf(kind.childCellType);
    return { leaf, count: count * kind.childCellNumber };
  }

  run(): Verdict {
    const steps = this.#given.events.map((step) => this.#step(step));
    const judged = steps.filter((step) => step !== null);
    const failed = judged.find(({ result }) => result === 'fails');
    if (failed !== undefined) return failed;
    const designed = judged.find(({ result }) => result === 'byDesign');
    if (designed !== undefined) return designed;
    return judged.find(({ result }) => result === 'equivalent') ?? SAME;
  }

  /** null: nothing to be compared. */
  #step(step: Step): Verdict | null {
    const { op, pod } = step;
    if (op === 'schedule') return this.#schedule(step);
    if (op === 'bound') this.#bind(pod);
    else if (op === 'delete' || op === 'delete-waiting') for (const uid of this.#siblings(pod)) this.#remove(uid);
    else if (op === 'group') return this.#group(step);
    else return fails(`no step ${op} is known`);
    return null;
  }

  #schedule({ pod, suggestedNodes, expect }: Step): Verdict | null {
    this.#arrive(pod, suggestedNodes);
    const before = this.#unbound(pod);
    const answer = this.#stand.filter(this.#pods.get(pod)!);
    if (isPlaced(answer)) {
      const victims = expect?.preempt?.victimsWithin;
      if (expect?.bind?.node === answer.node || expect === null || expect === undefined) return SAME;
      if (expect.bind !== undefined && this.#family.get(expect.bind.node) === this.#family.get(answer.node))
        return equivalent(`a node of the same cells: ${pod} on ${answer.node}, theirs ${expect.bind.node}`);
      if (victims !== undefined && before) return this.#takenOver(pod, victims);
      return this.#afterwards(`${pod} on ${answer.node}, theirs ${JSON.stringify(expect)}`);
    }
    const found = this.#stand.makeRoom(`hived/${this.#given.pods[pod]!.gang.name}`);
    if (expect === null || expect === undefined) return null;
    for (const { uid } of found?.victims ?? [])
      this.#stand.picture.upsertPod({ ...this.#stand.picture.pod(uid)!, terminating: true });
    const ours = (found?.victims ?? []).map(({ uid }) => uid.split('~')[0]!);
    const theirs = expect.preempt?.victimsWithin;
    if (found === null)
      return expect.wait === true ? SAME : this.#afterwards(`${pod} waits, theirs ${JSON.stringify(expect)}`);
    if (theirs?.some((uid) => ours.includes(uid)) && ours.every((uid) => theirs.includes(uid))) return SAME;
    return this.#afterwards(`${pod} evicts ${ours}, theirs ${JSON.stringify(expect)}`);
  }

  /** Some place is only kept, for another gang of lower priority: no Binding was made for it. */
  #unbound(pod: string): boolean {
    const { priority } = this.#given.pods[pod]!;
    return [...this.#stand.picture.holds.values()].some(
      (hold) => hold.state === 'open' && hold.cause !== 'awaiting' && hold.pod.priority < priority,
    );
  }

  #takenOver(pod: string, victims: readonly string[]): Verdict {
    this.#tookOver = true;
    return byDesign('unbound-gives-way', `${pod} has a place without an eviction, theirs evicts ${victims}`);
  }

  /** What follows from a place taken over cannot be compared; anything else is wrong. */
  #afterwards(text: string): Verdict {
    return this.#tookOver ? byDesign('unbound-gives-way', text) : fails(text);
  }

  #group({ group, exists, state }: Step): Verdict {
    const { picture } = this.#stand;
    const members = [...(picture.gangs.get(`hived/${group}`)?.members.values() ?? [])];
    const placed = members.filter(
      ({ uid, nodeName }) => nodeName !== null || picture.holds.get(uid)?.cause === 'planned',
    );
    const there = placed.length > 0;
    const fine = exists === undefined ? placed.length === members.length && state === 'allocated' : there === exists;
    return fine
      ? SAME
      : this.#afterwards(`${group} has ${placed.length} of ${members.length} places, theirs ${exists ?? state}`);
  }

  /** The pod and its siblings, which the case leaves out, as the group says how many there are. */
  #arrive(name: string, suggested: Step['suggestedNodes']): void {
    if (this.#pods.has(name)) return;
    const pod = this.#given.pods[name]!;
    const count = pod.gang.members.reduce((sum, each) => sum + each.pods, 0);
    const level = this.#levelFor(pod, count);
    const group = projectGang({
      apiVersion: 'muster.dev/v1alpha1',
      metadata: { uid: `group-${pod.gang.name}`, namespace: 'hived', name: pod.gang.name },
      spec: { minMember: count, ...(level !== null && { topology: { preferred: level } }) },
    });
    this.#stand.picture.gangs.upsertObject(group!);
    for (let at = 0; at < count; at++) {
      const uid = at === 0 ? name : `${name}~${at}`;
      const facts = this.#factsOf(uid, pod, suggested);
      this.#pods.set(uid, facts);
      this.#stand.picture.upsertPod(facts);
    }
  }

  #factsOf(uid: string, { priority, pinnedCell, gpus, gang }: HivedPod, suggested: Step['suggestedNodes']): PodFacts {
    const created = new Date(this.#stand.clock.now() + 1000 * this.#pods.size - 10_000_000).toISOString();
    const required = {
      nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: suggested }] }],
    };
    return admitted({
      metadata: {
        name: uid.replace('~', '-'),
        namespace: 'hived',
        uid,
        labels: { 'muster.dev/pod-group': gang.name },
        creationTimestamp: created,
      },
      spec: {
        schedulerName: 'muster-scheduler',
        priority,
        ...(pinnedCell && { nodeSelector: { pinned: pinnedCell } }),
        ...(suggested !== 'all' && {
          affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required } },
        }),
        containers: [{ name: 'main', resources: { limits: { 'nvidia.com/gpu': `${gpus}` } } }],
      },
    });
  }

  /** The smallest cells above a node that have as many nodes. null: one node does. */
  #levelFor({ gpuType }: HivedPod, count: number): string | null {
    const { cellTypes } = this.#given.config.physicalCluster;
    const nodesIn = (type: string): number => {
      const kind = cellTypes[type];
      if (kind === undefined) return 0;
      return kind.isNodeLevel === true ? 1 : kind.childCellNumber * nodesIn(kind.childCellType);
    };
    const levels = Object.keys(cellTypes)
      .filter((type) => this.#leavesOf(type).leaf === gpuType && nodesIn(type) >= count && nodesIn(type) > 1)
      .sort((a, b) => nodesIn(a) - nodesIn(b));
    return count === 1 || levels[0] === undefined ? null : `cell/${levels[0]}`;
  }

  #bind(uid: string): void {
    const hold = this.#stand.picture.holds.get(uid);
    if (hold === undefined) return;
    const plan = this.#stand.books.beginBind(hold.pod, hold.node);
    if (plan.kind !== 'bind') return;
    this.#stand.books.bindLanded(uid);
    this.#stand.picture.upsertPod(bound(hold.pod, hold.node, plan.claim));
  }

  #siblings(name: string): readonly string[] {
    return [...this.#pods.keys()].filter((uid) => uid.split('~')[0] === name);
  }

  #remove(uid: string): void {
    this.#stand.picture.removePod(uid);
    this.#pods.delete(uid);
  }
}
