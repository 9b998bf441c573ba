/**
 * KAI’s placement cases: a cluster, its jobs, and what becomes of every task. Ours runs pod by pod as kube-scheduler would: filter
 * in the order of priority and age (a gang is planned whole by the filter of its first member), then the preempt verb for those that
 * found no room. Queues, reclaim and consolidation are read and come later.
 */
import { z } from 'zod';
import { projectGang } from '../../src/cluster/projection/gang.ts';
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
/** What the quotas of such a case say may have no part in its answer: it is tried, and counts as not yet only where the answers differ. */
const TRIED = ['gang', 'elastic', 'subgroup', 'topology'];
const QUEUES = ['quota', 'multi-level-queue', 'reclaim', 'preemption-delay'];

export function placement(raw: unknown): Verdict {
  const given = caseShape.parse(raw);
  const later = laterOf(given);
  // where it is about reclaiming, nothing done would look like theirs refusing to
  const about = given.tags.some((tag) => TRIED.includes(tag)) && !given.tags.includes('reclaim');
  const tried = about && later?.result === 'notYet' && later.part === 'queues';
  if (later !== null && !tried) return later;
  const world = new World(given);
  if (world.contradiction) return byDesign('contradicts-itself');
  const verdict = world.run();
  return later === null || good(verdict) ? verdict : later;
}

