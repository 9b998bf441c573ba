/** HAMi’s cases: what its words mean, which GPUs of a node a pod gets, which GPU and which node is preferred, why not. */
import { z } from 'zod';
import type { Device } from '../../src/core/gpu/device.ts';
import { matches } from '../../src/core/gpu/matching.ts';
import type { ReasonCode } from '../../src/core/reasons.ts';
import { readAsk } from '../../src/dialects/ask.ts';
import { askingPod } from './asking.ts';
import {
  type AskingPod,
  allocShape,
  type GpuNode,
  interchangeableShape,
  nodeShape,
  podShape,
  runningShape,
} from './case-file.ts';
import {
  answerOn,
  expectedTaken,
  gpusOf,
  judgeTaken,
  namesPolicy,
  onlyGpus,
  otherNode,
  overSlots,
  refused,
  ruleOfPolicy,
  type Scene,
  withoutFullSlots,
  withoutTakenCompute,
} from './placing.ts';
import { structure, takenOf } from './sharing.ts';
import { isPlaced, Stand } from './stand.ts';
import { byDesign, compare, equivalent, fails, notYet, SAME, type Verdict } from './verdict.ts';

const reasonsShape = z.record(z.string(), z.number());

/** Our codes that say what each of their reasons says. An unknown reason of theirs is answered by any refusal. */
const CODES_OF_REASON: Readonly<Record<string, readonly ReasonCode[]>> = {
  CardInsufficientMemory: ['gpu-too-small', 'gpu-full', 'gpu-fragmented', 'gpu-too-few'],
  CardInsufficientCore: ['gpu-full', 'gpu-fragmented', 'gpu-too-few'],
  CardUuidMismatch: ['gpu-model', 'gpu-too-few'],
  CardTypeMismatch: ['gpu-model', 'gpu-too-few'],
  CardNotHealth: ['gpu-too-few'],
  CardCordoned: ['gpu-too-few'],
  NumaNotFit: ['gpu-topology', 'gpu-full', 'gpu-fragmented', 'gpu-too-few'],
  ExclusiveDeviceAllocateConflict: ['gpu-full', 'gpu-fragmented'],
  CardComputeUnitsExhausted: ['gpu-full', 'gpu-fragmented'],
};

function reasonAgrees(code: ReasonCode | undefined, reasons: Readonly<Record<string, number>>): boolean {
  if (code === undefined) return false;
  if (Object.keys(reasons).length === 0) return true;
  const known = Object.keys(reasons).filter((reason) => reason in CODES_OF_REASON);
  return known.length < Object.keys(reasons).length || known.some((reason) => CODES_OF_REASON[reason]!.includes(code));
}

const placeShape = z.looseObject({
  nodes: z.array(nodeShape),
  running: z.array(runningShape).nullish(),
  pod: podShape,
  interchangeable: interchangeableShape,
  expect: z.looseObject({
    nodes: z
      .record(z.string(), z.looseObject({ alloc: allocShape.optional(), score: z.number().optional() }))
      .optional(),
    failed: z.record(z.string(), reasonsShape).optional(),
    gpus: z.array(z.string()).optional(),
  }),
});

function foreign(pod: AskingPod): boolean {
  return pod.containers.some(({ type }) => typeof type === 'string' && !/nvidia/i.test(type));
}

export function place(raw: unknown): Verdict {
  const { nodes, running, pod, interchangeable, expect } = placeShape.parse(raw);
  if (foreign(pod)) return byDesign('other-vendors');
  const scene: Scene = { nodes, running: running ?? [], pod, interchangeable };
  const whys: string[] = [];
  const theirs = Object.entries(expect.nodes ?? {});
  if (expect.gpus !== undefined && nodes[0] !== undefined) {
    const verdict = judgeTaken(scene, nodes[0], onlyGpus(expect.gpus), (placed) => onlyGpus(gpusOf(placed)));
    if (verdict.result !== 'equivalent') return verdict;
    whys.push(verdict.why);
  }
  for (const [name, { alloc }] of theirs) {
    const node = nodes.find((each) => each.name === name);
    if (node === undefined) return fails(`no node ${name} in the case`);
    if (alloc === undefined) continue;
    const verdict = judgeTaken(scene, node, expectedTaken(pod, alloc));
    if (verdict.result === 'equivalent') whys.push(verdict.why);
    else if (verdict.result !== 'same') return verdict;
  }
  for (const [name, reasons] of Object.entries(expect.failed ?? {})) {
    const node = nodes.find((each) => each.name === name);
    const verdict = judgeRefusal(scene, node === undefined ? [] : [node], reasons);
    if (verdict.result !== 'same') return verdict;
  }
  if (theirs.length > 1) {
    const verdict = judgeBestNode(scene, new Map(theirs.map(([name, { score }]) => [name, score ?? 0])));
    if (verdict.result !== 'same') return verdict;
  }
  return whys.length === 0 ? SAME : equivalent(whys.join('; '));
}

