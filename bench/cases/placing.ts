/** A pod on one node of a case: what the books answer, and how it compares with what is expected. */

import { linkWeight } from '../../src/core/gpu/policies/link.ts';
import type { ReasonCode } from '../../src/core/reasons.ts';
import { askingPod, containerName } from './asking.ts';
import type { Alloc, AskingPod, GpuNode, RunningPod } from './case-file.ts';
import { devicesOf, usedShare } from './devices.ts';
import type { DesignRule } from './rules.ts';
import { groupsAsClasses, statesAsClasses, structure, type Taken, takenOf } from './sharing.ts';
import { isPlaced, type Placed, Stand } from './stand.ts';
import { byDesign, equivalent, fails, SAME, type Verdict } from './verdict.ts';

export type Scene = {
  readonly nodes: readonly GpuNode[];
  readonly running: readonly RunningPod[];
  readonly pod: AskingPod;
  readonly interchangeable: readonly (readonly string[])[];
};
export type Answer = Placed | Map<string, ReasonCode>;

/** The books' answer where only these nodes exist. */
export function answerOn(scene: Scene, nodes: readonly GpuNode[] = scene.nodes): Answer {
  const stand = new Stand();
  for (const node of nodes) stand.addGpuNode(node);
  for (const each of scene.running) stand.addRunning(each);
  return stand.filter(askingPod(scene.pod));
}

/** Their rule of slots applied to a node: GPUs without a free one cannot be used. */
export function withoutFullSlots(node: GpuNode): GpuNode {
  const full = (gpu: GpuNode['gpus'][number]): boolean =>
    typeof gpu.slots === 'number' && gpu.slots > 0 && gpu.usedSlots >= gpu.slots;
  return { ...node, gpus: node.gpus.map((gpu) => (full(gpu) ? { ...gpu, healthy: false } : gpu)) };
}

/** The answer puts more containers on a GPU at once than it has slots (init containers are gone when the others run). */
export function overSlots(scene: Scene, { node, claim }: Placed): boolean {
  const gpus = scene.nodes.find(({ name }) => name === node)?.gpus ?? [];
  return gpus.some(({ id, slots, usedSlots }) => {
    if (typeof slots !== 'number' || slots <= 0) return false;
    const running = scene.running.flatMap(({ alloc }) => alloc.filter((taken) => taken.some(({ gpu }) => gpu === id)));
    const here = claim.containers.filter(({ devices }) => devices.some(({ uuid }) => uuid === id));
    const init = here.some(({ slot, sidecar }) => slot.startsWith('i') && !sidecar) ? 1 : 0;
    const together = here.filter(({ slot, sidecar }) => sidecar || slot.startsWith('c')).length;
    return usedSlots + running.length + Math.max(init, together) > slots;
  });
}

/** Sum of the pairwise link weights of a set of GPUs of the node. */
export function linksWithin(node: GpuNode, gpus: readonly string[]): number {
  const devices = devicesOf(node.gpus, node.links);
  const positions = devices.flatMap(({ uuid }, at) => (uuid !== null && gpus.includes(uuid) ? [at] : []));
  return positions.reduce(
    (total, a, at) => total + positions.slice(at + 1).reduce((inner, b) => inner + linkWeight(devices, a, b), 0),
    0,
  );
}

/** Several GPUs chosen by their links: as good as theirs where the links of the set add up to as much. */
export function asLinked(
  scene: Scene,
  node: GpuNode,
  ours: readonly string[],
  theirs: readonly string[],
): Verdict | null {
  const { policy } = scene.pod;
  const byLinks = (policy.topology ?? '').startsWith('link') || (policy.gpu ?? '').startsWith('topology-aware');
  if (!byLinks || ours.length !== theirs.length || ours.length < 2) return null;
  const [one, other] = [linksWithin(node, ours), linksWithin(node, theirs)];
  return one >= other ? equivalent(`links of the set add up to ${one}, theirs to ${other}`) : null;
}

/** Another node than theirs. */
export function otherNode(scene: Scene, ours: string, theirs: string): Verdict {
  const { policy } = scene.pod;
  const packs = policy.node !== 'spread';
  if (packs && openedOn(scene, ours) < openedOn(scene, theirs)) return byDesign('opens-fewer');
  if (!policy.node) return equivalent(`no policy is named: ${ours} has room as ${theirs} has`);
  return fails(`ours ${ours}, theirs ${theirs}`);
}

/**
 * HAMi’s rules of compute applied to a node: who asks for all cores of a GPU finds none in use, who asks for no cores finds none
 * whose cores are all taken.
 */
export function withoutTakenCompute({ pod, running }: Scene, node: GpuNode): GpuNode {
  const all = pod.containers.some(({ cores, count }) => count > 0 && (cores ?? 0) >= 100);
  const none = pod.containers.some(({ cores, count }) => count > 0 && (cores ?? 0) === 0);
  const barred = (gpu: GpuNode['gpus'][number]): boolean => {
    const here = running.flatMap(({ alloc }) => alloc.flat().filter((taken) => taken.gpu === gpu.id));
    const cores = here.reduce((sum, taken) => sum + taken.cores, gpu.usedCores);
    const used = here.length > 0 || gpu.usedMiB > 0 || gpu.usedCores > 0 || gpu.usedSlots > 0;
    return (all && used) || (none && cores >= gpu.cores);
  };
  return { ...node, gpus: node.gpus.map((gpu) => (barred(gpu) ? { ...gpu, healthy: false } : gpu)) };
}

