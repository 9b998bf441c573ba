/** One collection of the API, kept up to date, with a word to the controller at each change. */
import { inlineDecoder } from '../../kube/inline-decoder.ts';
import { Reflector } from '../../kube/reflector.ts';
import { isObject, type KubeObject } from '../api/object.ts';
import type { ControllerOptions } from './controller.ts';

export type ObjectsOptions<T> = ControllerOptions & {
  /** the collection: `/api/v1/pods` */
  readonly path: string;
  /** what is kept of an object */
  readonly keep: (object: KubeObject) => T;
  /** `next` null: it is gone; `previous` null: it is new */
  readonly changed?: (next: T | null, previous: T | null) => void;
};

export class Objects<T> {
  readonly #byUid = new Map<string, T>();
  readonly #byKey = new Map<string, string>();
  readonly #reflector: Reflector<KubeObject>;

  constructor(options: ObjectsOptions<T>) {
    const { transport, clock, rng, path, onError } = options;
    this.#reflector = new Reflector<KubeObject>({
      transport,
      clock,
      rng,
      path,
      decoder: inlineDecoder((object) => (isObject(object) ? (object as KubeObject) : null)),
      sink: {
        upsert: ({ object, uid, namespace, name }) => {
          const previous = this.#byUid.get(uid) ?? null;
          const next = options.keep(object);
          this.#byUid.set(uid, next);
          this.#byKey.set(`${namespace}/${name}`, uid);
          options.changed?.(next, previous);
        },
        remove: ({ uid, namespace, name }) => {
          const previous = this.#byUid.get(uid) ?? null;
          this.#byUid.delete(uid);
          if (this.#byKey.get(`${namespace}/${name}`) === uid) this.#byKey.delete(`${namespace}/${name}`);
          options.changed?.(null, previous);
        },
        synced: () => {},
      },
      ...(onError ? { onError } : {}),
    });
    this.#reflector.start();
  }

  whenSynced(): Promise<void> {
    return this.#reflector.whenSynced();
  }

  /** `namespace/name`; cluster-scoped: `/name` */
  get(key: string): T | undefined {
    return this.#byUid.get(this.#byKey.get(key) ?? '');
  }

  values(): IterableIterator<T> {
    return this.#byUid.values();
  }

  stop(): Promise<void> {
    return this.#reflector.stop();
  }
}