/** Their scores give an order (binpack: high first, spread: low first); ours must be one of the first. */
function judgeBestNode(scene: Scene, scores: ReadonlyMap<string, number>): Verdict {
  const { nodes, running, pod } = scene;
  const stand = new Stand();
  for (const node of nodes) stand.addGpuNode(node);
  for (const each of running) stand.addRunning(each);
  const answer = stand.filter(askingPod(pod), [...scores.keys()]);
  if (!isPlaced(answer)) return fails('no node, although each of them fits');
  const sign = pod.policy.node === 'spread' ? -1 : 1;
  const best = Math.max(...[...scores.values()].map((score) => sign * score));
  const first = [...scores].filter(([, score]) => sign * score === best).map(([name]) => name);
  if (first.includes(answer.node)) return SAME;
  return otherNode(scene, answer.node, first[0]!);
}

function judgeRefusal(scene: Scene, nodes: readonly GpuNode[], reasons: Readonly<Record<string, number>>): Verdict {
  const answer = answerOn(scene, nodes);
  if (!isPlaced(answer)) {
    const code = [...answer.values()][0];
    if (code === 'request-invalid')
      return ruleOfPolicy(scene.pod) === 'mutex' ? SAME : fails('the pod is refused whole');
    if (reasonAgrees(code, reasons)) return SAME;
    return fails(`refused as ${code}, theirs ${JSON.stringify(reasons)}`);
  }
  if (overSlots(scene, answer) || !isPlaced(answerOn(scene, nodes.map(withoutFullSlots)))) return byDesign('slots');
  if (
    !isPlaced(
      answerOn(
        scene,
        nodes.map((node) => withoutTakenCompute(scene, node)),
      ),
    )
  )
    return byDesign('compute-promise');
  return fails(`placed ${structure(takenOf(answer.claim), (gpu) => gpu)}, theirs ${JSON.stringify(reasons)}`);
}

const fitShape = z.looseObject({
  nodes: z.array(nodeShape).min(1),
  running: z.array(runningShape).nullish(),
  pod: podShape,
  interchangeable: interchangeableShape,
  expect: z.looseObject({
    fit: z.boolean(),
    gpus: z.array(z.string()).optional(),
    count: z.number().optional(),
    alloc: allocShape.optional(),
    memMiB: z.number().optional(),
    reasons: reasonsShape.optional(),
  }),
});

export function fit(raw: unknown): Verdict {
  const { nodes, running, pod, interchangeable, expect } = fitShape.parse(raw);
  if (foreign(pod)) return byDesign('other-vendors');
  const scene: Scene = { nodes, running: running ?? [], pod, interchangeable };
  const node = nodes[0]!;
  if (!expect.fit) return judgeRefusal(scene, nodes, expect.reasons ?? {});
  const { gpus, count, alloc, memMiB } = expect;
  if (alloc !== undefined) return judgeTaken(scene, node, expectedTaken(pod, alloc));
  const answer = answerOn(scene, [node]);
  if (!isPlaced(answer)) return refused(scene, answer);
  const taken = takenOf(answer.claim);
  if (count !== undefined && taken.length !== count) return fails(`${taken.length} GPUs, theirs ${count}`);
  if (memMiB !== undefined && taken.some((each) => each.memMiB !== memMiB)) {
    return fails(`${taken.map((each) => each.memMiB).join()} MiB, theirs ${memMiB}`);
  }
  if (gpus === undefined) return SAME;
  return judgeTaken(scene, node, onlyGpus(gpus), (placed) => onlyGpus(gpusOf(placed)));
}

