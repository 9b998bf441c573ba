/** Keeps the rules of aggregated ClusterRoles what their selectors say: a small controller of Kubernetes. */
import { isDeepStrictEqual } from 'node:util';
import { inlineDecoder } from '../../kube/inline-decoder.ts';
import { mergePatch } from '../../kube/patch.ts';
import { Reflector } from '../../kube/reflector.ts';
import { arrayAt, isObject, type KubeObject, objectAt } from '../api/object.ts';
import { matchesLabelSelector } from '../api/selectors.ts';
import type { ControllerOptions, StartController } from './controller.ts';

const API_TIMEOUT_MS = 10_000;
const PATH = '/apis/rbac.authorization.k8s.io/v1/clusterroles';

class RoleAggregation {
  readonly #options: ControllerOptions;
  readonly #roles = new Map<string, KubeObject>();
  readonly #reflector: Reflector<KubeObject>;
  #round: Promise<void> | null = null;
  #changed = false;
  #stopped = false;

  constructor(options: ControllerOptions) {
    this.#options = options;
    const { transport, clock, rng, onError } = options;
    this.#reflector = new Reflector<KubeObject>({
      transport,
      clock,
      rng,
      path: PATH,
      decoder: inlineDecoder((object) => (isObject(object) ? (object as KubeObject) : null)),
      sink: {
        upsert: ({ object }) => {
          this.#roles.set(object.metadata.name, object);
          this.#later();
        },
        remove: ({ name }) => {
          this.#roles.delete(name);
          this.#later();
        },
        synced: () => this.#later(),
      },
      ...(onError ? { onError } : {}),
    });
  }

  /** Resolves when the roles there are have their rules. */
  async start(): Promise<void> {
    this.#reflector.start();
    await this.#reflector.whenSynced();
    while (this.#round !== null) await this.#round;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#reflector.stop();
    await this.#round;
  }

  #later(): void {
    this.#changed = true;
    this.#round ??= this.#run().finally(() => {
      this.#round = null;
      if (this.#changed && !this.#stopped) this.#later();
    });
  }

  async #run(): Promise<void> {
    // many changes that come together are one round
    await Promise.resolve();
    this.#changed = false;
    const all = [...this.#roles.values()].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
    for (const role of all) {
      const selectors = arrayAt(objectAt(role, 'aggregationRule'), 'clusterRoleSelectors');
      if (selectors.length === 0 || this.#stopped) continue;
      const rules: unknown[] = [];
      for (const other of all) {
        const matches = (selector: unknown) => matchesLabelSelector(selector, other.metadata.labels ?? {});
        if (other === role || !selectors.some(matches)) continue;
        for (const rule of arrayAt(other, 'rules')) {
          if (!rules.some((one) => isDeepStrictEqual(one, rule))) rules.push(rule);
        }
      }
      if (isDeepStrictEqual(rules, arrayAt(role, 'rules'))) continue;
      const target = { path: `${PATH}/${encodeURIComponent(role.metadata.name)}`, timeoutMs: API_TIMEOUT_MS };
      try {
        await this.#options.transport.request(mergePatch(target, { rules }));
      } catch (error) {
        this.#options.onError?.(error instanceof Error ? error : new Error(String(error)));
      }
    }
  }
}

export const startRoleAggregation: StartController = async (options) => {
  const controller = new RoleAggregation(options);
  await controller.start();
  return controller;
};
