/**
 * KAI’s placement cases: a cluster, its jobs, and what becomes of every task. Ours runs pod by pod as kube-scheduler would: filter
 * in the order of priority and age (a gang is planned whole by the filter of its first member), then the preempt verb for those that
 * found no room. Queues, reclaim and consolidation are read and come later.
 */
import { z } from 'zod';
import { projectGang } from '../../src/cluster/project-gang.ts';
import type { Claim, DeviceShare } from '../../src/core/gpu/claim.ts';
import type { Device } from '../../src/core/gpu/device.ts';
import type { DevicePolicy, NodePolicy } from '../../src/core/gpu/request.ts';
import type { PodFacts } from '../../src/core/placement/pod-facts.ts';
import { device } from '../../test/build/facts.ts';
import { admitted } from './admitted.ts';
import { isPlaced, Stand } from './stand.ts';
import { byDesign, equivalent, fails, notYet, SAME, type Verdict } from './verdict.ts';

const taskShape = z.looseObject({
  name: z.string(),
  state: z.string().default('Pending'),
  node: z.string().nullish(),
  gpuGroups: z.array(z.string()).nullish(),
  gpus: z.number().nullish(),
  gpuFraction: z.number().nullish(),
  gpuMemoryMiB: z.number().nullish(),
  devices: z.number().nullish(),
  cpuMilli: z.number().default(0),
  memory: z.number().default(0),
  order: z.number().default(0),
  subgroup: z.string().nullish(),
});
type Task = z.infer<typeof taskShape>;
const topologyShape = z.looseObject({ required: z.string().nullish(), preferred: z.string().nullish() });
const groupShape = z.looseObject({
  name: z.string().default(''),
  minMember: z.number().nullish(),
  minSubGroup: z.number().nullish(),
  topology: topologyShape.nullish(),
  get groups() {
    return z.array(groupShape).default([]);
  },
});
type Group = z.infer<typeof groupShape>;
const jobShape = z.looseObject({
  name: z.string(),
  queue: z.string().default(''),
  priority: z.number().default(0),
  preemptible: z.boolean().default(true),
  createdOrder: z.number().default(0),
  minMember: z.number().nullish(),
  subgroups: groupShape.nullish(),
  topology: topologyShape.nullish(),
  deletedOnceEvicted: z.boolean().default(false),
  startedSecondsAgo: z.number().nullish(),
  tasks: z.array(taskShape),
});
type Job = z.infer<typeof jobShape>;
const kaiNodeShape = z.looseObject({
  gpus: z.number().default(0),
  gpuMemoryMiB: z.number().default(0),
  cpuMilli: z.number().default(0),
  memory: z.number().default(0),
  maxPods: z.number().default(110),
  labels: z.record(z.string(), z.string()).default({}),
});
type KaiNode = z.infer<typeof kaiNodeShape>;
const taskExpect = z.looseObject({
  status: z.string(),
  node: z.string().nullish(),
  gpuGroups: z.array(z.string()).nullish(),
});
const caseShape = z.looseObject({
  tags: z.array(z.string()).default([]),
  mode: z.string(),
  weak: z.array(z.string()).default([]),
  rounds: z.looseObject({ untilMatch: z.number(), after: z.number() }).nullish(),
  config: z.looseObject({
    nodePlacement: z.looseObject({ gpu: z.string() }).nullish(),
    gpuOrder: z.string().nullish(),
    preferSharedGpu: z.boolean().nullish(),
    quotas: z.boolean().nullish(),
    jobPriority: z.boolean().nullish(),
  }),
  nodes: z.record(z.string(), kaiNodeShape),
  queues: z
    .array(z.looseObject({ name: z.string(), deservedGpus: z.number().nullish(), limitGpus: z.number().nullish() }))
    .default([]),
  jobs: z.array(jobShape),
  expect: z.looseObject({
    tasks: z.record(z.string(), taskExpect).default({}),
    nodes: z
      .record(z.string(), z.looseObject({ idleGpus: z.number().nullish(), releasingGpus: z.number().nullish() }))
      .nullish(),
  }),
});
type KaiCase = z.infer<typeof caseShape>;

