/**
 * What the webhook makes of one new pod: pure, from the pod as JSON to a patch, a refusal, or nothing.
 *
 * Only pods that name one of our schedulers; never pods that have a node, and never mirror pods. Whole-GPU pods that opted
 * out (`muster.dev/managed: "false"`) and MIG pods stay as they are: the vendor's plugin serves them elsewhere, and filter
 * refuses them on managed nodes. Running it again on its own output changes nothing (reinvocationPolicy: IfNeeded).
 */
import type { ContainerSlot, GpuRequest } from '../core/gpu/request.ts';
import { GPU_MILLI, ORIGINAL, PLACEMENT_GATE, REQUEST, WAIT } from '../core/names.ts';
import { printable } from '../core/printable.ts';
import { readAsk } from '../dialects/ask.ts';
import { isEnvSafe, pastMusterLine } from '../dialects/env-safe.ts';
import { gangSaid } from '../dialects/gang-said.ts';
import { type ContainerChange, type Normalisation, normalise } from '../dialects/normalise.ts';
import { type PodLike, viewPod } from '../dialects/pod-like.ts';
import type { DialectOptions } from '../dialects/reading.ts';
import { quote } from '../dialects/words.ts';
import type { JsonPatchOperation } from '../kube/patch.ts';
import { NO_DEVICES, shareVariables, withVariables } from './environment.ts';
import { diffJson } from './json-diff.ts';
import { type Bag, fieldOf, isBag, mapShared, withField, withoutFields } from './json-value.ts';
import { withManagedAffinity } from './managed-affinity.ts';

export type MutateOptions = {
  /** pods that name another scheduler are not ours */
  readonly schedulerNames: readonly string[];
  /** for pods with a share that name none themselves; null: never set */
  readonly runtimeClassName: string | null;
  /** the API server refuses pods that name a missing RuntimeClass */
  readonly runtimeClassExists: (name: string) => boolean;
  /** MiB of the largest device in the cluster, ≥ 1 */
  readonly largestDeviceMib: number;
  /** a placer runs: who must wait for others, or asked to wait, gets its gate; default false */
  readonly gate?: boolean;
  readonly dialects: DialectOptions;
};

export type Mutation =
  | { readonly kind: 'untouched' }
  | { readonly kind: 'patched'; readonly patch: readonly JsonPatchOperation[] }
  /** `message` names the container, the line and the remedy */
  | { readonly kind: 'refused'; readonly message: string };

const UNTOUCHED: Mutation = { kind: 'untouched' };
const MIRROR = 'kubernetes.io/config.mirror';

/** Never throws on shapes; `namespace` is the request's, because new pods may not carry it yet. */
export function mutatePod(pod: unknown, namespace: string, options: MutateOptions): Mutation {
  if (!isBag(pod) || !isOurs(pod, options.schedulerNames)) return UNTOUCHED;
  const named = withNamespace(pod, namespace) as PodLike;
  const ask = readAsk(named, options.dialects);
  if (ask.kind === 'unmanaged') return UNTOUCHED;
  if (ask.kind === 'invalid') return ask.mig ? UNTOUCHED : { kind: 'refused', message: ask.message };
  const gated = (after: Bag): Bag => (options.gate === true && mustWait(named) ? withGate(after) : after);
  if (ask.kind === 'none') return patchTo(pod, gated(withSpec(pod, (spec) => withContainers(spec, withoutShare))));

  const after = withShares(pod, ask.request, options);
  if (!isEnvSafe(after as PodLike, ask)) return { kind: 'refused', message: pastMuster(named) };
  return patchTo(pod, gated(after));
}

/** Members of gangs (of native ones kube-scheduler takes care itself) and pods that asked for it: nothing is gained by looking at them early. */
function mustWait(pod: PodLike): boolean {
  const gang = gangSaid(pod);
  if (gang !== null) return gang.dialect !== 'native' && gang.strict;
  return fieldOf(fieldOf(fieldOf(pod, 'metadata'), 'annotations'), WAIT) === 'true';
}

function withGate(pod: Bag): Bag {
  return withSpec(pod, (spec) => {
    const gates = fieldOf(spec, 'schedulingGates');
    const list = Array.isArray(gates) ? gates : [];
    if (list.some((gate) => fieldOf(gate, 'name') === PLACEMENT_GATE)) return spec as Bag;
    return withField(spec, 'schedulingGates', [...list, { name: PLACEMENT_GATE }]);
  });
}

function isOurs(pod: Bag, schedulerNames: readonly string[]): boolean {
  const spec = fieldOf(pod, 'spec');
  const schedulerName = fieldOf(spec, 'schedulerName');
  if (typeof schedulerName !== 'string' || !schedulerNames.includes(schedulerName)) return false;
  if (fieldOf(spec, 'nodeName')) return false;
  return fieldOf(fieldOf(fieldOf(pod, 'metadata'), 'annotations'), MIRROR) === undefined;
}

