/**
 * A model of the kubelets of all nodes: bound pods start, run, end, crash and restart as `settings.ts` says, deleted
 * ones are gone after their grace, nodes send heartbeats. Standard API calls only, so it also serves a real kube-apiserver that has no
 * nodes. One pod's life is `pod-worker.ts`.
 *
 * At the start of a pod the env of every container is resolved as kubelet does it. Stricter than the real one, it fails a pod
 * whose NVIDIA_VISIBLE_DEVICES is taken from the pod and empty: that container would not get the GPUs it was promised.
 */
import { ENV_VISIBLE } from '../../core/names.ts';
import { inlineDecoder } from '../../kube/inline-decoder.ts';
import { PATCH_TYPE } from '../../kube/patch.ts';
import type { Clock, Rng, Timer, Transport } from '../../kube/ports.ts';
import { Reflector } from '../../kube/reflector.ts';
import { isObject, type KubeObject, textAt } from '../api/object.ts';
import { type ContainerView, viewContainers } from '../container-view.ts';
import type { TellEvent } from '../event-log.ts';
import { Heartbeats } from './heartbeats.ts';
import { PersistentCalls } from './persistent-calls.ts';
import { PodWorker } from './pod-worker.ts';
import { KUBELET, refusal, startMs } from './settings.ts';

export type KubeletOptions = {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly rng: Rng;
  /** from bound to running; default 50 ms */
  readonly startMs?: number;
  /** how long a container without an annotation takes to end once it is told to; default: all its grace */
  readonly stopMs?: number;
  /** how long a container of a Job without an annotation runs; default: for ever */
  readonly jobRunMs?: number;
  /** renew node leases and the Ready condition, and heed `sim.muster.dev/kubelet: down` of nodes; default false */
  readonly heartbeats?: boolean;
  /** the node refuses a pod: as OutOfcpu, UnexpectedAdmissionError, …; beside the pod's own annotation */
  readonly refuses?: (pod: KubeObject) => { reason: string; message: string } | null;
  /** what the containers of a pod see, told once per pod before it runs or fails */
  readonly onStart?: (pod: KubeObject, containers: readonly ContainerView[]) => void;
  /** writes Events; default: nobody is told */
  readonly tell?: TellEvent;
  /** calls that the API server will never take */
  readonly onError?: (error: Error) => void;
};

type Known = { worker: PodWorker | null; timer: Timer | null };

const START_MS = 50;
const API_TIMEOUT_MS = 10_000;

export class Kubelet {
  readonly stats = { started: 0, succeeded: 0, failed: 0, deleted: 0 };
  readonly #options: KubeletOptions;
  readonly #reflectors: readonly Reflector<KubeObject>[];
  readonly #pods = new Map<string, Known>();
  readonly #calls: PersistentCalls;
  readonly #heartbeats: Heartbeats | null;
  /** nodes whose kubelet is down */
  readonly #down = new Set<string>();
  readonly #byNode = new Map<string, Set<PodWorker>>();
  #stopped = false;

