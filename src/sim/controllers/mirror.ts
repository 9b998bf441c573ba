/**
 * One collection as a workload controller needs it: whole objects, and what of it belongs to whom. Own writes are seen at once
 * (`put`), whatever the watch does: else a late watch would have everything made twice.
 */
import { inlineDecoder } from '../../kube/inline-decoder.ts';
import { Reflector } from '../../kube/reflector.ts';
import { isObject, type KubeObject } from '../api/object.ts';
import type { ControllerOptions } from './controller.ts';

/** namespace/name */
export function keyOf(object: KubeObject): string {
  return `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
}

export function controllerOf(object: KubeObject): { kind: string; name: string; uid: string } | null {
  return object.metadata.ownerReferences?.find((one) => one.controller === true) ?? null;
}

/** What is kept of an object; null: it is none of ours. */
export type Keep = (object: KubeObject) => KubeObject | null;

const NOT_OURS: KubeObject = {
  apiVersion: '',
  kind: '',
  metadata: { name: '', uid: '', resourceVersion: '', creationTimestamp: '' },
};
const whole: Keep = (object) => object;

/** Pods of one kind of owner: a cluster's pods are many, and every controller has a mirror of its own. */
export function podsOf(ownerKind: string): Keep {
  return (pod) => (controllerOf(pod)?.kind === ownerKind ? pod : null);
}

/** What says where a pod is, whether it goes, and what it bears. */
export function slimPod({ apiVersion, kind, metadata, spec, status }: KubeObject): KubeObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp, deletionTimestamp, ownerReferences } = metadata;
  return {
    apiVersion,
    kind,
    metadata: {
      name,
      uid,
      resourceVersion,
      creationTimestamp,
      ...(namespace === undefined ? {} : { namespace }),
      ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
      ...(ownerReferences === undefined ? {} : { ownerReferences }),
    },
    spec: { nodeName: spec?.nodeName, tolerations: spec?.tolerations },
    status: { phase: status?.phase },
  };
}

export class Mirror {
  readonly #objects = new Map<string, KubeObject>();
  readonly #owned = new Map<string, Map<string, KubeObject>>();
  readonly #reflector: Reflector<KubeObject>;
  readonly #changed: (object: KubeObject, gone: boolean) => void;

  readonly #keep: Keep;

  constructor(
    options: ControllerOptions,
    path: string,
    changed: (object: KubeObject, gone: boolean) => void,
    keep: Keep = whole,
  ) {
    this.#keep = keep;
    this.#changed = changed;
    const { transport, clock, rng, onError } = options;
    this.#reflector = new Reflector<KubeObject>({
      transport,
      clock,
      rng,
      path,
      // decided where it is decoded, so that what is not kept is garbage at once
      decoder: inlineDecoder((object) => (isObject(object) ? (keep(object as KubeObject) ?? NOT_OURS) : null)),
      sink: {
        upsert: ({ object }) => {
          if (object !== NOT_OURS) this.put(object);
        },
        remove: ({ namespace, name, uid }) => {
          const known = this.#objects.get(`${namespace}/${name}`);
          if (known?.metadata.uid === uid) this.drop(known);
        },
        synced: () => {},
      },
      ...(onError ? { onError } : {}),
    });
  }

  async start(): Promise<void> {
    this.#reflector.start();
    await this.#reflector.whenSynced();
  }

  stop(): Promise<void> {
    return this.#reflector.stop();
  }

  get(key: string): KubeObject | undefined {
    return this.#objects.get(key);
  }

  all(): IterableIterator<KubeObject> {
    return this.#objects.values();
  }

  ownedBy(uid: string): KubeObject[] {
    return [...(this.#owned.get(uid)?.values() ?? [])];
  }

  /** An older version than the known one is ignored. */
  put(given: KubeObject): void {
    const object = this.#keep(given);
    if (object === null) return;
    const key = keyOf(object);
    const known = this.#objects.get(key);
    if (known && known.metadata.uid === object.metadata.uid) {
      if (Number(known.metadata.resourceVersion) >= Number(object.metadata.resourceVersion)) return;
    } else if (known) this.drop(known);
    this.#objects.set(key, object);
    const owner = controllerOf(object)?.uid;
    if (owner !== undefined) {
      const siblings = this.#owned.get(owner) ?? new Map<string, KubeObject>();
      this.#owned.set(owner, siblings.set(object.metadata.uid, object));
    }
    this.#changed(object, false);
  }

  drop(object: KubeObject): void {
    this.#objects.delete(keyOf(object));
    const owner = controllerOf(object)?.uid;
    const siblings = owner === undefined ? undefined : this.#owned.get(owner);
    siblings?.delete(object.metadata.uid);
    if (owner !== undefined && siblings?.size === 0) this.#owned.delete(owner);
    this.#changed(object, true);
  }
}