/** Devices that nobody used before and that the pod would use on that node; endless where it does not fit. */
export function openedOn(scene: Scene, name: string): number {
  const stand = new Stand();
  for (const node of scene.nodes) stand.addGpuNode(node);
  for (const each of scene.running) stand.addRunning(each);
  const ledger = stand.picture.nodes.get(name)?.ledger;
  const idle = new Set(ledger?.devices.filter((_, at) => ledger.isIdle(at)).map(({ uuid }) => uuid));
  const answer = stand.filter(askingPod(scene.pod), [name]);
  if (!isPlaced(answer)) return Number.POSITIVE_INFINITY;
  return new Set(gpusOf(answer).filter((gpu) => idle.has(gpu))).size;
}

const POLICY_WORDS = ['binpack', 'spread', 'topology-aware', 'numa', 'mutex'];

/** Words of a policy that we read otherwise; looked at only where the answers differ. */
export function ruleOfPolicy({ policy }: AskingPod): DesignRule | null {
  const chain = (policy.gpu ?? '')
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
  if (chain.includes('mutex')) return 'mutex';
  if (chain.some((word) => !POLICY_WORDS.includes(word))) return 'unknown-word';
  if (policy.weights !== undefined) return 'weights';
  if (chain.length > 1) return 'first-word';
  if (chain[0] === 'numa') return 'numa-packs';
  if (policy.numaBind === true || (policy.topology ?? '').startsWith('numa')) return 'numa-number';
  if (chain[0] === 'topology-aware') return 'link-packs';
  return null;
}

export const namesPolicy = ({ policy }: AskingPod): boolean =>
  Boolean(policy.gpu) || policy.numaBind === true || !['none', ''].includes(policy.topology ?? '');

/** An expected allocation in the words of `takenOf`. */
export function expectedTaken(pod: AskingPod, alloc: Alloc): readonly Taken[] {
  return alloc.flatMap((shares, at) =>
    shares.map(({ gpu, memMiB, cores }) => ({
      container: containerName(pod.containers[at]?.name, at),
      gpu,
      memMiB,
      cores,
    })),
  );
}

/** Only which GPUs: shares without amounts. */
export const onlyGpus = (gpus: readonly string[]): readonly Taken[] =>
  [...new Set(gpus)].map((gpu) => ({ container: '', gpu, memMiB: 0, cores: 0 }));

export const gpusOf = (placed: Placed): readonly string[] => takenOf(placed.claim).map(({ gpu }) => gpu);

/** Ours and theirs on one node, by `view` (all shares or only the GPUs). */
export function judgeTaken(
  scene: Scene,
  node: GpuNode,
  theirs: readonly Taken[],
  view: (placed: Placed) => readonly Taken[] = (placed) => takenOf(placed.claim),
): Verdict {
  const answer = answerOn(scene, [node]);
  if (!isPlaced(answer)) return refused(scene, answer);
  const ours = view(answer);
  const renamed = groupsAsClasses(scene.interchangeable);
  if (structure(ours, renamed) === structure(theirs, renamed)) return SAME;
  if (structure(ours, () => '') === structure(theirs, () => '')) {
    if (!namesPolicy(scene.pod)) return equivalent('no policy is named: any device with room is as good');
    const states = statesOf(scene, node);
    if (structure(ours, states) === structure(theirs, states)) {
      return equivalent('the devices are in the same state as theirs; ties end in the fixed order of the devices');
    }
    const linked = asLinked(scene, node, [...new Set(gpusOf(answer))], [...new Set(theirs.map(({ gpu }) => gpu))]);
    if (linked !== null) return linked;
    const rule = ruleOfPolicy(scene.pod);
    if (rule !== null) return byDesign(rule);
  }
  if (overSlots(scene, answer)) return byDesign('slots');
  const apart = answerOn(scene, [withoutFullSlots(node)]);
  if (isPlaced(apart) && structure(view(apart), renamed) === structure(theirs, renamed)) return byDesign('slots');
  const same = (gpu: string): string => gpu;
  return fails(`ours ${structure(ours, same)}, theirs ${structure(theirs, same)}`);
}

function statesOf(scene: Scene, node: GpuNode): (gpu: string) => string {
  const devices = devicesOf(node.gpus, node.links);
  return statesAsClasses(devices, (device) => {
    const standing = usedShare(node.gpus[device.index]!, device);
    const running = scene.running
      .filter((each) => each.node === node.name)
      .flatMap(({ alloc }) => alloc.flat().filter(({ gpu }) => gpu === device.uuid));
    const mib = running.reduce((sum, { memMiB }) => sum + memMiB, standing?.mib ?? 0);
    const milli = running.reduce((sum, { cores }) => sum + 10 * cores, standing?.milli ?? 0);
    return `${mib} MiB ${milli} milli`;
  });
}

/** They place it and we do not. */
export function refused(scene: Scene, answer: Map<string, ReasonCode>): Verdict {
  const codes = [...answer.values()];
  if (codes.includes('request-invalid')) {
    const rule = ruleOfPolicy(scene.pod);
    if (rule !== null) return byDesign(rule);
  }
  const uncut = scene.nodes.map((node) => ({ ...node, gpus: node.gpus.map((gpu) => ({ ...gpu, mode: null })) }));
  if (scene.nodes.some(({ gpus }) => gpus.some(({ mode }) => mode === 'mig')) && isPlaced(answerOn(scene, uncut))) {
    return byDesign('mig');
  }
  return fails(`refused: ${codes.join(', ')}`);
}
