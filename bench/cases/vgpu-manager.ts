/** vgpu-manager’s cases: init containers and sidecars, link and NUMA levels, aligned gang members, reservations. */
import { z } from 'zod';
import type { ContainerClaim } from '../../src/core/gpu/claim.ts';
import { peakOf } from '../../src/core/gpu/peak.ts';
import { readAsk } from '../../src/dialects/ask.ts';
import { device, need, node as nodeFacts, pod as podFacts, request, whole } from '../../test/build/facts.ts';
import { askingPod } from './asking.ts';
import { type GpuNode, gpuShape, interchangeableShape, nodeShape, podShape, runningShape } from './case-file.ts';
import {
  type Answer,
  asLinked,
  namesPolicy,
  otherNode,
  overSlots,
  refused,
  ruleOfPolicy,
  type Scene,
  withoutFullSlots,
} from './placing.ts';
import { structure, takenOf } from './sharing.ts';
import { isPlaced, type Placed, Stand } from './stand.ts';
import { byDesign, compare, equivalent, fails, notYet, SAME, type Verdict } from './verdict.ts';

const gpusAnyOf = z.array(z.union([z.string(), z.array(z.string())]));
const containerExpect = z.looseObject({
  gpus: z.array(z.string()).optional(),
  count: z.number().optional(),
  within: z.array(z.string()).optional(),
  avoid: z.array(z.string()).optional(),
  sameAs: z.string().optional(),
});
const expectShape = z.looseObject({
  fit: z.boolean().optional(),
  node: z.string().nullish(),
  error: z.string().optional(),
  gpus: z.array(z.string()).optional(),
  gpusAnyOf: gpusAnyOf.optional(),
  count: z.number().optional(),
  containers: z.record(z.string(), containerExpect).optional(),
  reserved: z
    .record(z.string(), z.looseObject({ cores: z.number().optional(), memMiB: z.number().optional() }))
    .optional(),
  gpusUsed: z.number().optional(),
  firstGpuAnyOf: z.array(z.string()).optional(),
  reason: z.string().optional(),
});
type Expect = z.infer<typeof expectShape>;

const placeShape = z.looseObject({
  nodes: z.array(nodeShape),
  running: z.array(runningShape).nullish(),
  pod: podShape,
  interchangeable: interchangeableShape,
  expect: expectShape,
});

function answerOf(scene: Scene, change: (node: GpuNode) => GpuNode = (node) => node): Answer {
  const stand = new Stand();
  for (const node of scene.nodes) stand.addGpuNode(change(node));
  for (const each of scene.running) stand.addRunning(each);
  const offered = scene.nodes.filter(({ candidate }) => candidate).map(({ name }) => name);
  return stand.filter(askingPod(scene.pod), offered);
}

export function place(raw: unknown): Verdict {
  const { nodes, running, pod, interchangeable, expect } = placeShape.parse(raw);
  const scene: Scene = { nodes, running: running ?? [], pod, interchangeable };
  if (expect.error !== undefined) return judgeError(raw, scene);
  const answer = answerOf(scene);
  const fit = expect.fit ?? (expect.node !== undefined ? expect.node !== null : true);
  if (!isPlaced(answer)) return fit ? refused(scene, answer) : SAME;
  if (!fit) return notRefused(scene, answer);
  const faults = faultsOf(answer, expect);
  if (faults.length === 0) return SAME;
  return otherDevices(scene, answer, expect, faults);
}

/** Placed by us, refused by them. */
function notRefused(scene: Scene, answer: Placed): Verdict {
  const strict = scene.pod.policy.topology === 'link-strict';
  if (strict && scene.pod.containers.every(({ count }) => count <= 1)) return byDesign('one-device-no-link');
  if (overSlots(scene, answer) || !isPlaced(answerOf(scene, withoutFullSlots))) return byDesign('slots');
  return fails(`placed on ${answer.node}: ${structure(takenOf(answer.claim), (gpu) => gpu)}`);
}

/** `where`: other devices or another node than theirs; `what`: other amounts, which no rule of ours excuses. */
type Fault = { readonly kind: 'where' | 'what'; readonly text: string };