const placeOneShape = z.looseObject({
  nodes: z.array(nodeShape),
  running: z.array(runningShape).nullish(),
  pod: podShape,
  expect: z.looseObject({ node: z.string().nullable(), firstGpuAnyOf: z.array(z.string()).optional() }),
});

export function placeOne(raw: unknown): Verdict {
  const { nodes, running, pod, expect } = placeOneShape.parse(raw);
  const stand = new Stand();
  for (const node of nodes) stand.addGpuNode(node);
  for (const each of running ?? []) stand.addRunning(each);
  const answer = stand.filter(askingPod(pod));
  if (!isPlaced(answer)) return expect.node === null ? SAME : fails(`no node: ${JSON.stringify([...answer])}`);
  if (answer.node !== expect.node) {
    if (expect.node === null) return fails(`placed on ${answer.node}, theirs nowhere`);
    return otherNode({ nodes, running: running ?? [], pod, interchangeable: [] }, answer.node, expect.node);
  }
  const first = answer.claim.containers[0]?.devices[0]?.uuid ?? '';
  if (expect.firstGpuAnyOf === undefined || expect.firstGpuAnyOf.includes(first)) return SAME;
  return judgeFirstDevice(nodes.find(({ name }) => name === answer.node)!, first, expect.firstGpuAnyOf, pod);
}

/** Another device than theirs on the node both chose. */
function judgeFirstDevice(node: GpuNode, ours: string, theirs: readonly string[], pod: AskingPod): Verdict {
  if (!namesPolicy(pod)) return equivalent('no policy is named: any device with room is as good');
  const rule = ruleOfPolicy(pod);
  if (rule !== null) return byDesign(rule);
  return fails(`ours ${ours} of ${node.name}, theirs ${theirs.join(' or ')}`);
}

const gpuOrderShape = z.looseObject({
  policy: z.string(),
  numaBind: z.boolean().default(false),
  gpus: z
    .array(z.looseObject({ index: z.number(), numa: z.number(), usedSlots: z.number(), score: z.number() }))
    .length(2),
  expect: z.looseObject({ preferred: z.number() }),
});

/** Their score of a GPU says how full it is; two GPUs that full, and a sliver to place. */
export function gpuOrder(raw: unknown): Verdict {
  const { policy, numaBind, gpus, expect } = gpuOrderShape.parse(raw);
  const full = Math.max(100, ...gpus.map(({ score }) => score + 1));
  const node = nodeShape.parse({
    name: 'node',
    gpus: gpus.map(({ numa, score }, at) => ({
      id: `${at}`,
      index: at,
      numa,
      memMiB: 100 * full,
      usedMiB: 100 * score,
    })),
  });
  const pod = podShape.parse({ containers: [{ count: 1, memMiB: 1 }], policy: { gpu: policy, numaBind } });
  const stand = new Stand();
  stand.addGpuNode(node);
  const answer = stand.filter(askingPod(pod));
  const chain = policy.split(',');
  const rule = ruleOfPolicy(pod);
  if (!isPlaced(answer)) return rule === null ? fails('refused') : byDesign(rule);
  const ours = Number(answer.claim.containers[0]?.devices[0]?.uuid);
  if (ours === expect.preferred) return SAME;
  const [one, two] = gpus as [(typeof gpus)[number], (typeof gpus)[number]];
  const numaCounts = numaBind || chain.includes('numa');
  if (one.score === two.score && (one.numa === two.numa || (!numaBind && chain[0] !== 'numa'))) {
    return equivalent('both are equally full; ties are free and ours end in the fixed order of the devices');
  }
  if (one.numa !== two.numa && numaCounts) return byDesign('numa-number');
  if (!namesPolicy(pod)) return equivalent('no policy is named: any device with room is as good');
  if (rule !== null) return byDesign(rule);
  return fails(`ours ${ours}, theirs ${expect.preferred}`);
}

const nodeOrderShape = z.looseObject({
  policy: z.enum(['binpack', 'spread']),
  scores: z.array(z.number()).length(2),
  expect: z.looseObject({ preferred: z.number() }),
});

