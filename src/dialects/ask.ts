/**
 * The door: what a pod wants of GPUs, whatever it speaks. Every dialect reads the pod alone; here their readings are laid
 * side by side. Where two speak of the same thing they must say the same, else the pod is refused with both lines.
 */

import { LRUCache } from 'lru-cache';
import { MAX_CONTAINERS, MAX_COUNT } from '../core/gpu/bounds.ts';
import type { ContainerNeed, ContainerSlot, GpuRequest, ShareNeed, TextFilter } from '../core/gpu/request.ts';
import { decodeRequest, type PodContainer, type RequestReading } from '../core/gpu/request-json.ts';
import { GPU_COUNT, MANAGED, REQUEST } from '../core/names.ts';
import type { GpuAsk } from '../core/placement/pod-facts.ts';
import { printable } from '../core/printable.ts';
import { readAliyun } from './aliyun.ts';
import { AskError, contradiction, malformed } from './errors.ts';
import { gangContradiction } from './gang.ts';
import { hamiMigLine, readHami, readHamiWishes } from './hami.ts';
import { readKai } from './kai.ts';
import { readKoordinator } from './koordinator.ts';
import { readMuster } from './muster.ts';
import { migLine, readPlain } from './plain.ts';
import { type ContainerView, type PodLike, type PodView, viewPod } from './pod-like.ts';
import {
  DEFAULT_DIALECT_OPTIONS,
  type DeviceWish,
  type DialectOptions,
  type Reading,
  type Stated,
  type Wish,
} from './reading.ts';
import { readVolcano } from './volcano.ts';
import { annotationLine, quote } from './words.ts';

const NO_ASK: GpuAsk = { kind: 'none' };
const UNMANAGED: GpuAsk = { kind: 'unmanaged' };

/** A container name as Kubernetes allows it (DNS label). */
const CONTAINER_NAME = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** Never throws; same pod, same answer. A refusal names the pod, the lines as written and what to do. */
export function readAsk(pod: PodLike, options: DialectOptions = DEFAULT_DIALECT_OPTIONS): GpuAsk {
  return readAskOf(viewPod(pod), options);
}

/** The same for a pod that was viewed already. */
export function readAskOf(pod: PodView, options: DialectOptions): GpuAsk {
  try {
    return ask(pod, options);
  } catch (error) {
    if (!(error instanceof AskError)) throw error;
    return invalid(pod, error.message, false);
  }
}

function invalid(pod: PodView, message: string, mig: boolean): GpuAsk {
  const at = `${pod.namespace}/${pod.name}`;
  return {
    kind: 'invalid',
    message: `pod ${printable(at.length > 130 ? `${at.slice(0, 130)}…` : at)}: ${message}`,
    mig,
  };
}

function ask(pod: PodView, options: DialectOptions): GpuAsk {
  const mig = migLine(pod);
  if (mig !== null) return refusedMig(pod, mig);
  if (pod.annotations.has(REQUEST)) return decoded(pod);

  const spoken: readonly Reading[] = [
    readMuster(pod),
    readKai(pod),
    readPlain(pod),
    readHami(pod),
    readAliyun(pod, options),
    readVolcano(pod),
    readKoordinator(pod),
  ];
  const stated = agreed(spoken.flatMap((reading) => reading.needs));
  if (stated.size === 0) {
    const model = spoken.find((reading) => reading.allowModels !== undefined)?.allowModels;
    if (model === undefined) return NO_ASK;
    throw malformed(model.line, `nothing in the pod asks for a GPU; write ${GPU_COUNT} or another amount beside it`);
  }

  const hamiMig = hamiMigLine(pod);
  if (hamiMig !== null) return refusedMig(pod, hamiMig);
  const gangs = gangContradiction(pod);
  if (gangs !== null) throw contradiction(gangs[0], gangs[1], 'a pod belongs to one gang; keep one of them');
  checkNames(
    pod,
    [...stated.keys()].map((container) => container.name),
  );
  if (optsOut(pod)) return leaving(pod, [...stated.values()]);
  return { kind: 'request', request: requestOf(pod, stated, [...spoken, { needs: [], ...readHamiWishes(pod) }]) };
}

/** MIG is served by the vendor's plugin on other nodes, and nowhere by us. */
function refusedMig(pod: PodView, line: string): GpuAsk {
  if (optsOut(pod)) return UNMANAGED;
  const remedy = `ask for a share instead, or annotate the pod ${MANAGED}: "false" to use nodes that have MIG`;
  return invalid(pod, `${line}: MIG is not served on nodes managed by Muster; ${remedy}`, true);
}

/** The webhook took the other dialects away, or the user wrote all of it here: nothing else is read. */
function decoded(pod: PodView): GpuAsk {
  const text = pod.annotations.get(REQUEST) ?? '';
  const containers = pod.containers.flatMap(({ name, slot, role }) =>
    slot === null || role === 'ephemeral' ? [] : [{ name, slot, role }],
  );
  const reading = readingOf(text, containers);
  if (!reading.ok) return invalid(pod, `annotation ${REQUEST}: ${reading.error}`, false);
  checkNames(
    pod,
    reading.request.containers.map((need) => need.name),
  );
  if (optsOut(pod)) throw optOutOfShare(pod, annotationLine(REQUEST, text));
  return { kind: 'request', request: reading.request };
}