function faultsOf({ node, claim }: Placed, expect: Expect): readonly Fault[] {
  const faults: Fault[] = [];
  const gpusOf = (container: ContainerClaim): string[] => container.devices.map(({ uuid }) => uuid ?? '').sort();
  const all = [...new Set(claim.containers.flatMap(gpusOf))].sort();
  const say = (holds: boolean, text: string, kind: Fault['kind'] = 'where'): void => {
    if (!holds) faults.push({ kind, text });
  };
  const equal = (a: readonly string[], b: readonly string[]): boolean => a.join() === [...b].sort().join();
  if (typeof expect.node === 'string') say(node === expect.node, `node ${node}, theirs ${expect.node}`);
  if (expect.gpus !== undefined) say(equal(all, expect.gpus), `GPUs ${all}, theirs ${expect.gpus}`);
  if (expect.count !== undefined)
    say(all.length === expect.count, `${all.length} GPUs, theirs ${expect.count}`, 'what');
  if (expect.gpusUsed !== undefined)
    say(all.length === expect.gpusUsed, `${all.length} GPUs, theirs ${expect.gpusUsed}`);
  if (expect.gpusAnyOf !== undefined) {
    const good = expect.gpusAnyOf.some((set) => equal(all, typeof set === 'string' ? [set] : set));
    say(good, `GPUs ${all}, theirs any of ${JSON.stringify(expect.gpusAnyOf)}`);
  }
  if (expect.firstGpuAnyOf !== undefined) {
    say(expect.firstGpuAnyOf.includes(all[0] ?? ''), `GPUs ${all}, theirs ${expect.firstGpuAnyOf}`);
  }
  for (const [name, wanted] of Object.entries(expect.containers ?? {})) {
    const container = claim.containers.find((each) => each.name === name);
    const gpus = container === undefined ? [] : gpusOf(container);
    const { within, avoid, sameAs } = wanted;
    if (wanted.gpus !== undefined) say(equal(gpus, wanted.gpus), `${name} on ${gpus}, theirs ${wanted.gpus}`);
    if (wanted.count !== undefined)
      say(gpus.length === wanted.count, `${name} on ${gpus.length}, theirs ${wanted.count}`, 'what');
    if (within !== undefined)
      say(
        gpus.every((gpu) => within.includes(gpu)),
        `${name} on ${gpus}, theirs in ${within}`,
      );
    if (avoid !== undefined) say(!gpus.some((gpu) => avoid.includes(gpu)), `${name} on ${gpus}, theirs not ${avoid}`);
    if (sameAs !== undefined) {
      const other = claim.containers.find((each) => each.name === sameAs);
      const theirs = other === undefined ? [] : gpusOf(other);
      say(equal(gpus, theirs), `${name} on ${gpus}, ${sameAs} on ${theirs}`);
    }
  }
  const peak = peakOf(claim);
  for (const [gpu, { cores, memMiB }] of Object.entries(expect.reserved ?? {})) {
    const shares = gpu === '*' ? peak : peak.filter(({ uuid }) => uuid === gpu);
    say(shares.length > 0, `nothing reserved on ${gpu}`);
    for (const share of shares) {
      if (cores !== undefined)
        say(share.milli === 10 * cores, `${share.milli} milli reserved, theirs ${cores} %`, 'what');
      if (memMiB !== undefined) say(share.mib === memMiB, `${share.mib} MiB reserved, theirs ${memMiB}`, 'what');
    }
  }
  return faults;
}

/** Placed by both, on another node or on other devices. */
function otherDevices(scene: Scene, answer: Placed, expect: Expect, faults: readonly Fault[]): Verdict {
  const text = faults.map((fault) => fault.text).join('; ');
  const aligned =
    scene.pod.policy.crossPod === true && (scene.pod.alignWith !== undefined || scene.pod.gang !== undefined);
  if (aligned) return notYet('aligned-members', text);
  if (faults.some(({ kind }) => kind === 'what')) return overSlots(scene, answer) ? byDesign('slots') : fails(text);
  const theirs = expect.gpus ?? Object.values(expect.containers ?? {}).find(({ gpus }) => gpus !== undefined)?.gpus;
  const node = scene.nodes.find(({ name }) => name === answer.node);
  if (typeof expect.node === 'string' && expect.node !== answer.node) return otherNode(scene, answer.node, expect.node);
  const ours = [...new Set(takenOf(answer.claim).map(({ gpu }) => gpu))];
  const linked = theirs === undefined || node === undefined ? null : asLinked(scene, node, ours, theirs);
  if (linked !== null) return linked;
  if (!namesPolicy(scene.pod)) return equivalent(`no policy is named: any device with room is as good (${text})`);
  if (overSlots(scene, answer)) return byDesign('slots');
  const apart = answerOf(scene, withoutFullSlots);
  if (isPlaced(apart) && faultsOf(apart, expect).length === 0) return byDesign('slots');
  const rule = ruleOfPolicy(scene.pod);
  return rule === null ? fails(text) : byDesign(rule, text);
}

