/** vgpu-manager’s cases of the preempt verb, asked with bodies as kube-scheduler sends them. */
import { z } from 'zod';
import { encodePreempt } from '../../src/extender/codec/replies.ts';
import { decodePreempt } from '../../src/extender/codec/requests.ts';
import { device, need, pod as podFacts, request, whole } from '../../test/build/facts.ts';
import { askingPod } from './asking.ts';
import { nodeShape, podShape, type RunningPod, runningShape } from './case-file.ts';
import { Stand } from './stand.ts';
import { byDesign, compare, equivalent, fails, SAME, type Verdict } from './verdict.ts';

const nodeExpect = z.looseObject({
  victims: z.array(z.string()).optional(),
  victimsInclude: z.array(z.string()).optional(),
  victimsExclude: z.array(z.string()).optional(),
  numPdbViolations: z.number().optional(),
});
const preemptShape = z.looseObject({
  nodes: z.array(nodeShape),
  running: z.array(runningShape),
  pod: podShape.nullable(),
  wire: z.enum(['meta', 'full', 'empty']),
  proposed: z.record(
    z.string(),
    z.looseObject({ victims: z.array(z.string()), numPdbViolations: z.number().default(0) }),
  ),
  expect: z.looseObject({
    nodes: z.record(z.string(), nodeExpect),
    dropped: z.array(z.string()).default([]),
    nodeCount: z.number().optional(),
  }),
});
type Case = z.infer<typeof preemptShape>;

/** Pods that a controller of the node brings back at once, protected by the class that it gives them. */
const byPriority = ({ owner }: RunningPod): boolean => owner === 'DaemonSet' || owner === 'Node';

const replyShape = z.object({
  NodeNameToMetaVictims: z.record(
    z.string(),
    z.object({ Pods: z.array(z.object({ UID: z.string() })), NumPDBViolations: z.number() }),
  ),
});
type Reply = ReadonlyMap<string, { readonly victims: readonly string[]; readonly pdbViolations: number }>;

export function preempt(raw: unknown): Verdict {
  const given = preemptShape.parse(raw);
  if (given.pod === null) return byDesign('no-pod');
  const faults = faultsOf(given, replyOf(given));
  if (faults.length === 0) return SAME;
  // their protection of DaemonSets applied to the case: the pods have the preemptor’s priority
  const priority = given.pod.priority ?? 0;
  const guarded = given.running.map((each) => (byPriority(each) ? { ...each, priority } : each));
  if (faultsOf(given, replyOf({ ...given, running: guarded })).length === 0) return byDesign('priority-decides');
  const alive = given.running.filter(({ terminating }) => !terminating);
  if (faultsOf(given, replyOf({ ...given, running: alive })).length === 0) return byDesign('terminating-victim');
  return oneNode(given, replyOf(given)) ?? fewer(given, replyOf(given)) ?? fails(faults.join('; '));
}

function replyOf({ nodes, running, pod, wire, proposed }: Case): Reply {
  const stand = new Stand();
  for (const node of nodes) stand.addGpuNode(node);
  for (const each of running) stand.addRunning(each);
  const asked = askingPod(pod!);
  const victims = (uids: readonly string[]): object[] =>
    uids.map((UID) => (wire === 'full' ? { metadata: { uid: UID, name: UID } } : { UID }));
  const byNode = Object.fromEntries(
    Object.entries(proposed).map(([node, each]) => [
      node,
      { Pods: wire === 'empty' ? [] : victims(each.victims), NumPDBViolations: each.numPdbViolations },
    ]),
  );
  const full = wire === 'full';
  const body = { Pod: {}, NodeNameToVictims: full ? byNode : null, NodeNameToMetaVictims: full ? null : byNode };
  const { candidates } = decodePreempt(Buffer.from(JSON.stringify(body)), () => asked);
  const reply = replyShape.parse(JSON.parse(encodePreempt(stand.books.preempt(asked, candidates)).toString()));
  return new Map(
    Object.entries(reply.NodeNameToMetaVictims).map(([node, { Pods, NumPDBViolations }]) => [
      node,
      { victims: Pods.map(({ UID }) => UID).sort(), pdbViolations: NumPDBViolations },
    ]),
  );
}

function faultsOf({ expect }: Case, reply: Reply): readonly string[] {
  const faults: string[] = [];
  const say = (holds: boolean, text: string): void => {
    if (!holds) faults.push(text);
  };
  for (const [node, wanted] of Object.entries(expect.nodes)) {
    const ours = reply.get(node);
    say(ours !== undefined, `${node} is not answered`);
    if (ours === undefined) continue;
    const { victims, victimsInclude, victimsExclude, numPdbViolations } = wanted;
    if (victims !== undefined)
      say([...victims].sort().join() === ours.victims.join(), `${node}: ${ours.victims}, theirs ${victims}`);
    say(
      (victimsInclude ?? []).every((uid) => ours.victims.includes(uid)),
      `${node}: ${ours.victims} without ${victimsInclude}`,
    );
    say(
      !(victimsExclude ?? []).some((uid) => ours.victims.includes(uid)),
      `${node}: ${ours.victims} with ${victimsExclude}`,
    );
    if (numPdbViolations !== undefined) {
      say(
        numPdbViolations === ours.pdbViolations,
        `${node}: ${ours.pdbViolations} budgets violated, theirs ${numPdbViolations}`,
      );
    }
  }
  for (const node of expect.dropped) say(!reply.has(node), `${node} is answered`);
  if (expect.nodeCount !== undefined)
    say(reply.size === expect.nodeCount, `${reply.size} nodes, theirs ${expect.nodeCount}`);
  return faults;
}