/** characters kept, keys and all: pods of one workload say the same, and the same pod is read at every event */
const READINGS_SIZE = 1_000_000;
const READINGS = new LRUCache<string, RequestReading>({
  maxSize: READINGS_SIZE,
  sizeCalculation: (_reading, key) => key.length + 200,
});

/** As `decodeRequest`, which answers the same for the same. */
function readingOf(text: string, containers: readonly PodContainer[]): RequestReading {
  let key = text;
  for (const { name, slot, role } of containers) key += `\n${name} ${slot} ${role}`;
  const known = READINGS.get(key);
  if (known !== undefined) return known;
  const reading = decodeRequest(text, containers);
  READINGS.set(key, reading);
  return reading;
}

/** One statement per container; throws where two differ. */
function agreed(needs: readonly Stated[]): ReadonlyMap<ContainerView, Stated> {
  const stated = new Map<ContainerView, Stated>();
  for (const need of needs) {
    if (need.count > MAX_COUNT) throw malformed(need.line, `no node has more than ${MAX_COUNT} devices`);
    const earlier = stated.get(need.container);
    if (earlier === undefined) {
      stated.set(need.container, need);
    } else if (earlier.count !== need.count || !sameShare(earlier.share, need.share)) {
      const where = `both ask for container ${quote(need.container.name)}; keep one of them`;
      throw contradiction(earlier.line, need.line, where);
    } else if (need.vendors) {
      // said in our words too: still served by the vendor's plugin
      stated.set(need.container, need);
    }
  }
  return stated;
}

function sameShare(one: ShareNeed, other: ShareNeed): boolean {
  if (one.milli !== other.milli) return false;
  if ('mib' in one.memory) return 'mib' in other.memory && one.memory.mib === other.memory.mib;
  return 'milli' in other.memory && one.memory.milli === other.memory.milli;
}

/** Claims and limits are told apart by name, so the names must be real and different. */
function checkNames(pod: PodView, asking: readonly string[]): void {
  const seen = new Set<string>();
  for (const { name, role } of pod.containers) {
    if (role === 'ephemeral') continue;
    if (seen.has(name))
      throw malformed(`container ${quote(name)}`, 'two containers have this name; rename one of them');
    seen.add(name);
  }
  for (const name of asking) {
    if (CONTAINER_NAME.test(name)) continue;
    throw malformed(`container ${quote(name)}`, 'a container with a GPU needs a DNS label as its name');
  }
  if (asking.length > MAX_CONTAINERS) {
    throw malformed(`container ${quote(asking[MAX_CONTAINERS] ?? '')}`, `at most ${MAX_CONTAINERS} may ask for GPUs`);
  }
}

/** `muster.dev/managed: "false"`; throws where the value is neither "true" nor "false". */
function optsOut(pod: PodView): boolean {
  const text = pod.annotations.get(MANAGED);
  if (text === undefined || text === 'true') return false;
  if (text === 'false') return true;
  throw malformed(annotationLine(MANAGED, text), 'write "true" or "false"');
}

function optOutOfShare(pod: PodView, line: string): AskError {
  const out = annotationLine(MANAGED, pod.annotations.get(MANAGED) ?? '');
  return contradiction(out, line, 'only whole GPUs (limit nvidia.com/gpu) exist on other nodes; remove one of them');
}

function leaving(pod: PodView, stated: readonly Stated[]): GpuAsk {
  const share = stated.find((need) => !need.vendors);
  if (share !== undefined) throw optOutOfShare(pod, share.line);
  return UNMANAGED;
}

function requestOf(pod: PodView, stated: ReadonlyMap<ContainerView, Stated>, readings: readonly Reading[]): GpuRequest {
  const containers: ContainerNeed[] = [];
  for (const container of pod.containers) {
    const need = stated.get(container);
    if (need === undefined || container.slot === null || container.role === 'ephemeral') continue;
    const { name, slot, role } = container;
    containers.push({ name, slot: slot satisfies ContainerSlot, role, count: need.count, share: need.share });
  }
  const lists = (wishes: readonly (Wish<readonly string[]> | undefined)[]) => one(wishes, sameList) ?? [];
  const filter = (allow: 'allowModels' | 'allowUuids', deny: 'denyModels' | 'denyUuids'): TextFilter => ({
    allow: lists(readings.map((reading) => reading[allow])),
    deny: lists(readings.map((reading) => reading[deny])),
  });
  const device = one<DeviceWish>(
    readings.map((reading) => reading.devicePolicy),
    (a, b) => a.policy === b.policy && a.required === b.required,
  );
  return {
    containers,
    models: filter('allowModels', 'denyModels'),
    uuids: filter('allowUuids', 'denyUuids'),
    devicePolicy: device?.policy ?? null,
    devicePolicyRequired: device?.required ?? false,
    nodePolicy:
      one(
        readings.map((reading) => reading.nodePolicy),
        (a, b) => a === b,
      ) ?? null,
  };
}

/** The one wish all that have it share, null without any; throws where two differ. */
function one<T>(wishes: readonly (Wish<T> | undefined)[], same: (a: T, b: T) => boolean): T | null {
  let found: Wish<T> | null = null;
  for (const wish of wishes) {
    if (wish === undefined) continue;
    if (found !== null && !same(found.value, wish.value)) {
      throw contradiction(found.line, wish.line, 'keep one of them');
    }
    found ??= wish;
  }
  return found === null ? null : found.value;
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  const sorted = [...b].sort();
  return a.length === b.length && [...a].sort().every((word, at) => word === sorted[at]);
}