const assignedShape = z.looseObject({
  pod: z.looseObject({ alreadyAssigned: z.looseObject({ node: z.string() }).optional() }),
});

/** Where their call ends in an error. */
function judgeError(raw: unknown, scene: Scene): Verdict {
  const assigned = assignedShape.parse(raw).pod.alreadyAssigned;
  if (assigned !== undefined) {
    const where = confirmed(scene, assigned.node);
    return where === null ? byDesign('adopts-claim') : fails(`confirmed on ${where}, theirs an error`);
  }
  const answer = answerOf(scene);
  return isPlaced(answer) ? fails(`placed on ${answer.node}, theirs an error`) : byDesign('no-count-limit');
}

/** A pod that has a node already is confirmed there. */
export function placeOne(raw: unknown): Verdict {
  const { nodes, running, pod, expect } = placeShape.parse(raw);
  const assigned = assignedShape.parse(raw).pod.alreadyAssigned;
  if (assigned === undefined || expect.error !== undefined) return place(raw);
  const scene: Scene = { nodes, running: running ?? [], pod, interchangeable: [] };
  return compare(confirmed(scene, assigned.node), expect.node ?? null);
}

/** The offered node that filter confirms to a pod that has this one already. */
function confirmed({ nodes, running, pod }: Scene, assigned: string): string | null {
  const stand = new Stand();
  for (const node of nodes) stand.addGpuNode(node);
  for (const each of running) stand.addRunning(each);
  const asked = askingPod(pod);
  stand.picture.upsertPod({ ...asked, nodeName: assigned });
  const offered = nodes.map(({ name }) => name);
  return stand.books.filter(asked, stand.books.resolve(offered), 1).fits[0] ?? null;
}

const needsShape = z.looseObject({
  container: z.looseObject({ count: z.number(), cores: z.number(), memory: z.number() }),
  memoryFactor: z.number(),
  expect: z.looseObject({ cores: z.number(), memMiB: z.number() }),
});

/** Their units of memory are `memoryFactor` MiB; 0 MiB expected means all memory of the card. */
export function resolveNeeds(raw: unknown): Verdict {
  const { container, memoryFactor, expect } = needsShape.parse(raw);
  const limits: Record<string, string> = { 'nvidia.com/gpu': `${container.count}` };
  if (container.memory > 0) limits['nvidia.com/gpumem'] = `${container.memory * memoryFactor}`;
  if (container.cores > 0) limits['nvidia.com/gpucores'] = `${container.cores}`;
  const ask = readAsk({
    metadata: { name: 'p', namespace: 'cases' },
    spec: { containers: [{ name: 'a', resources: { limits } }] },
  });
  const share = ask.kind === 'request' ? ask.request.containers[0]?.share : undefined;
  if (share === undefined) return fails(`read as ${ask.kind}`);
  const memMiB = 'mib' in share.memory ? share.memory.mib : share.memory.milli === 1000 ? 0 : Number.NaN;
  return compare({ cores: share.milli / 10, memMiB }, { cores: expect.cores, memMiB: expect.memMiB });
}

const numaFitShape = z.looseObject({
  count: z.number(),
  gpuNuma: z.array(z.number()),
  expect: z.looseObject({ fitsOneNuma: z.boolean() }),
});

export function numaFit(raw: unknown): Verdict {
  const { count, gpuNuma, expect } = numaFitShape.parse(raw);
  const stand = new Stand();
  stand.addNode(
    'node',
    gpuNuma.map((numa, at) => device(at, { numa: numa < 0 ? null : numa })),
  );
  const wish = { devicePolicy: 'numa', devicePolicyRequired: true } as const;
  const ours = isPlaced(stand.filter(podFacts('p', request([need(whole, count)], wish))));
  // theirs asks only for several devices; a single one is in one NUMA node wherever it is
  if (count === 1 && gpuNuma.length > 0 && ours !== expect.fitsOneNuma) return byDesign('numa-packs');
  return compare(ours, expect.fitsOneNuma);
}