const IN_TREE = ['dra', 'numa', 'affinity'];
const QUEUES = ['quota', 'multi-level-queue', 'reclaim', 'preemption-delay'];

export function placement(raw: unknown): Verdict {
  const given = caseShape.parse(raw);
  const later = laterOf(given);
  if (later !== null) return later;
  const world = new World(given);
  if (world.contradiction) return byDesign('contradicts-itself');
  return world.run();
}

/** What the case needs that is not there yet, or that others answer. */
function laterOf({ tags, mode, jobs, queues }: KaiCase): Verdict | null {
  const has = (some: readonly string[]): boolean => some.some((tag) => tags.includes(tag));
  if (tags.includes('mig')) return byDesign('mig');
  if (has(IN_TREE)) return byDesign('in-tree');
  const waiting = jobs.filter(({ tasks }) => tasks.some(({ state }) => state === 'Pending'));
  const evicts = !mode.endsWith(':allocate');
  if (jobs.some(({ subgroups }) => choosesSubGroups(subgroups))) return notYet('some-sub-groups');
  if (mode === 'single-action:stalegangeviction') return byDesign('member-loss');
  // what the quotas of the case say may have no part in its answer: it is tried
  if (mode === 'single-action:allocate' && jobs.some(isGang)) return null;
  if (tags.includes('consolidate') || mode === 'single-action:consolidation') return notYet('consolidation');
  const named = new Set((evicts ? jobs : waiting).map(({ queue }) => queue));
  const limited = queues.some(({ limitGpus }) => typeof limitGpus === 'number');
  if (has(QUEUES) || mode === 'single-action:reclaim' || limited) return notYet('queues');
  if (named.size > 1) return notYet('queues');
  return null;
}

/** A job that is a gang to us: the others' tasks start one by one. */
const isGang = ({ subgroups, topology, minMember }: Job): boolean =>
  Boolean(subgroups) || Boolean(topology) || (minMember ?? 1) > 1;

const choosesSubGroups = (group: Group | null | undefined): boolean =>
  Boolean(group) && (typeof group!.minSubGroup === 'number' || group!.groups.some(choosesSubGroups));

type Live = {
  readonly job: Job;
  readonly task: Task;
  readonly uid: string;
  status: string;
  node: string | null;
  claim: Claim | null;
};

const POLICY: Readonly<Record<string, 'pack' | 'spread'>> = { binpack: 'pack', pack: 'pack', spread: 'spread' };

class World {
  readonly #given: KaiCase;
  readonly #stand: Stand;
  readonly #live: Live[] = [];
  contradiction = false;

  constructor(given: KaiCase, without: (status: string) => boolean = () => false) {
    this.#given = given;
    const { nodePlacement, gpuOrder } = given.config;
    const node: NodePolicy = POLICY[nodePlacement?.gpu ?? ''] ?? 'pack';
    const order: DevicePolicy = POLICY[gpuOrder ?? ''] ?? 'pack';
    this.#stand = new Stand({ node, device: order });
    for (const [name, each] of Object.entries(given.nodes)) this.#addNode(name, each);
    for (const job of given.jobs) {
      for (const task of job.tasks) {
        if (without(task.state)) continue;
        const live = { job, task, uid: task.name, status: task.state, node: task.node ?? null, claim: null };
        this.#live.push(live);
      }
    }
    this.#occupy();
    for (const job of given.jobs.filter(isGang)) this.#declare(job);
  }

