/** The variables the webhook writes into one container: which devices it sees, and how much of each it may use. */
import type { ContainerNeed, ContainerSlot } from '../core/gpu/request.ts';
import {
  ENV_MEMORY_LIMIT,
  ENV_SM_LIMIT,
  ENV_VISIBLE,
  ENV_VOID,
  gpuMemoryLimit,
  gpuSmLimit,
  visibleDevices,
} from '../core/names.ts';
import { fieldOf, listOf } from './json-value.ts';

type Variable = { readonly name: string } & ({ readonly value: string } | { readonly annotation: string });

/** For a container with a share: values come from the annotations that the Binding brings, by the downward API. */
export function shareVariables(need: ContainerNeed): readonly Variable[] {
  const limits = Array.from({ length: need.count }, (_, at) => ({
    name: `${ENV_MEMORY_LIMIT}_${at}`,
    annotation: gpuMemoryLimit(need.slot),
  }));
  return [visibleFrom(need.slot), ...limits, { name: ENV_SM_LIMIT, annotation: gpuSmLimit(need.slot) }];
}

const visibleFrom = (slot: ContainerSlot): Variable => ({ name: ENV_VISIBLE, annotation: visibleDevices(slot) });

/** For a container without one: images carry `all`, which would show every GPU of the node. */
export const NO_DEVICES: readonly Variable[] = [{ name: ENV_VISIBLE, value: ENV_VOID }];

/**
 * The container's `env` with exactly one entry of each variable, as wanted. What stands right already stays where it is; the
 * others go first, so that `$(NAME)` in the container's own variables still resolves. The same list when nothing changes.
 */
export function withVariables(env: unknown, wanted: readonly Variable[]): readonly unknown[] {
  const entries = listOf(env);
  const byName = new Map<unknown, unknown[]>(wanted.map(({ name }) => [name, []]));
  for (const entry of entries) byName.get(fieldOf(entry, 'name'))?.push(entry);
  const missing = wanted.filter((variable) => {
    const found = byName.get(variable.name) ?? [];
    return found.length !== 1 || !says(found[0], variable);
  });
  if (missing.length === 0) return entries;
  const replaced = new Set<unknown>(missing.map(({ name }) => name));
  return [...missing.map(toEntry), ...entries.filter((entry) => !replaced.has(fieldOf(entry, 'name')))];
}

const fieldPath = (annotation: string): string => `metadata.annotations['${annotation}']`;

function toEntry(variable: Variable): unknown {
  if ('value' in variable) return { name: variable.name, value: variable.value };
  // apiVersion is what the API server would default: writing it keeps a second pass equal to the first
  return {
    name: variable.name,
    valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: fieldPath(variable.annotation) } },
  };
}

function says(entry: unknown, variable: Variable): boolean {
  const from = fieldOf(entry, 'valueFrom');
  if ('value' in variable) return fieldOf(entry, 'value') === variable.value && from === undefined;
  return (
    fieldOf(entry, 'value') === undefined &&
    fieldOf(fieldOf(from, 'fieldRef'), 'fieldPath') === fieldPath(variable.annotation)
  );
}
