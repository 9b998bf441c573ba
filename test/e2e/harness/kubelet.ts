/**
 * A small model of all kubelets at once: starts each bound pod after resolving its env the way a kubelet does (fieldRef to
 * annotations at the moment of the start, missing ones resolve to ''), and completes deletions. It keeps what each container saw.
 *
 * Not the kubelets of src/sim/kubelet, although these serve a real API server too: they watch by src/kube's reflector, which is under
 * test here and would stop for the same reason as the extender. And they do as kubelet does with an annotation that is missing (an
 * empty text, no word of it), where a test must hear of every one.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { follow } from './follow.ts';
import type { Kube, Pod, WatchEvent } from './kube.ts';
import { podPath } from './kube.ts';

export type StartedContainer = { env: Record<string, string> };
export type StartedPod = { node: string; containers: Record<string, StartedContainer> };

export class Kubelet {
  /** by `namespace/name`; stays after the pod is gone */
  readonly started = new Map<string, StartedPod>();
  /** pods whose env named an annotation that was not there when they started */
  readonly unresolved: string[] = [];
  readonly #kube: Kube;
  readonly #abort = new AbortController();
  readonly #seen = new Set<string>();
  readonly #work = new Set<Promise<void>>();
  /** nodes whose pods stay as they are; see hold() */
  readonly #held = new Set<string>();
  #loop: Promise<void> = Promise.resolve();
  #failure: unknown = null;

  private constructor(kube: Kube) {
    this.#kube = kube;
  }

  static async start(kube: Kube): Promise<Kubelet> {
    const kubelet = new Kubelet(kube);
    const path = '/api/v1/pods';
    const list = async (): Promise<string> => {
      const { items, resourceVersion } = await kube.list<Pod>(path);
      for (const object of items) kubelet.#on({ type: 'ADDED', object });
      return resourceVersion;
    };
    const on = (event: WatchEvent<Pod>): void => kubelet.#on(event);
    const signal = kubelet.#abort.signal;
    kubelet.#loop = follow(kube, { path, from: await list(), on, relist: list, signal }).catch((error: unknown) => {
      kubelet.#failure ??= error;
    });
    return kubelet;
  }

  /** deletions on this node are not completed until release() */
  hold(node: string): void {
    this.#held.add(node);
  }

  async release(node: string): Promise<void> {
    this.#held.delete(node);
    const { items } = await this.#kube.list<Pod>(`/api/v1/pods?fieldSelector=spec.nodeName%3D${node}`);
    for (const object of items) this.#on({ type: 'MODIFIED', object });
  }

  /** the pod's containers end; phase as given */
  async end(namespace: string, name: string, phase: 'Succeeded' | 'Failed'): Promise<void> {
    await this.#kube.patch(`${podPath(namespace, name)}/status`, 'strategic', { status: { phase } });
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#loop;
    await Promise.all(this.#work);
    if (this.#failure !== null) throw new Error('the kubelet model failed', { cause: this.#failure });
  }

  #on({ type, object: pod }: WatchEvent<Pod>): void {
    const uid = pod.metadata.uid ?? '';
    if (type === 'DELETED' || pod.spec.nodeName === undefined) return;
    if (pod.metadata.deletionTimestamp !== undefined) {
      if (!this.#held.has(pod.spec.nodeName)) this.#do(() => this.#finish(pod));
      return;
    }
    if (this.#seen.has(uid)) return;
    this.#seen.add(uid);
    this.#resolve(pod, pod.spec.nodeName);
    this.#do(() => this.#run(pod));
  }

  #resolve(pod: Pod, node: string): void {
    const name = `${pod.metadata.namespace}/${pod.metadata.name}`;
    const containers: Record<string, StartedContainer> = {};
    for (const container of [...(pod.spec.initContainers ?? []), ...pod.spec.containers]) {
      const env: Record<string, string> = {};
      for (const { name: key, value, valueFrom } of container.env ?? []) {
        const annotation = /^metadata\.annotations\['(.+)'\]$/.exec(valueFrom?.fieldRef?.fieldPath ?? '')?.[1];
        if (annotation === undefined) {
          env[key] = value ?? '';
          continue;
        }
        const found = pod.metadata.annotations?.[annotation];
        if (found === undefined) this.unresolved.push(`${name}/${container.name}: ${key} from ${annotation}`);
        env[key] = found ?? '';
      }
      containers[container.name] = { env };
    }
    this.started.set(name, { node, containers });
  }

  async #run(pod: Pod): Promise<void> {
    const path = `${podPath(pod.metadata.namespace ?? 'default', pod.metadata.name)}/status`;
    const conditions = [{ type: 'Ready', status: 'True', lastTransitionTime: new Date().toISOString() }];
    await this.#kube.tryPatch(path, 'strategic', {
      metadata: { uid: pod.metadata.uid },
      status: { phase: 'Running', conditions, startTime: new Date().toISOString() },
    });
  }

  async #finish(pod: Pod): Promise<void> {
    await this.#kube.call('DELETE', podPath(pod.metadata.namespace ?? 'default', pod.metadata.name), {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      gracePeriodSeconds: 0,
      preconditions: { uid: pod.metadata.uid },
    });
  }

  #do(work: () => Promise<void>): void {
    const doing = this.#insist(work).catch((error: unknown) => {
      if (!this.#abort.signal.aborted) this.#failure ??= error;
    });
    this.#work.add(doing);
    void doing.then(() => this.#work.delete(doing));
  }

  /** A kubelet tries again when the API server is away; 30 s here. */
  async #insist(work: () => Promise<void>): Promise<void> {
    for (let left = 150; ; left -= 1) {
      try {
        await work();
        return;
      } catch (error) {
        if (left === 0 || this.#abort.signal.aborted) throw error;
        await sleep(200);
      }
    }
  }
}