  #addNode(name: string, { gpus, gpuMemoryMiB, cpuMilli, memory, maxPods, labels }: KaiNode): void {
    const devices = Array.from(
      { length: gpus },
      (_, at): Device => device(at, { uuid: `${name}-${at}`, mib: gpuMemoryMiB }),
    );
    this.#stand.addNode(name, devices, { labels, allocatable: { cpu: cpuMilli, memory, pods: maxPods } });
  }

  /** Its PodGroup as KAI's pod-grouper writes it, and the members that wait, as informers show them. */
  #declare(job: Job): void {
    const { name, minMember, topology, subgroups } = job;
    const flat = (groups: readonly Group[], parent: string | null): object[] =>
      groups.flatMap((group) => [
        {
          name: group.name,
          ...(parent !== null && { parent }),
          minMember: group.minMember ?? 0,
          topologyConstraint: constraintOf(group.topology),
        },
        ...flat(group.groups, group.name),
      ]);
    const facts = projectGang({
      apiVersion: 'scheduling.run.ai/v2alpha2',
      metadata: { uid: `group-${name}`, namespace: 'kai', name },
      spec: {
        ...(minMember && { minMember }),
        topologyConstraint: constraintOf(topology ?? subgroups?.topology),
        subGroups: flat(subgroups?.groups ?? [], null),
      },
    });
    this.#stand.picture.gangs.upsertObject(facts!);
    for (const live of this.#live)
      if (live.job === job && live.status === 'Pending') this.#stand.picture.upsertPod(this.#facts(live));
  }

  /** Pods that stand on nodes at the start: labels name shared devices, whole ones take what no label names. */
  #occupy(): void {
    const standing = this.#live.filter(({ status }) => status !== 'Pending');
    for (const [node, { gpus }] of Object.entries(this.#given.nodes)) {
      const here = standing.filter((live) => live.node === node);
      const labels = [...new Set(here.flatMap(({ task }) => (isShared(task) ? (task.gpuGroups ?? []) : [])))];
      const positions = new Map<string, number>();
      const taken = new Set<number>();
      for (const label of labels.filter((each) => /^\d+$/.test(each) && Number(each) < gpus)) {
        positions.set(label, Number(label));
        taken.add(Number(label));
      }
      const next = (): number => {
        for (let at = 0; at < gpus; at++) if (!taken.has(at)) return taken.add(at) && at;
        this.contradiction = true;
        return 0;
      };
      for (const label of labels) if (!positions.has(label)) positions.set(label, next());
      for (const live of here) {
        const at = isShared(live.task)
          ? (live.task.gpuGroups ?? []).map((label) => positions.get(label) ?? next())
          : Array.from({ length: live.task.gpus ?? 0 }, next);
        if (this.contradiction) return;
        this.#bind(live, node, claimOn(live.task, node, at, this.#given.nodes[node]?.gpuMemoryMiB ?? 0));
      }
    }
  }

  #facts({ job, task, uid }: Live): PodFacts {
    const annotations: Record<string, string> = isGang(job) ? { 'pod-group-name': job.name } : {};
    const labels = isGang(job) && task.subgroup ? { 'kai.scheduler/subgroup-name': task.subgroup } : {};
    const count = task.devices ?? 1;
    if (typeof task.gpuFraction === 'number') annotations['gpu-fraction'] = `${task.gpuFraction}`;
    else if (typeof task.gpuMemoryMiB === 'number') annotations['gpu-memory'] = `${task.gpuMemoryMiB}`;
    if (isShared(task) && count > 1) annotations['gpu-fraction-num-devices'] = `${count}`;
    const gpus = isShared(task) ? 0 : (task.gpus ?? 0);
    const created = new Date(this.#stand.clock.now() + 1000 * job.createdOrder - 10_000_000).toISOString();
    const resources = {
      requests: { cpu: `${task.cpuMilli}m`, memory: `${task.memory}` },
      limits: gpus > 0 ? { 'nvidia.com/gpu': `${gpus}` } : {},
    };
    const pod = admitted({
      metadata: { name: task.name, namespace: 'kai', uid, labels, annotations, creationTimestamp: created },
      spec: { schedulerName: 'muster-scheduler', priority: job.priority, containers: [{ name: 'main', resources }] },
    });
    return pod;
  }

  #bind(live: Live, node: string, claim: Claim): void {
    live.node = node;
    live.claim = claim;
    const facts = this.#facts(live);
    const startedMs = this.#stand.clock.now() - 1000 * (live.job.startedSecondsAgo ?? 60);
    const terminating = live.status === 'Releasing' || live.status === 'StuckInReleasing';
    const found = claim.containers.length === 0 ? null : claim;
    this.#stand.picture.upsertPod({ ...facts, nodeName: node, claim: found, usesGpu: false, startedMs, terminating });
  }

  run(): Verdict {
    const { mode, rounds } = this.#given;
    if (mode !== 'full-cycle') {
      const actions = mode.slice(mode.indexOf(':') + 1).split('+');
      if (actions.includes('allocate')) this.#allocate();
      if (actions.includes('preempt')) this.#preempt();
      return this.#compare();
    }
    for (let round = 0; round < (rounds?.untilMatch ?? 1); round++) this.#round();
    let verdict = this.#compare();
    for (let after = 0; after < (rounds?.after ?? 0) && good(verdict); after++) {
      this.#round();
      verdict = this.#compare();
    }
    return verdict;
  }

  /** allocate, preempt, and what kubelet and the controllers make of it. */
  #round(): void {
    this.#allocate();
    this.#preempt();
    for (const live of [...this.#live]) {
      if (live.status === 'Binding') live.status = 'Running';
      else if (live.status === 'Releasing') this.#gone(live);
      else if (live.status === 'Pipelined') live.status = 'Pending';
    }
  }

  #gone(live: Live): void {
    this.#stand.picture.removePod(live.uid);
    this.#live.splice(this.#live.indexOf(live), 1);
    if (live.job.deletedOnceEvicted) return;
    this.#live.push({ ...live, uid: `${live.uid}+`, status: 'Pending', node: null, claim: null });
  }

  #waiting(): readonly Live[] {
    return this.#live
      .filter(({ status }) => status === 'Pending')
      .sort(
        (a, b) =>
          (this.#given.config.jobPriority === false ? 0 : b.job.priority - a.job.priority) ||
          a.job.createdOrder - b.job.createdOrder ||
          b.task.order - a.task.order,
      );
  }

  #allocate(): void {
    for (const live of this.#waiting()) {
      const facts = this.#facts(live);
      const answer = this.#stand.filter(facts);
      if (!isPlaced(answer)) continue;
      const plan = this.#stand.books.beginBind(facts, answer.node);
      if (plan.kind !== 'bind') continue;
      this.#stand.books.bindLanded(facts.uid);
      live.status = 'Binding';
      this.#bind(live, answer.node, plan.claim ?? { containers: [] });
    }
  }

  #preempt(): void {
    const all = this.#stand.names().map((node) => ({ node, victims: null }));
    for (const live of this.#waiting()) {
      const facts = this.#facts(live);
      // a member of a gang that does not fit is refused for good: kube-scheduler asks for victims nowhere
      const started = !isGang(live.job) || this.#stand.books.explainGang(`kai/${live.job.name}`)?.verdict === null;
      const [best] = this.#stand.books.preempt(facts, started ? all : []);
      if (best === undefined) continue;
      live.status = 'Pipelined';
      live.node = best.node;
      live.claim = this.#stand.picture.holds.get(live.uid)?.claim ?? null;
      for (const victim of this.#live.filter(({ uid }) => best.victims.includes(uid))) {
        if (victim.status !== 'StuckInReleasing') victim.status = 'Releasing';
        const facts = this.#stand.picture.pod(victim.uid);
        if (facts !== undefined) this.#stand.picture.upsertPod({ ...facts, terminating: true });
      }
    }
  }

  #compare(): Verdict {
    const { expect } = this.#given;
    const byName = new Map(this.#live.map((live) => [live.task.name, live]));
    const known = Object.entries(expect.tasks).filter(([name]) => byName.has(name));
    const ours = (name: string): Live => byName.get(name)!;
    const wrong = known.filter(([name, { status }]) => ours(name).status !== status);
    if (wrong.length > 0) return this.#otherStatus(wrong.map(([name, { status }]) => [ours(name), status]));
    const idle = this.#idleFaults();
    if (idle !== null) return fails(idle);
    const elsewhere = known.filter(([name, { node }]) => typeof node === 'string' && node !== ours(name).node);
    const shared = known.filter(([, { gpuGroups }]) => (gpuGroups ?? []).length > 0);
    const theirGroups = groupsOf(shared.map(([name, { node, gpuGroups }]) => [name, node ?? '', gpuGroups ?? []]));
    const ourGroups = groupsOf(shared.map(([name]) => [name, ours(name).node ?? '', devicesIn(ours(name).claim)]));
    if (theirGroups.sharing !== ourGroups.sharing) {
      if (this.#given.weak.some((text) => text.startsWith('gpuGroups'))) return this.#adviceOnly(ourGroups.sharing);
      return fails(`ours shares ${ourGroups.sharing}, theirs ${theirGroups.sharing}`);
    }
    if (elsewhere.length === 0) return SAME;
    return this.#otherNode(elsewhere.map(([name, { node }]) => [ours(name), node ?? '']));
  }

  /** Which GPU is advice where upstream does not assert it: ours must follow the order that the case configures. */
  #adviceOnly(sharing: string): Verdict {
    const pack = (POLICY[this.#given.config.gpuOrder ?? ''] ?? 'pack') === 'pack';
    const alone = this.#live.filter(
      ({ status, uid }) => status === 'Binding' && !sharing.includes(`${uid}+`) && !sharing.includes(`+${uid}`),
    );
    if (pack || alone.length === 0) return fails(`ours shares ${sharing}`);
    return equivalent('upstream does not assert which GPU; spread takes an idle one, as the order asks');
  }

  #otherStatus(wrong: readonly (readonly [Live, string])[]): Verdict {
    const text = wrong.map(([live, status]) => `${live.task.name} is ${live.status}, theirs ${status}`).join('; ');
    const waits = wrong.every(([live, status]) => live.status === 'Pending' && status === 'Pipelined');
    if (waits) {
      // would they be placed if whoever is going were gone?
      const going = (status: string): boolean => status === 'Releasing';
      const later = new World(this.#given, going);
      later.#allocate();
      const placed = wrong.every(([live]) =>
        later.#live.some(({ uid, status }) => uid === live.uid && status === 'Binding'),
      );
      if (placed) return notYet('pipelining', text);
    }
    // who runs is to go on elsewhere: that is moving, not evicting
    if (wrong.some(([{ task }, status]) => task.state === 'Running' && status === 'Pipelined'))
      return notYet('consolidation', text);
    const elastic = this.#given.tags.includes('elastic');
    if (this.#given.mode !== 'single-action:allocate' && (elastic || this.#live.some(({ job }) => isGang(job))))
      return notYet('gang-preemption', text);
    if (wrong.some(([live]) => !live.job.preemptible && this.#evicted(live))) return notYet('preemptibility', text);
    const held = wrong.filter(([live, status]) => status === 'Pending' && live.status !== 'Pending');
    if (held.some(([live]) => this.#overQuota(live.job.queue))) return notYet('queues', text);
    return fails(text);
  }

  #evicted({ status, task }: Live): boolean {
    return status === 'Releasing' || (status === 'Pending' && task.state !== 'Pending');
  }

  /** The tasks placed in the queue hold more GPUs than it deserves, which their quotas look at and ours do not exist for. */
  #overQuota(queue: string): boolean {
    const deserved = this.#given.queues.find(({ name }) => name === queue)?.deservedGpus;
    if (this.#given.config.quotas !== true || typeof deserved !== 'number') return false;
    const here = this.#live.filter(({ job, status }) => job.queue === queue && status !== 'Pending');
    const milli = here.reduce((sum, { task, node }) => sum + milliOf(task, this.#given.nodes[node ?? '']), 0);
    return milli > 1000 * deserved;
  }

  /** Another node is as good if it was in the same state at the start. */
  #otherNode(elsewhere: readonly (readonly [Live, string])[]): Verdict {
    const text = elsewhere.map(([live, node]) => `${live.task.name} on ${live.node}, theirs ${node}`).join('; ');
    const fresh = new World(this.#given);
    const state = (node: string | null): string => {
      const info = node === null ? undefined : fresh.#stand.picture.nodes.get(node);
      if (info === undefined) return '';
      const { ledger } = info;
      const used = ledger.devices.map((each, at) => `${each.mib}:${ledger.usedMib[at]}:${ledger.usedMilli[at]}`).sort();
      return `${used} cpu ${info.used('cpu')}`;
    };
    return elsewhere.every(([live, node]) => state(live.node) === state(node))
      ? equivalent(`a node in the same state: ${text}`)
      : fails(text);
  }

  #idleFaults(): string | null {
    for (const [node, { idleGpus }] of Object.entries(this.#given.expect.nodes ?? {})) {
      const ledger = this.#stand.picture.nodes.get(node)?.ledger;
      if (ledger === undefined || typeof idleGpus !== 'number') continue;
      const idle = ledger.devices.filter((_, at) => ledger.isIdle(at)).length;
      if (idle !== Math.floor(idleGpus)) return `${node} has ${idle} idle GPUs, theirs ${idleGpus}`;
    }
    return null;
  }
}

/** thousandths of a GPU, memory counted as its part of the GPU's */
function milliOf({ gpus, gpuFraction, gpuMemoryMiB, devices }: Task, node: KaiNode | undefined): number {
  const share = gpuFraction ?? (gpuMemoryMiB ?? 0) / Math.max(1, node?.gpuMemoryMiB ?? 1);
  return share > 0 ? 1000 * share * (devices ?? 1) : 1000 * (gpus ?? 0);
}

const good = ({ result }: Verdict): boolean => result === 'same' || result === 'equivalent';

const constraintOf = (topology: z.infer<typeof topologyShape> | null | undefined): object => ({
  ...(topology?.required && { requiredTopologyLevel: topology.required }),
  ...(topology?.preferred && { preferredTopologyLevel: topology.preferred }),
});

const isShared = ({ gpuFraction, gpuMemoryMiB }: Task): boolean =>
  typeof gpuFraction === 'number' || typeof gpuMemoryMiB === 'number';

function claimOn(task: Task, node: string, positions: readonly number[], deviceMib: number): Claim {
  if (positions.length === 0) return { containers: [] };
  const milli = typeof task.gpuFraction === 'number' ? Math.round(1000 * task.gpuFraction) : isShared(task) ? 0 : 1000;
  const mib = task.gpuMemoryMiB ?? Math.floor((milli * deviceMib) / 1000);
  const devices = positions.map((index): DeviceShare => ({ uuid: `${node}-${index}`, index, mib, milli }));
  return { containers: [{ name: 'main', slot: 'c0', sidecar: false, devices }] };
}

const devicesIn = (claim: Claim | null): readonly string[] =>
  (claim?.containers ?? []).flatMap(({ devices }) => devices.map(({ uuid }) => uuid ?? ''));

/** Which tasks share a GPU, whatever the GPUs are called. */
function groupsOf(tasks: readonly (readonly [string, string, readonly string[]])[]): { readonly sharing: string } {
  const byLabel = new Map<string, string[]>();
  for (const [name, node, labels] of tasks) {
    for (const label of labels) {
      const key = `${node}/${label}`;
      byLabel.set(key, [...(byLabel.get(key) ?? []), name]);
    }
  }
  const sharing = [...byLabel.values()].map((names) => names.sort().join('+'));
  return { sharing: sharing.sort().join(', ') };
}
