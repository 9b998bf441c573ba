/** Gives every namespace its service account `default`, also again when somebody deletes it: a small controller of Kubernetes. */
import { inlineDecoder } from '../../kube/inline-decoder.ts';
import { Reflector } from '../../kube/reflector.ts';
import { isObject, type KubeObject } from '../api/object.ts';
import type { ControllerOptions, StartController } from './controller.ts';

const API_TIMEOUT_MS = 10_000;

class ServiceAccounts {
  readonly #options: ControllerOptions;
  readonly #namespaces = new Set<string>();
  readonly #reflectors: readonly Reflector<KubeObject>[];
  readonly #calls = new Set<Promise<void>>();
  #stopped = false;

  constructor(options: ControllerOptions) {
    this.#options = options;
    const { transport, clock, rng, onError } = options;
    const shared = {
      transport,
      clock,
      rng,
      decoder: inlineDecoder((object) => (isObject(object) ? (object as KubeObject) : null)),
      ...(onError ? { onError } : {}),
    };
    this.#reflectors = [
      new Reflector<KubeObject>({
        ...shared,
        path: '/api/v1/namespaces',
        sink: {
          upsert: ({ object }) => {
            const { name, deletionTimestamp } = object.metadata;
            if (deletionTimestamp !== undefined) this.#namespaces.delete(name);
            else if (!this.#namespaces.has(name)) {
              this.#namespaces.add(name);
              this.#create(name);
            }
          },
          remove: (key) => void this.#namespaces.delete(key.name),
          synced: () => {},
        },
      }),
      new Reflector<KubeObject>({
        ...shared,
        path: '/api/v1/serviceaccounts',
        fieldSelector: 'metadata.name=default',
        sink: {
          upsert: () => {},
          remove: ({ namespace }) => {
            if (this.#namespaces.has(namespace)) this.#create(namespace);
          },
          synced: () => {},
        },
      }),
    ];
  }

  /** Resolves when every namespace there is has its account. */
  async start(): Promise<void> {
    for (const reflector of this.#reflectors) reflector.start();
    await Promise.all(this.#reflectors.map((reflector) => reflector.whenSynced()));
    await Promise.all(this.#calls);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#reflectors.map((reflector) => reflector.stop()));
    await Promise.all(this.#calls);
  }

  #create(namespace: string): void {
    if (this.#stopped) return;
    const body = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace } };
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts`;
    const call = this.#options.transport.request({ method: 'POST', path, body, timeoutMs: API_TIMEOUT_MS }).then(
      () => {},
      (error: unknown) => this.#options.onError?.(error instanceof Error ? error : new Error(String(error))),
    );
    this.#calls.add(call);
    void call.finally(() => this.#calls.delete(call));
  }
}

export const startServiceAccounts: StartController = async (options) => {
  const controller = new ServiceAccounts(options);
  await controller.start();
  return controller;
};
