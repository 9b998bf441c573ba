/** A Pod as the API server sends it → the facts that decisions read. Never throws, whatever the object is. */
import { decodeClaim } from '../../core/gpu/claim-json.ts';
import { CLAIM, PLACED_CONDITION, PLAN } from '../../core/names.ts';
import { NO_CONSTRAINTS } from '../../core/placement/constraints.ts';
import { decodePlan } from '../../core/placement/plan-json.ts';
import type { GpuAsk, PodFacts } from '../../core/placement/pod-facts.ts';
import { readAskOf } from '../../dialects/ask.ts';
import { isViewEnvSafe, viewUsesGpu } from '../../dialects/env-safe.ts';
import { gangSaidOf } from '../../dialects/gang-said.ts';
import { type PodLike, viewPod } from '../../dialects/pod-like.ts';
import { DEFAULT_DIALECT_OPTIONS, type DialectOptions } from '../../dialects/reading.ts';
import { isUnmodelled, repelsOf } from './beyond.ts';
import { falseReason } from './conditions.ts';
import { constraintsOf } from './constraints.ts';
import { needsOf } from './needs.ts';
import { fieldsOf, integerOf, listOf, own, textOf, textsOf, timeOf } from './shapes.ts';

const NO_GATES: readonly string[] = Object.freeze([]);
const NO_ASK: GpuAsk = Object.freeze({ kind: 'none' });

/**
 * null without uid, name and namespace. A plain function of one argument, so that the decode thread can load it by name; the
 * options are those of the deployment default.
 */
export const projectPod = (object: unknown): PodFacts | null => projectPodAs(object, DEFAULT_DIALECT_OPTIONS);

/** For deployments where one `aliyun.com/gpu-mem` is a MiB. */
export const projectPodAliyunMib = (object: unknown): PodFacts | null =>
  projectPodAs(object, { ...DEFAULT_DIALECT_OPTIONS, aliyunUnit: 'MiB' });

export function projectPodAs(object: unknown, options: DialectOptions): PodFacts | null {
  const metadata = fieldsOf(own(object, 'metadata'));
  const uid = textOf(own(metadata, 'uid'));
  const namespace = textOf(own(metadata, 'namespace'));
  const name = textOf(own(metadata, 'name'));
  if (uid === '' || namespace === '' || name === '') return null;
  const spec = fieldsOf(own(object, 'spec'));
  const status = fieldsOf(own(object, 'status'));
  // the dialects check every shape themselves; looked at once for all of them
  const pod = viewPod(object as PodLike);
  const ask = readAskOf(pod, options);
  const nodeName = textOf(own(spec, 'nodeName')) || null;
  const phase = own(status, 'phase');
  const said = gangSaidOf(pod);
  const gates = nodeName === null ? gatesOf(spec) : NO_GATES;
  return {
    uid,
    namespace,
    name,
    labels: textsOf(own(metadata, 'labels')),
    schedulerName: textOf(own(spec, 'schedulerName')) || 'default-scheduler',
    nodeName,
    succeeded: phase === 'Succeeded',
    terminal: phase === 'Succeeded' || phase === 'Failed',
    terminating: textOf(own(metadata, 'deletionTimestamp')) !== '',
    gated: gates.length > 0,
    gates,
    priority: integerOf(own(spec, 'priority'), 0),
    neverPreempts: own(spec, 'preemptionPolicy') === 'Never',
    nominatedNode: textOf(own(status, 'nominatedNodeName')) || null,
    createdMs: timeOf(own(metadata, 'creationTimestamp')),
    startedMs: timeOf(own(status, 'startTime')),
    needs: needsOf(spec, status),
    // nobody asks a bound pod where it may go, and there are many of them
    constraints: nodeName === null ? constraintsOf(spec) : NO_CONSTRAINTS,
    ask: ask.kind === 'none' ? NO_ASK : ask,
    claim: claimOf(own(metadata, 'annotations')),
    envSafe: isViewEnvSafe(pod, ask),
    usesGpu: viewUsesGpu(pod, ask),
    gang: said?.key ?? null,
    gangSaid: said,
    plan: nodeName === null ? planOf(own(metadata, 'annotations')) : null,
    unmodelled: nodeName === null && isUnmodelled(spec),
    repels: repelsOf(spec),
    unplacedReason: nodeName === null ? falseReason(status, PLACED_CONDITION) : null,
  };
}

function claimOf(annotations: unknown): PodFacts['claim'] {
  const text = own(annotations, CLAIM);
  if (text === undefined) return null;
  const reading = decodeClaim(textOf(text));
  return reading.ok ? reading.claim : 'malformed';
}

function planOf(annotations: unknown): PodFacts['plan'] {
  const text = own(annotations, PLAN);
  if (text === undefined) return null;
  return decodePlan(textOf(text)) ?? 'malformed';
}

function gatesOf(spec: unknown): readonly string[] {
  const gates = listOf(own(spec, 'schedulingGates'));
  return gates.length === 0 ? NO_GATES : gates.map((gate) => textOf(own(gate, 'name')));
}