function withNamespace(pod: Bag, namespace: string): Bag {
  const metadata = fieldOf(pod, 'metadata');
  return fieldOf(metadata, 'namespace') === undefined
    ? withField(pod, 'metadata', withField(metadata, 'namespace', namespace))
    : pod;
}

function patchTo(before: Bag, after: Bag): Mutation {
  const patch = diffJson(before, after);
  return patch.length === 0 ? UNTOUCHED : { kind: 'patched', patch };
}

function withSpec(pod: Bag, change: (spec: unknown) => Bag): Bag {
  return withField(pod, 'spec', change(fieldOf(pod, 'spec')));
}

/** Every container and init container through `change`, with its slot. */
function withContainers(spec: unknown, change: (container: Bag, slot: ContainerSlot) => Bag): Bag {
  let changed = spec as Bag;
  for (const [list, letter] of [
    ['initContainers', 'i'],
    ['containers', 'c'],
  ] as const) {
    const containers = fieldOf(spec, list);
    if (!Array.isArray(containers)) continue;
    const each = (container: unknown, at: number) =>
      isBag(container) ? change(container, `${letter}${at}`) : container;
    changed = withField(changed, list, mapShared(containers, each));
  }
  return changed;
}

const withoutShare = (container: Bag): Bag => withEnv(container, NO_DEVICES);

function withEnv(container: Bag, variables: Parameters<typeof withVariables>[1]): Bag {
  const env = withVariables(fieldOf(container, 'env'), variables);
  return env.length === 0 ? container : withField(container, 'env', env);
}

function withShares(pod: Bag, request: GpuRequest, options: MutateOptions): Bag {
  const normalised = normalise(pod as PodLike, request, { largestDeviceMib: options.largestDeviceMib });
  const needs = new Map(request.containers.map((need) => [need.slot, need]));
  const changes = new Map(normalised.containers.map((change) => [change.slot, change]));
  const shaped = withSpec(withAnnotations(pod, normalised), (spec) => {
    const containers = withContainers(spec, (container, slot) => {
      const need = needs.get(slot);
      const change = changes.get(slot);
      const sized = change === undefined ? container : withResources(container, change);
      return withEnv(sized, need === undefined ? NO_DEVICES : shareVariables(need));
    });
    return withField(containers, 'affinity', withManagedAffinity(fieldOf(spec, 'affinity')));
  });
  return withRuntimeClass(shaped, options);
}

function withAnnotations(pod: Bag, { request, original }: Normalisation): Bag {
  const metadata = fieldOf(pod, 'metadata');
  let annotations = withField(fieldOf(metadata, 'annotations'), REQUEST, request);
  if (original !== null) annotations = withField(annotations, ORIGINAL, original);
  return withField(pod, 'metadata', withField(metadata, 'annotations', annotations));
}

function withResources(container: Bag, change: ContainerChange): Bag {
  const resources = fieldOf(container, 'resources');
  const amounts = (kind: 'limits' | 'requests', remove: readonly string[], into: unknown): unknown => {
    const now = fieldOf(resources, kind);
    const left = remove.length === 0 ? now : withoutFields(now, remove);
    const sized = change.gpuMilli === null ? left : withField(left, GPU_MILLI, String(change.gpuMilli));
    return sized === undefined ? into : withField(into, kind, sized);
  };
  const limited = amounts('limits', change.removeLimits, resources);
  const sized = amounts('requests', change.removeRequests, limited);
  return sized === undefined ? container : withField(container, 'resources', sized);
}

function withRuntimeClass(pod: Bag, { runtimeClassName, runtimeClassExists }: MutateOptions): Bag {
  if (runtimeClassName === null || fieldOf(fieldOf(pod, 'spec'), 'runtimeClassName')) return pod;
  if (!runtimeClassExists(runtimeClassName)) return pod;
  return withSpec(pod, (spec) => withField(spec, 'runtimeClassName', runtimeClassName));
}

/**
 * Everything isEnvSafe looks at was written by us, but for the two other doors of the NVIDIA runtime, and for ephemeral containers,
 * which the API server refuses in new pods too, only later.
 */
function pastMuster(pod: PodLike): string {
  const { namespace, name, containers } = viewPod(pod);
  const early = containers.find(({ role }) => role === 'ephemeral');
  const line = pastMusterLine(pod);
  const what =
    line === null && early !== undefined
      ? `container ${quote(early.name)} in ephemeralContainers: it cannot be there from the start; add it later, with kubectl debug`
      : `${line}: it chooses GPUs past Muster; remove it`;
  return `pod ${printable(`${namespace}/${name}`.slice(0, 130))}: ${what}`;
}
