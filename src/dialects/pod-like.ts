/**
 * The pod as dialects take it (`PodLike`, a structural part of core/v1 Pod) and as they read it (`PodView`, whose shapes
 * are checked). Hostile pods arrive here: whatever has the wrong type reads as absent or as a text no dialect accepts, names
 * are kept in Maps (so `__proto__` is a name like any other), and nothing throws.
 */
import type { ContainerRole, ContainerSlot } from '../core/gpu/request.ts';

export type EnvLike = {
  readonly name?: string | undefined;
  readonly value?: string | undefined;
  readonly valueFrom?: { readonly fieldRef?: { readonly fieldPath?: string | undefined } | undefined } | undefined;
};
type Amounts = Readonly<Record<string, string>> | undefined;
export type ContainerLike = {
  readonly name?: string | undefined;
  readonly restartPolicy?: string | undefined;
  readonly resources?: { readonly limits?: Amounts; readonly requests?: Amounts } | undefined;
  readonly env?: readonly EnvLike[] | undefined;
  readonly volumeMounts?: readonly { readonly mountPath?: string | undefined }[] | undefined;
};
export type PodLike = {
  readonly metadata?:
    | {
        readonly name?: string | undefined;
        readonly namespace?: string | undefined;
        readonly uid?: string | undefined;
        readonly labels?: Readonly<Record<string, string>> | undefined;
        readonly annotations?: Readonly<Record<string, string>> | undefined;
        readonly ownerReferences?: readonly { readonly kind?: string | undefined }[] | undefined;
      }
    | undefined;
  readonly spec?:
    | {
        readonly containers?: readonly ContainerLike[] | undefined;
        readonly initContainers?: readonly ContainerLike[] | undefined;
        readonly ephemeralContainers?: readonly ContainerLike[] | undefined;
        readonly schedulingGroup?: { readonly podGroupName?: string | undefined } | undefined;
      }
    | undefined;
};

/** One variable; `value` null when it comes from somewhere, `fieldPath` '' when not from a field of the pod. */
export type EnvView = { readonly name: string; readonly value: string | null; readonly fieldPath: string };

export type ContainerView = {
  readonly name: string;
  /** null for ephemeral containers: they never get a share */
  readonly slot: ContainerSlot | null;
  readonly role: ContainerRole | 'ephemeral';
  readonly limits: ReadonlyMap<string, string>;
  readonly requests: ReadonlyMap<string, string>;
  readonly env: readonly EnvView[];
  readonly mountPaths: readonly string[];
};

export type PodView = {
  readonly namespace: string;
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly annotations: ReadonlyMap<string, string>;
  /** init containers and sidecars in spec order, then app containers, then ephemeral ones */
  readonly containers: readonly ContainerView[];
  /** spec.schedulingGroup.podGroupName, '' without one */
  readonly nativeGroup: string;
  readonly ofDaemonSet: boolean;
};

/** Stands for a value that is not text: no number, no name, no list of any dialect. */
const NOT_TEXT = '\u0000not text';

type Bag = Readonly<Record<string, unknown>>;
const NO_TEXTS: ReadonlyMap<string, string> = new Map();

/** The value as something with own fields; {} for anything else. */
function bag(value: unknown): Bag {
  return typeof value === 'object' && value !== null ? (value as Bag) : {};
}
/** Only own fields count: what a prototype offers was not written by anyone. */
function own(value: unknown, key: string): unknown {
  const fields = bag(value);
  return Object.hasOwn(fields, key) ? fields[key] : undefined;
}
function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
function texts(value: unknown): ReadonlyMap<string, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return NO_TEXTS;
  const entries = Object.entries(value);
  if (entries.length === 0) return NO_TEXTS;
  const read = new Map<string, string>();
  for (const [key, item] of entries) {
    // JSON lets amounts be numbers; the API server itself always sends text
    read.set(key, typeof item === 'string' ? item : typeof item === 'number' ? String(item) : NOT_TEXT);
  }
  return read;
}

function viewEnv(value: unknown): EnvView {
  const direct = own(value, 'value');
  const from = own(value, 'valueFrom');
  const referenced = typeof from === 'object' && from !== null;
  return {
    name: text(own(value, 'name')),
    value: referenced ? null : text(direct),
    fieldPath: text(own(own(from, 'fieldRef'), 'fieldPath')),
  };
}

function viewContainer(value: unknown, slot: ContainerSlot | null, role: ContainerView['role']): ContainerView {
  const resources = own(value, 'resources');
  return {
    name: text(own(value, 'name')),
    slot,
    role,
    limits: texts(own(resources, 'limits')),
    requests: texts(own(resources, 'requests')),
    env: list(own(value, 'env')).map(viewEnv),
    mountPaths: list(own(value, 'volumeMounts')).map((mount) => text(own(mount, 'mountPath'))),
  };
}

/** Never throws, whatever the pod is. */
export function viewPod(pod: PodLike): PodView {
  const metadata = own(pod, 'metadata');
  const spec = own(pod, 'spec');
  const init = list(own(spec, 'initContainers')).map((container, at) =>
    viewContainer(container, `i${at}`, own(container, 'restartPolicy') === 'Always' ? 'sidecar' : 'init'),
  );
  const apps = list(own(spec, 'containers')).map((container, at) => viewContainer(container, `c${at}`, 'app'));
  const ephemeral = list(own(spec, 'ephemeralContainers')).map((container) =>
    viewContainer(container, null, 'ephemeral'),
  );
  return {
    namespace: text(own(metadata, 'namespace')),
    name: text(own(metadata, 'name')),
    labels: texts(own(metadata, 'labels')),
    annotations: texts(own(metadata, 'annotations')),
    containers: [...init, ...apps, ...ephemeral],
    nativeGroup: text(own(own(spec, 'schedulingGroup'), 'podGroupName')),
    ofDaemonSet: list(own(metadata, 'ownerReferences')).some((owner) => own(owner, 'kind') === 'DaemonSet'),
  };
}
