/**
 * What the webhook makes of ephemeral containers (`kubectl debug`): they come after the pod, so the webhook of new pods never saw
 * them, and their images may carry `NVIDIA_VISIBLE_DEVICES=all`. One that says nothing sees no device; one that takes its devices
 * from an annotation of Muster on the same pod sees the pod's own, and stays as it is. What was there before cannot be changed.
 */
import { ENV_VISIBLE, VISIBLE_DEVICES_PREFIX } from '../core/names.ts';
import { NO_DEVICES, withVariables } from './environment.ts';
import { diffJson } from './json-diff.ts';
import { fieldOf, isBag, listOf, mapShared, withField } from './json-value.ts';
import type { MutateOptions, Mutation } from './mutate.ts';

const UNTOUCHED: Mutation = { kind: 'untouched' };
/** of every annotation that the Binding brings for a container with a share */
const OWN_DEVICES = `metadata.annotations['${VISIBLE_DEVICES_PREFIX}`;

/** `pod` as it would be after the update, `before` as it is. Never throws on shapes. */
export function mutateEphemeral(
  pod: unknown,
  before: unknown,
  { schedulerNames }: Pick<MutateOptions, 'schedulerNames'>,
): Mutation {
  const spec = fieldOf(pod, 'spec');
  const scheduler = fieldOf(spec, 'schedulerName');
  if (!isBag(pod) || typeof scheduler !== 'string' || !schedulerNames.includes(scheduler)) return UNTOUCHED;
  const known = new Set(ephemeralOf(before).map((container) => fieldOf(container, 'name')));
  const now = ephemeralOf(pod);
  const containers = mapShared(now, (container) => {
    if (!isBag(container) || known.has(fieldOf(container, 'name')) || seesOwnOnly(container)) return container;
    return withField(container, 'env', withVariables(fieldOf(container, 'env'), NO_DEVICES));
  });
  if (containers === now) return UNTOUCHED;
  const patch = diffJson(pod, withField(pod, 'spec', withField(spec, 'ephemeralContainers', containers)));
  return patch.length === 0 ? UNTOUCHED : { kind: 'patched', patch };
}

const ephemeralOf = (pod: unknown): readonly unknown[] => listOf(fieldOf(fieldOf(pod, 'spec'), 'ephemeralContainers'));

function seesOwnOnly(container: unknown): boolean {
  const entries = listOf(fieldOf(container, 'env')).filter((entry) => fieldOf(entry, 'name') === ENV_VISIBLE);
  return entries.length > 0 && entries.every(isOwnDevices);
}

function isOwnDevices(entry: unknown): boolean {
  const path = fieldOf(fieldOf(fieldOf(entry, 'valueFrom'), 'fieldRef'), 'fieldPath');
  return typeof path === 'string' && path.startsWith(OWN_DEVICES);
}