/** Their score of a node says how full it is. */
export function nodeOrder(raw: unknown): Verdict {
  const { policy, scores, expect } = nodeOrderShape.parse(raw);
  const full = Math.max(100, ...scores.map((score) => score + 1));
  const stand = new Stand();
  scores.forEach((score, at) => {
    stand.addGpuNode(
      nodeShape.parse({ name: `${at}`, gpus: [{ id: `${at}`, memMiB: 100 * full, usedMiB: 100 * score }] }),
    );
  });
  const pod = podShape.parse({ containers: [{ count: 1, memMiB: 1 }], policy: { node: policy } });
  const answer = stand.filter(askingPod(pod));
  if (!isPlaced(answer)) return fails('refused');
  if (Number(answer.node) === expect.preferred) return SAME;
  if (scores[0] === scores[1])
    return equivalent('both are equally full; ties are free and ours end in the order of names');
  return fails(`ours ${answer.node}, theirs ${expect.preferred}`);
}

const selectShape = z.looseObject({
  by: z.enum(['id', 'model']),
  use: z.string().nullish(),
  nouse: z.string().nullish(),
  value: z.string(),
  expect: z.looseObject({ allowed: z.boolean() }),
});

export function selectGpu(raw: unknown): Verdict {
  const { by, use, nouse, value, expect } = selectShape.parse(raw);
  const [useKey, nouseKey] =
    by === 'id'
      ? ['nvidia.com/use-gpuuuid', 'nvidia.com/nouse-gpuuuid']
      : ['nvidia.com/use-gputype', 'nvidia.com/nouse-gputype'];
  const ask = readAsk({
    metadata: {
      name: 'p',
      namespace: 'cases',
      annotations: {
        ...(typeof use === 'string' && { [useKey]: use }),
        ...(typeof nouse === 'string' && { [nouseKey]: nouse }),
      },
    },
    spec: { containers: [{ name: 'a', resources: { limits: { 'nvidia.com/gpu': '1' } } }] },
  });
  if (ask.kind !== 'request') return fails(`the pod is read as ${ask.kind}`);
  const device: Device = {
    uuid: by === 'id' ? value : null,
    index: 0,
    mib: 1,
    model: by === 'model' ? value : '',
    numa: null,
    links: [],
    healthy: true,
  };
  return compare(matches(ask.request, device), expect.allowed);
}

const parseShape = z.looseObject({
  limits: z.record(z.string(), z.string()).default({}),
  requests: z.record(z.string(), z.string()).default({}),
  annotations: z.record(z.string(), z.string()).nullish(),
  expect: z.looseObject({
    request: z
      .looseObject({
        count: z.number(),
        memMiB: z.number().optional(),
        memPercent: z.number().optional(),
        cores: z.number().default(0),
      })
      .nullable(),
  }),
});

export function parseRequest(raw: unknown): Verdict {
  const { limits, requests, annotations, expect } = parseShape.parse(raw);
  const ask = readAsk({
    metadata: { name: 'p', namespace: 'cases', annotations: annotations ?? {} },
    spec: { containers: [{ name: 'a', resources: { limits, requests } }] },
  });
  const given = { ...requests, ...limits };
  const said = (key: string): boolean => (given[`nvidia.com/${key}`] ?? '0') !== '0';
  if (ask.kind === 'invalid' && said('gpumem') && said('gpumem-percentage')) return byDesign('contradiction');
  const need = ask.kind === 'request' ? ask.request.containers[0] : undefined;
  const theirs = expect.request;
  if (need === undefined || theirs === null) {
    return need === undefined && theirs === null
      ? SAME
      : fails(`read as ${ask.kind}, theirs ${JSON.stringify(theirs)}`);
  }
  const { memory, milli } = need.share;
  const ours = {
    count: need.count,
    memMiB: 'mib' in memory ? memory.mib : undefined,
    memPercent: 'mib' in memory ? undefined : memory.milli / 10,
    cores: milli / 10,
  };
  const { count, memMiB, memPercent, cores } = theirs;
  const same = compare(ours, { count, memMiB, memPercent, cores });
  if (same.result === 'same') return SAME;
  const bare = Object.entries(given).every(([key, text]) => key === 'nvidia.com/gpu' || text === '0');
  return bare && memPercent === 100 && ours.memPercent === 100 ? byDesign('whole-count') : same;
}

export const decodeNode = (): Verdict => byDesign('own-inventory');
export const score = (): Verdict => byDesign('score-formula');
export const quota = (): Verdict => notYet('memory-quota');