/** Several nodes of theirs, the best of them from us: kube-scheduler nominates one in any case. */
function oneNode(given: Case, reply: Reply): Verdict | null {
  const [node] = [...reply.keys()];
  const wanted = node === undefined ? undefined : given.expect.nodes[node];
  if (node === undefined || wanted === undefined) return null;
  const { nodeCount: _, ...expect } = { ...given.expect, nodes: { [node]: wanted } };
  const { numPdbViolations, ...rest } = wanted;
  if (
    reply.size === 1 &&
    Object.keys(given.expect.nodes).length > 1 &&
    faultsOf({ ...given, expect }, reply).length === 0
  ) {
    return equivalent('the best of their nodes alone: kube-scheduler nominates one, and we keep its devices');
  }
  const without = { ...given, expect: { ...expect, nodes: { [node]: rest } } };
  return numPdbViolations !== undefined && faultsOf(without, reply).length === 0 ? byDesign('counted-budgets') : null;
}

/** Their victims without some that need not go. */
function fewer(given: Case, reply: Reply): Verdict | null {
  const nodes = Object.entries(given.expect.nodes).map(([node, wanted]) => {
    const ours = reply.get(node)?.victims;
    const theirs = wanted.victims;
    if (ours === undefined || theirs === undefined || !ours.every((uid) => theirs.includes(uid))) return [node, wanted];
    return [node, { ...wanted, victims: ours }];
  });
  const expect = { ...given.expect, nodes: Object.fromEntries(nodes) };
  return faultsOf({ ...given, expect }, reply).length === 0 ? equivalent('fewer of their victims suffice') : null;
}

/** Highest priority that users may give to a class of their own. */
const HIGHEST_OF_USERS = 1_000_000_000;

/** The victims that the books choose on a node where each of these pods has a device alone, and one is wanted. */
function chosen(
  pods: readonly RunningPod[],
  preemptor: number,
  more: { only?: readonly string[]; gang?: string | null } = {},
): readonly string[] {
  const stand = new Stand();
  const gpuOf = (each: RunningPod): string => each.alloc[0]?.[0]?.gpu ?? `GPU-${each.name}`;
  const devices = pods.map((each, at) => device(at, { uuid: gpuOf(each), mib: 1000 }));
  stand.addNode('node', devices);
  for (const each of pods) {
    const alloc = [[{ gpu: gpuOf(each), memMiB: 1000, cores: 100 }]];
    if (each.node !== null && each.node !== undefined) stand.addRunning({ ...each, node: 'node', alloc });
    else stand.filter(podFacts(each.name, request([need(whole)], { uuids: { allow: [gpuOf(each)], deny: [] } })));
  }
  const uuids = { allow: more.only ?? [], deny: [] };
  const asked = podFacts('preemptor', request([need(whole)], { uuids }), {
    priority: preemptor,
    gang: more.gang ?? null,
  });
  return stand.books.preempt(asked, [{ node: 'node', victims: null }])[0]?.victims ?? [];
}

const protectedShape = z.looseObject({
  pod: runningShape,
  preemptorGang: z.string().nullish(),
  expect: z.looseObject({ protected: z.boolean() }),
});

export function preemptProtected(raw: unknown): Verdict {
  const { pod, preemptorGang, expect } = protectedShape.parse(raw);
  const isVictim = chosen([pod], HIGHEST_OF_USERS, { gang: preemptorGang ?? null }).includes(pod.name);
  if (isVictim === !expect.protected) return SAME;
  if (byPriority(pod)) return byDesign('priority-decides');
  if (pod.terminating) return byDesign('terminating-victim');
  return fails(isVictim ? 'may be a victim' : 'may not be a victim');
}

const eligibleShape = z.looseObject({
  preemptorPriority: z.number().nullable(),
  candidatePriority: z.number().nullable(),
  expect: z.looseObject({ evictable: z.boolean() }),
});

export function preemptEligible(raw: unknown): Verdict {
  const { preemptorPriority, candidatePriority, expect } = eligibleShape.parse(raw);
  const pod = runningShape.parse({ name: 'candidate', node: 'node', priority: candidatePriority });
  const verdict = compare(chosen([pod], preemptorPriority ?? 0).length > 0, expect.evictable);
  const unstated = candidatePriority === null || preemptorPriority === null;
  return verdict.result === 'fails' && unstated ? byDesign('no-priority-is-0') : verdict;
}

const orderShape = z.looseObject({
  pods: z.array(runningShape),
  targetGpus: z.array(z.string()).nullish(),
  expect: z.looseObject({ order: z.array(z.string()).nullable() }),
});

/** Who goes first, who next: each time without those who went. What the expected order leaves unsaid is free. */
export function victimOrder(raw: unknown): Verdict {
  const { pods, targetGpus, expect } = orderShape.parse(raw);
  const theirs = expect.order ?? [];
  const ours: string[] = [];
  while (ours.length < theirs.length) {
    const left = pods.filter(({ name }) => !ours.includes(name));
    const [next] = chosen(left, HIGHEST_OF_USERS, targetGpus ? { only: targetGpus } : {});
    if (next === undefined) break;
    ours.push(next);
  }
  return compare(ours, theirs);
}

export const pdbBound = (): Verdict => byDesign('counted-budgets');