/** What the case needs that is not there yet, or that others answer. */
function laterOf({ tags, mode, jobs, queues }: KaiCase): Verdict | null {
  const has = (some: readonly string[]): boolean => some.some((tag) => tags.includes(tag));
  if (tags.includes('mig')) return byDesign('mig');
  if (has(IN_TREE)) return byDesign('in-tree');
  const waiting = jobs.filter(({ tasks }) => tasks.some(({ state }) => state === 'Pending'));
  const evicts = !mode.endsWith(':allocate');
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
const isGang = ({ subgroups, topology, minMember, tasks }: Job): boolean =>
  Boolean(subgroups) || Boolean(topology) || (minMember ?? 1) > 1 || tasks.length > 1;

type Live = {
  readonly job: Job;
  readonly task: Task;
  readonly uid: string;
  status: string;
  node: string | null;
  claim: Claim | null;
};

const POLICY: Readonly<Record<string, 'pack' | 'spread'>> = { binpack: 'pack', pack: 'pack', spread: 'spread' };

/** Rules of theirs that are not ours, for running a case again with them. */
type Theirs = {
  /** tasks in such states are not there */
  readonly without?: (status: string) => boolean;
  /** a job that is left with fewer tasks than its minimum is evicted whole */
  readonly evictsRests?: boolean;
  /** surplus tasks go to the sub-group that has least over its minimum */
  readonly surplusByShare?: boolean;
  /** whoever is stuck on its way out is nobody's victim */
  readonly stuckStay?: boolean;
};

class World {
  readonly #given: KaiCase;
  readonly #stand: Stand;
  readonly #live: Live[] = [];
  contradiction = false;

  readonly #theirs: Theirs;

  constructor(given: KaiCase, theirs: Theirs = {}) {
    this.#given = given;
    this.#theirs = theirs;
    const without = theirs.without ?? (() => false);
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
          ...(group.minSubGroup && { minSubGroup: group.minSubGroup }),
          topologyConstraint: constraintOf(group.topology),
        },
        ...flat(group.groups, group.name),
      ]);
    const facts = projectGang({
      apiVersion: 'scheduling.run.ai/v2alpha2',
      metadata: { uid: `group-${name}`, namespace: 'kai', name },
      spec: {
        ...(minMember && { minMember }),
        ...(subgroups?.minSubGroup && { minSubGroup: subgroups.minSubGroup }),
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
    // which task comes first is said by its age; orders are small numbers
    const age = 10_000_000 - 1000 * job.createdOrder + task.order;
    const created = new Date(this.#stand.clock.now() - age).toISOString();
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
    const stuck = live.status === 'StuckInReleasing';
    const stays = stuck && this.#theirs.stuckStay === true;
    const terminating = live.status === 'Releasing' || (stuck && !stays);
    const priority = stays ? Number.MAX_SAFE_INTEGER : facts.priority;
    const found = claim.containers.length === 0 ? null : claim;
    const shown = { ...facts, priority, nodeName: node, claim: found, usesGpu: false, startedMs, terminating };
    this.#stand.picture.upsertPod(shown);
  }

  run(): Verdict {
    const { mode, rounds } = this.#given;
    if (mode !== 'full-cycle') {
      const actions = mode.slice(mode.indexOf(':') + 1).split('+');
      if (actions.includes('allocate')) this.#allocate();
      if (actions.includes('preempt')) this.#preempt();
      this.#evictRests();
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
    this.#evictRests();
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

  /** Whose turn it is: the first one's, by their rule that of a sibling whose sub-groups have less. */
  #nextOf(waiting: readonly Live[]): number {
    if (this.#theirs.surplusByShare !== true) return 0;
    const { job } = waiting[0]!;
    const placed = this.#live.filter((live) => live.job === job && live.node !== null && live.status !== 'Pending');
    const shares = waiting.map((live) =>
      live.job === job && job.subgroups ? sharesOn(job.subgroups, live.task.subgroup ?? '', placed) : null,
    );
    let next = 0;
    for (const [at, share] of shares.entries()) if (share !== null && lessThan(share, shares[next] ?? [])) next = at;
    return next;
  }

  #allocate(): void {
    const waiting = [...this.#waiting()];
    while (waiting.length > 0) {
      const live = waiting.splice(this.#nextOf(waiting), 1)[0]!;
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

  /** The placer's search for a gang that fits nowhere, the preempt verb for tasks that start by themselves. */
  #preempt(): void {
    const all = this.#stand.names().map((node) => ({ node, victims: null }));
    const searched = new Set<Job>();
    for (const live of this.#waiting()) {
      if (live.status !== 'Pending') continue;
      const facts = this.#facts(live);
      if (isGang(live.job) && this.#stand.books.explainGang(`kai/${live.job.name}`)?.verdict !== null) {
        if (!searched.has(live.job)) this.#preemptFor(live.job);
        searched.add(live.job);
        continue;
      }
      const [best] = this.#stand.books.preempt(facts, all);
      if (best === undefined) continue;
      this.#pipeline(live, best.node);
      this.#evict(best.victims);
    }
  }

  #preemptFor(job: Job): void {
    const found = this.#stand.makeRoom(`kai/${job.name}`);
    if (found === null) return;
    for (const { uid, node } of found.places) this.#pipeline(this.#live.find((live) => live.uid === uid)!, node);
    this.#evict(found.victims.map(({ uid }) => uid));
  }

  #pipeline(live: Live, node: string): void {
    live.status = 'Pipelined';
    live.node = node;
    live.claim = this.#stand.picture.holds.get(live.uid)?.claim ?? null;
  }

  #evict(uids: readonly string[]): void {
    for (const victim of this.#live.filter(({ uid }) => uids.includes(uid))) {
      if (victim.status !== 'StuckInReleasing') victim.status = 'Releasing';
      const facts = this.#stand.picture.pod(victim.uid);
      if (facts !== undefined) this.#stand.picture.upsertPod({ ...facts, terminating: true });
    }
  }

  /** Their rule: what is left of a job below its minimum goes. */
  #evictRests(): void {
    if (this.#theirs.evictsRests !== true) return;
    for (const job of this.#given.jobs.filter(isGang)) {
      const running = this.#live.filter((live) => live.job === job && RUNS.has(live.status));
      const short = running.length < (job.minMember ?? 1) || shortGroups(job.subgroups?.groups ?? [], running);
      if (running.length > 0 && short) this.#evict(running.map(({ uid }) => uid));
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
      const later = new World(this.#given, { without: going });
      later.#allocate();
      const placed = wrong.every(([live]) =>
        later.#live.some(({ uid, status }) => uid === live.uid && status === 'Binding'),
      );
      if (placed) return notYet('pipelining', text);
    }
    // who runs is to go on elsewhere: that is moving, not evicting
    if (wrong.some(([{ task }, status]) => task.state === 'Running' && status === 'Pipelined'))
      return notYet('consolidation', text);
    if (Object.keys(this.#theirs).length === 0) {
      const withRule = (theirs: Theirs): boolean => good(new World(this.#given, theirs).run());
      if (this.#live.some(({ task }) => task.state === 'StuckInReleasing') && withRule({ stuckStay: true }))
        return byDesign('terminating-victim', text);
      if (this.#live.some(({ job }) => Boolean(job.subgroups)) && withRule({ surplusByShare: true }))
        return byDesign('surplus-order', text);
      if (this.#live.some(({ job }) => isGang(job)) && withRule({ evictsRests: true }))
        return byDesign('member-loss', text);
    }
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

/** How far above their minimum the groups on the way to `name` are, from the root down. null: it is not below this one. */
function sharesOn(group: Group, name: string, placed: readonly Live[]): readonly number[] | null {
  if (group.name === name && group.groups.length === 0) return [];
  for (const below of group.groups) {
    const rest = sharesOn(below, name, placed);
    if (rest !== null) return [shareOf(below, placed), ...rest];
  }
  return null;
}

/** Tasks over the minimum, or whole sub-groups over the number that is needed. */
function shareOf({ name, minMember, minSubGroup, groups }: Group, placed: readonly Live[]): number {
  if (groups.length > 0)
    return groups.filter((each) => shareOf(each, placed) >= 1).length / (minSubGroup ?? groups.length);
  return placed.filter(({ task }) => task.subgroup === name).length / Math.max(1, minMember ?? 1);
}

function lessThan(a: readonly number[], b: readonly number[]): boolean {
  for (let at = 0; at < Math.min(a.length, b.length); at++) if (a[at] !== b[at]) return a[at]! < b[at]!;
  return false;
}

const RUNS: ReadonlySet<string> = new Set(['Running', 'Binding']);

/** Some sub-group has fewer running tasks than its minimum. */
const shortGroups = (groups: readonly Group[], running: readonly Live[]): boolean =>
  groups.some(
    ({ name, minMember, groups: below }) =>
      running.filter(({ task }) => task.subgroup === name).length < (minMember ?? 0) || shortGroups(below, running),
  );

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