  constructor(options: KubeletOptions) {
    this.#options = options;
    const { transport, clock, onError } = options;
    this.#calls = new PersistentCalls(transport, clock, onError ?? (() => {}));
    this.#heartbeats = options.heartbeats ? new Heartbeats(clock, this.#calls) : null;
    const pods = this.#reflector('/api/v1/pods', {
      fieldSelector: 'spec.nodeName!=',
      changed: (pod) => this.#seen(pod),
      gone: ({ uid }) => this.#gone(uid),
    });
    const heartbeats = this.#heartbeats;
    this.#reflectors =
      heartbeats === null
        ? [pods]
        : [
            pods,
            this.#reflector('/api/v1/nodes', {
              changed: (node) => this.#nodeSeen(node, heartbeats),
              gone: ({ name }) => {
                this.#down.delete(name);
                heartbeats.remove(name);
              },
            }),
          ];
  }

  /** Resolves when the pods that are bound already are known. */
  async start(): Promise<void> {
    for (const reflector of this.#reflectors) reflector.start();
    await Promise.all(this.#reflectors.map((reflector) => reflector.whenSynced()));
    this.#heartbeats?.start();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#heartbeats?.stop();
    for (const { timer, worker } of this.#pods.values()) {
      timer?.cancel();
      worker?.cancel();
    }
    this.#calls.stop();
    await Promise.all(this.#reflectors.map((reflector) => reflector.stop()));
    await this.#calls.drain();
  }

  #reflector(
    path: string,
    handlers: {
      fieldSelector?: string;
      changed: (object: KubeObject) => void;
      gone: (key: { name: string; uid: string }) => void;
    },
  ): Reflector<KubeObject> {
    const { transport, clock, rng, onError } = this.#options;
    const { fieldSelector, changed, gone } = handlers;
    return new Reflector<KubeObject>({
      transport,
      clock,
      rng,
      path,
      ...(fieldSelector ? { fieldSelector } : {}),
      decoder: inlineDecoder((object) => (isObject(object) ? (object as KubeObject) : null)),
      sink: { upsert: (item) => changed(item.object), remove: gone, synced: () => {} },
      ...(onError ? { onError } : {}),
    });
  }

  #nodeSeen(node: KubeObject, heartbeats: Heartbeats): void {
    const { name } = node.metadata;
    const down = node.metadata.annotations?.[KUBELET] === 'down';
    const was = this.#down.has(name);
    if (down) this.#down.add(name);
    else this.#down.delete(name);
    heartbeats.upsert(node, down);
    if (was && !down) for (const worker of this.#byNode.get(name) ?? []) worker.resume();
  }

  #seen(pod: KubeObject): void {
    const uid = pod.metadata.uid;
    const known = this.#pods.get(uid);
    known?.worker?.update(pod);
    if (pod.metadata.deletionTimestamp !== undefined) {
      const { worker } = known ?? this.#adopt(pod);
      known?.timer?.cancel();
      if (worker) worker.stop();
      else this.#remove(pod);
      return;
    }
    if (known) {
      const phase = textAt(pod.status, 'phase');
      // somebody else ended it: a kubelet would stop its containers
      if (phase === 'Failed' || phase === 'Succeeded') known.worker?.cancel();
      return;
    }
    this.#adopt(pod);
  }

  #adopt(pod: KubeObject): Known {
    const known: Known = { worker: null, timer: null };
    this.#pods.set(pod.metadata.uid, known);
    const phase = textAt(pod.status, 'phase');
    if (phase === 'Succeeded' || phase === 'Failed') return known;
    const worker = this.#worker(pod);
    known.worker = worker;
    if (phase === 'Running') worker.adopt();
    else if (pod.metadata.deletionTimestamp === undefined) this.#startLater(pod, known, worker);
    return known;
  }

  #startLater(pod: KubeObject, known: Known, worker: PodWorker): void {
    const delay = startMs(pod) ?? this.#options.startMs ?? START_MS;
    known.timer = this.#options.clock.after(delay, () => {
      known.timer = null;
      if (this.#stopped || worker.isStopping) return;
      if (this.#down.has(textAt(pod.spec, 'nodeName'))) this.#startLater(pod, known, worker);
      else this.#begin(worker.pod, worker);
    });
  }

  #begin(pod: KubeObject, worker: PodWorker): void {
    const refused = this.#options.refuses?.(pod) ?? null;
    const reason = refused?.reason ?? refusal(pod);
    if (reason !== null) {
      worker.refuse(reason, refused?.message ?? `Pod was rejected: ${reason}`);
      return;
    }
    const views = viewContainers(pod);
    this.#options.onStart?.(pod, views);
    const unresolved = views.flatMap((one) => {
      const names = one.env[ENV_VISIBLE] === '' ? [...one.unresolved, ENV_VISIBLE] : one.unresolved;
      return names.map((name) => `${one.name}: ${name}`);
    });
    if (unresolved.length > 0) {
      worker.refuse('EnvUnresolved', unresolved.join(', '));
      return;
    }
    this.stats.started += 1;
    worker.begin();
  }

  #worker(pod: KubeObject): PodWorker {
    const node = textAt(pod.spec, 'nodeName');
    const worker: PodWorker = new PodWorker(pod, {
      clock: this.#options.clock,
      stopMs: this.#options.stopMs ?? null,
      runMs: isOfJob(pod) ? (this.#options.jobRunMs ?? null) : null,
      isUp: () => !this.#stopped && !this.#down.has(node),
      tell: (type, reason, message, container) =>
        this.#options.tell?.(
          worker.pod,
          type,
          reason,
          message,
          container === null ? undefined : `spec.containers{${container}}`,
        ),
      report: (object, status) => this.#patch(object, status),
      remove: (object) => this.#remove(object),
      onEnd: (phase) => {
        this.stats[phase === 'Failed' ? 'failed' : 'succeeded'] += 1;
      },
    });
    const workers = this.#byNode.get(node) ?? new Set();
    this.#byNode.set(node, workers.add(worker));
    return worker;
  }

  #gone(uid: string): void {
    const known = this.#pods.get(uid);
    if (known === undefined) return;
    known.timer?.cancel();
    known.worker?.cancel();
    this.#pods.delete(uid);
    if (known.worker) {
      const node = textAt(known.worker.pod.spec, 'nodeName');
      const workers = this.#byNode.get(node);
      workers?.delete(known.worker);
      if (workers?.size === 0) this.#byNode.delete(node);
    }
  }

  #patch(pod: KubeObject, status: object): void {
    this.#calls.send({
      method: 'PATCH',
      path: `${podPath(pod)}/status`,
      contentType: PATCH_TYPE.strategic,
      body: { metadata: { uid: pod.metadata.uid }, status },
      timeoutMs: API_TIMEOUT_MS,
    });
  }

  #remove(pod: KubeObject): void {
    this.stats.deleted += 1;
    this.#calls.send({
      method: 'DELETE',
      path: podPath(pod),
      body: { gracePeriodSeconds: 0, preconditions: { uid: pod.metadata.uid } },
      timeoutMs: API_TIMEOUT_MS,
    });
  }
}

function isOfJob(pod: KubeObject): boolean {
  return (pod.metadata.ownerReferences ?? []).some(({ kind, controller }) => kind === 'Job' && controller === true);
}

function podPath(pod: KubeObject): string {
  return `/api/v1/namespaces/${pod.metadata.namespace}/pods/${pod.metadata.name}`;
}