const numaOrderShape = z.looseObject({
  gpus: z.array(gpuShape),
  expect: z.looseObject({ binpack: z.array(z.number()).optional(), spread: z.array(z.number()).optional() }),
});

/** Which NUMA node a sliver goes to first, second …: each time without the devices of those named already. */
export function numaOrder(raw: unknown): Verdict {
  const { gpus, expect } = numaOrderShape.parse(raw);
  const ours: number[] = [];
  const node = (): GpuNode =>
    nodeShape.parse({ name: 'node', gpus: gpus.filter(({ numa }) => !ours.includes(numa ?? -1)) });
  const pod = podShape.parse({ containers: [{ count: 1, memMiB: 1 }], policy: { topology: 'numa' } });
  for (;;) {
    const stand = new Stand();
    const left = node();
    stand.addGpuNode(left);
    const answer = stand.filter(askingPod(pod));
    const index = isPlaced(answer) ? answer.claim.containers[0]?.devices[0]?.index : undefined;
    const numa = index === undefined ? undefined : left.gpus[index]?.numa;
    if (numa === undefined || numa === null || ours.includes(numa)) break;
    ours.push(numa);
  }
  const binpack = expect.binpack === undefined ? SAME : compare(ours, expect.binpack);
  if (binpack.result !== 'same') return binpack;
  return expect.spread === undefined || compare(ours, expect.spread).result === 'same' ? SAME : byDesign('numa-packs');
}

const nodeOrderShape = z.looseObject({
  nodes: z.array(nodeShape),
  pod: podShape,
  expect: z.looseObject({ order: z.array(z.string()) }),
});

/** Where a sliver goes first, second …: each time without the nodes named already. */
export function nodeOrder(raw: unknown): Verdict {
  const { nodes, pod, expect } = nodeOrderShape.parse(raw);
  const stand = new Stand();
  for (const node of nodes) stand.addGpuNode(node);
  const asks = pod.containers.some(({ count }) => count > 0);
  const asked = asks ? pod : { ...pod, containers: [{ count: 1, memMiB: 1, init: false, sidecar: false }] };
  const ours: string[] = [];
  while (ours.length < nodes.length) {
    const left = nodes.map(({ name }) => name).filter((name) => !ours.includes(name));
    const answer = stand.filter(askingPod(podShape.parse({ ...asked, name: `sliver-${ours.length}` })), left);
    if (!isPlaced(answer)) break;
    ours.push(answer.node);
  }
  const verdict = compare(ours, expect.order);
  if (verdict.result === 'same') return verdict;
  const fill = (name: string): string =>
    nodes
      .find((node) => node.name === name)
      ?.gpus.map(({ usedMiB, usedCores, memMiB }) => `${usedMiB}/${memMiB} ${usedCores}`)
      .sort()
      .join() ?? '';
  if (ours.map(fill).join(';') === expect.order.map(fill).join(';')) {
    return equivalent('they differ among nodes equally full; ties are free and ours end in the order of names');
  }
  return verdict;
}

const reservationShape = z.looseObject({
  pod: z.looseObject({ node: z.string().nullish(), reservedAt: z.string().nullish() }),
  expect: z.looseObject({ counted: z.boolean() }),
});

/** Does the pod hold its GPU? With a node: always. With a time of reservation: as long as a hold lasts. */
export function reservationCounts(raw: unknown): Verdict {
  const { pod, expect } = reservationShape.parse(raw);
  const stand = new Stand();
  stand.addNode('node', nodeFacts('node', 1).devices);
  const asking = podFacts('first', whole);
  const age = /^now-(\d+)s$/.exec(pod.reservedAt ?? '');
  if (typeof pod.node === 'string') {
    const { uuid, index, mib } = nodeFacts('node', 1).devices[0]!;
    stand.addBound('first', 'node', [[{ uuid, index, mib, milli: 1000 }]]);
  } else if (age !== null) {
    stand.filter(asking);
    stand.clock.advance(1000 * Number(age[1]));
    stand.books.sweep();
  } else {
    return byDesign('holds-in-memory');
  }
  const counted = !isPlaced(stand.filter(podFacts('second', whole)));
  return counted === expect.counted ? SAME : byDesign('holds-in-memory');
}

export const nodeCheck = (): Verdict => byDesign('own-inventory');
