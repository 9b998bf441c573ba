/**
 * KAI Scheduler and Run:ai: annotations of the pod, for one container (the named one, else the first app container).
 * v0.18 / Run:ai 3 name the container in the key, and have a request and a limit: the one that is missing is the other. We
 * promise no loans: the limit is set aside, so a container never loses what it may use. `.gpu-compute.mode` has no meaning here.
 */
import { atLeastOne, fractionMilli, mibOfBytes, plainMib } from './amounts.ts';
import { contradiction, malformed } from './errors.ts';
import type { PodView } from './pod-like.ts';
import { containerNamed, firstApp, NOTHING, type Reading, type Stated, WHOLE_SHARE } from './reading.ts';
import { annotationLine } from './words.ts';

const FRACTION = 'gpu-fraction';
const MEMORY = 'gpu-memory';
const NUM_DEVICES = 'gpu-fraction-num-devices';
const CONTAINER = 'gpu-fraction-container-name';
const V3_PREFIX = 'nvidia.com/container.';
const V3_REQUEST = '.gpu-memory.request';
const V3_LIMIT = '.gpu-memory.limit';

type Written = { readonly text: string; readonly line: string };

function written(pod: PodView, key: string): Written | null {
  const text = pod.annotations.get(key);
  return text === undefined ? null : { text, line: annotationLine(key, text) };
}

export function readKai(pod: PodView): Reading {
  const needs = [...readShare(pod), ...readV3(pod)];
  return needs.length === 0 ? NOTHING : { needs };
}

function readShare(pod: PodView): readonly Stated[] {
  const fraction = written(pod, FRACTION);
  const memory = written(pod, MEMORY);
  const devices = written(pod, NUM_DEVICES);
  const name = written(pod, CONTAINER);
  if (fraction !== null && memory !== null) throw contradiction(fraction.line, memory.line, 'keep one of them');
  const amount = fraction ?? memory;
  if (amount === null) {
    if (devices === null) return [];
    throw malformed(devices.line, `it needs ${FRACTION} or ${MEMORY} beside it`);
  }
  const count = devices === null ? 1 : atLeastOne(devices.line, devices.text);
  const milli = fraction === null ? 0 : fractionMilli(fraction.line, fraction.text, NUM_DEVICES);
  return [
    {
      container: name === null ? firstApp(pod, amount.line) : containerNamed(pod, name.text, name.line),
      count,
      share:
        fraction === null
          ? { milli: 0, memory: { mib: plainMib(amount.line, amount.text) } }
          : milli === 1000
            ? WHOLE_SHARE
            : { milli, memory: { milli } },
      line: devices === null ? amount.line : `${amount.line} with ${devices.line}`,
      vendors: false,
    },
  ];
}

function readV3(pod: PodView): readonly Stated[] {
  const names = new Set<string>();
  for (const key of pod.annotations.keys()) {
    if (!key.startsWith(V3_PREFIX)) continue;
    for (const ending of [V3_REQUEST, V3_LIMIT]) {
      if (key.endsWith(ending)) names.add(key.slice(V3_PREFIX.length, -ending.length));
    }
  }
  return [...names].map((name): Stated => {
    const request = written(pod, V3_PREFIX + name + V3_REQUEST);
    const limit = written(pod, V3_PREFIX + name + V3_LIMIT);
    const larger = limit ?? request ?? { text: '', line: V3_PREFIX + name };
    const mib = mibOfBytes(larger.line, larger.text);
    if (limit !== null && request !== null && mibOfBytes(request.line, request.text) > mib) {
      throw contradiction(request.line, limit.line, 'the request must not be more than the limit');
    }
    return {
      container: containerNamed(pod, name, larger.line),
      count: 1,
      share: { milli: 0, memory: { mib } },
      line: larger.line,
      vendors: false,
    };
  });
}
