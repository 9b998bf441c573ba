/**
 * Our own annotations: `muster.dev/gpu-fraction`, `gpu-memory`, `gpu-count`, `gpu-cores`, each for the first app container or
 * as `muster.dev/<key>.<container>`; for the pod `gpu-model`, `device-policy`, `node-policy`. The JSON form
 * `muster.dev/request` is read by `ask.ts`, because it stands alone.
 *
 * gpu-count alone is whole devices, with a share it is that many devices with this share of each. gpu-cores (per cent)
 * replaces the compute of a fraction and adds compute to memory; alone it leaves the container all memory of its device, as
 * the JSON form and HAMi read it.
 */
import { DEVICE_POLICIES, NODE_POLICIES, type ShareNeed } from '../core/gpu/request.ts';
import {
  DEVICE_POLICY,
  GPU_CORES,
  GPU_COUNT,
  GPU_FRACTION,
  GPU_MEMORY,
  GPU_MODEL,
  GROUP,
  GUARDED_PREFIXES,
  NODE_POLICY,
} from '../core/names.ts';
import { atLeastOne, fractionMilli, memoryMib, percent } from './amounts.ts';
import { contradiction, malformed } from './errors.ts';
import type { ContainerView, PodView } from './pod-like.ts';
import { containerNamed, firstApp, type Reading, type Stated, type Wish } from './reading.ts';
import { annotationLine, commaList, oneOf } from './words.ts';

const GPU_PREFIX = `${GROUP}/gpu-`;
const AMOUNT_KEYS: readonly string[] = [GPU_FRACTION, GPU_MEMORY, GPU_COUNT, GPU_CORES];

type Written = { readonly text: string; readonly line: string };
/** annotation key without the container name → what stands there */
type Words = Map<string, Written>;

export function readMuster(pod: PodView): Reading {
  const wishes = readWishes(pod);
  const needs = [...wordsPerContainer(pod)].map(([container, words]) => readContainer(container, words));
  return { needs, ...wishes };
}

function wordsPerContainer(pod: PodView): ReadonlyMap<ContainerView, Words> {
  const found = new Map<ContainerView, Words>();
  for (const [key, text] of pod.annotations) {
    if (!key.startsWith(GPU_PREFIX) || key === GPU_MODEL) continue;
    if (GUARDED_PREFIXES.some((prefix) => key.startsWith(prefix))) continue;
    const line = annotationLine(key, text);
    const dot = key.indexOf('.', GPU_PREFIX.length);
    const word = dot < 0 ? key : key.slice(0, dot);
    if (!AMOUNT_KEYS.includes(word)) {
      throw malformed(
        line,
        word === GPU_MODEL
          ? `${GPU_MODEL} is for the whole pod; remove the name of the container`
          : `no such key; there are ${[...AMOUNT_KEYS, GPU_MODEL].join(', ')}`,
      );
    }
    const container = dot < 0 ? firstApp(pod, line) : containerNamed(pod, key.slice(dot + 1), line);
    const words: Words = found.get(container) ?? new Map();
    const earlier = words.get(word);
    if (earlier !== undefined && earlier.text !== text) {
      throw contradiction(earlier.line, line, 'both speak of the same container; keep one of them');
    }
    words.set(word, earlier ?? { text, line });
    found.set(container, words);
  }
  return found;
}

function readContainer(container: ContainerView, words: Words): Stated {
  const fraction = words.get(GPU_FRACTION);
  const memory = words.get(GPU_MEMORY);
  const cores = words.get(GPU_CORES);
  const count = words.get(GPU_COUNT);
  if (fraction !== undefined && memory !== undefined) {
    throw contradiction(fraction.line, memory.line, 'keep one of them');
  }
  const share = readShare(fraction, memory, cores);
  return {
    container,
    count: count === undefined ? 1 : atLeastOne(count.line, count.text),
    share,
    line: [...words.values()].map((word) => word.line).join(' with '),
    vendors: false,
  };
}

function readShare(fraction?: Written, memory?: Written, cores?: Written): ShareNeed {
  const compute = cores === undefined ? null : 10 * percent(cores.line, cores.text);
  if (memory !== undefined) return { milli: compute ?? 0, memory: { mib: memoryMib(memory.line, memory.text) } };
  const milli = fraction === undefined ? 1000 : fractionMilli(fraction.line, fraction.text, GPU_COUNT);
  return { milli: compute ?? milli, memory: { milli } };
}

function wish<T>(pod: PodView, key: string, read: (line: string, text: string) => T): Wish<T> | null {
  const text = pod.annotations.get(key);
  if (text === undefined) return null;
  const line = annotationLine(key, text);
  return { value: read(line, text.trim()), line };
}

function readWishes(pod: PodView): Omit<Reading, 'needs'> {
  const models = wish(pod, GPU_MODEL, commaList);
  const device = wish(pod, DEVICE_POLICY, (line, text) => ({
    policy: oneOf(line, text, DEVICE_POLICIES),
    required: false,
  }));
  const node = wish(pod, NODE_POLICY, (line, text) => oneOf(line, text, NODE_POLICIES));
  return {
    ...(models && models.value.length > 0 && { allowModels: models }),
    ...(device && { devicePolicy: device }),
    ...(node && { nodePolicy: node }),
  };
}
