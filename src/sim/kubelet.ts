/**
 * A model of the kubelets of all nodes: a bound pod starts, runs for as long as its annotation says, and ends; a deleted pod is
 * gone after its grace. Standard API calls only, so it also serves a real kube-apiserver that has no nodes.
 *
 * At the start of a pod the env of every container is resolved as kubelet does it. Stricter than the real one, it fails a pod
 * whose NVIDIA_VISIBLE_DEVICES is taken from the pod and empty: that container would not get the GPUs it was promised.
 */
import { ENV_VISIBLE } from '../core/names.ts';
import { inlineDecoder } from '../kube/inline-decoder.ts';
import { PATCH_TYPE } from '../kube/patch.ts';
import type { Clock, KubeRequest, Rng, Timer, Transport } from '../kube/ports.ts';
import { Reflector } from '../kube/reflector.ts';
import { readStatus } from '../kube/status-error.ts';
import { isObject, type KubeObject, numberAt, textAt, timestamp } from './api/object.ts';
import { type ContainerView, viewContainers } from './container-view.ts';

/** pod annotations that this model reads */
export const RUN_SECONDS = 'sim.muster.dev/run-seconds';
export const STOP_SECONDS = 'sim.muster.dev/stop-seconds';

export type KubeletOptions = {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly rng: Rng;
  /** from bound to running; default 50 ms */
  readonly startMs?: number;
  /** what the containers of a pod see, told once per pod before it runs or fails */
  readonly onStart?: (pod: KubeObject, containers: readonly ContainerView[]) => void;
  /** calls that the API server will never take */
  readonly onError?: (error: Error) => void;
};

type Running = { state: 'starting' | 'running' | 'ended' | 'stopping'; timer: Timer | null };

const START_MS = 50;
const API_TIMEOUT_MS = 10_000;
const RETRY_MS = 500;
const LONGEST_RETRY_MS = 10_000;

export class Kubelet {
  readonly stats = { started: 0, succeeded: 0, failed: 0, deleted: 0 };
  readonly #options: KubeletOptions;
  readonly #reflector: Reflector<KubeObject>;
  readonly #pods = new Map<string, Running>();
  readonly #calls = new Set<Promise<void>>();
  /** the newest call by path: what is written of one pod arrives in the order in which it happened */
  readonly #chains = new Map<string, Promise<void>>();
  /** ends the pauses between attempts */
  readonly #pauses = new Set<() => void>();
  #stopped = false;

  constructor(options: KubeletOptions) {
    this.#options = options;
    const { transport, clock, rng, onError } = options;
    this.#reflector = new Reflector<KubeObject>({
      transport,
      clock,
      rng,
      path: '/api/v1/pods',
      fieldSelector: 'spec.nodeName!=',
      decoder: inlineDecoder((object) => (isObject(object) ? (object as KubeObject) : null)),
      sink: {
        upsert: (item) => this.#seen(item.object),
        remove: (key) => this.#gone(key.uid),
        synced: () => {},
      },
      ...(onError ? { onError } : {}),
    });
  }

  /** Resolves when the pods that are bound already are known. */
  async start(): Promise<void> {
    this.#reflector.start();
    await this.#reflector.whenSynced();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const running of this.#pods.values()) running.timer?.cancel();
    for (const end of this.#pauses) end();
    await this.#reflector.stop();
    await Promise.all(this.#calls);
  }

  #seen(pod: KubeObject): void {
    const uid = pod.metadata.uid;
    const known = this.#pods.get(uid);
    if (pod.metadata.deletionTimestamp !== undefined) {
      if (known?.state !== 'stopping') this.#stopPod(pod, known);
      return;
    }
    if (known) return;
    const phase = textAt(pod.status, 'phase');
    const running: Running = { state: 'starting', timer: null };
    this.#pods.set(uid, running);
    if (phase === 'Succeeded' || phase === 'Failed') running.state = 'ended';
    else if (phase === 'Running') this.#run(pod, running, textAt(pod.status, 'startTime'));
    else this.#later(running, this.#options.startMs ?? START_MS, () => this.#startPod(pod, running));
  }

  #gone(uid: string): void {
    this.#pods.get(uid)?.timer?.cancel();
    this.#pods.delete(uid);
  }

  #startPod(pod: KubeObject, running: Running): void {
    const containers = viewContainers(pod);
    this.#options.onStart?.(pod, containers);
    const unresolved = containers.flatMap((one) => {
      const names = one.env[ENV_VISIBLE] === '' ? [...one.unresolved, ENV_VISIBLE] : one.unresolved;
      return names.map((name) => `${one.name}: ${name}`);
    });
    if (unresolved.length > 0) {
      running.state = 'ended';
      this.stats.failed += 1;
      this.#patch(pod, { phase: 'Failed', reason: 'EnvUnresolved', message: unresolved.join(', ') });
      return;
    }
    this.stats.started += 1;
    const startTime = timestamp(this.#options.clock.now());
    const containerStatuses = containers
      .filter((one) => !one.init)
      .map(({ name, image }) => ({
        name,
        image,
        imageID: '',
        ready: true,
        started: true,
        restartCount: 0,
        state: { running: { startedAt: startTime } },
      }));
    const conditions = ['PodReadyToStartContainers', 'Initialized', 'ContainersReady', 'Ready'].map((type) => ({
      type,
      status: 'True',
      lastTransitionTime: startTime,
    }));
    this.#patch(pod, { phase: 'Running', startTime, conditions, containerStatuses });
    this.#run(pod, running, startTime);
  }

  #run(pod: KubeObject, running: Running, startTime: string): void {
    running.state = 'running';
    const seconds = pod.metadata.annotations?.[RUN_SECONDS];
    if (seconds === undefined) return;
    const left = Date.parse(startTime) + Number(seconds) * 1000 - this.#options.clock.now();
    this.#later(running, Math.max(0, left), () => {
      running.state = 'ended';
      this.stats.succeeded += 1;
      const lastTransitionTime = timestamp(this.#options.clock.now());
      const conditions = ['ContainersReady', 'Ready'].map((type) => ({
        type,
        status: 'False',
        reason: 'PodCompleted',
        lastTransitionTime,
      }));
      this.#patch(pod, { phase: 'Succeeded', conditions });
    });
  }

  #stopPod(pod: KubeObject, known: Running | undefined): void {
    const running = known ?? { state: 'stopping', timer: null };
    this.#pods.set(pod.metadata.uid, running);
    const grace = numberAt(pod.metadata, 'deletionGracePeriodSeconds') ?? 0;
    const own = Number(pod.metadata.annotations?.[STOP_SECONDS] ?? grace);
    const seconds = running.state === 'running' || running.state === 'starting' ? Math.min(grace, own) : 0;
    running.timer?.cancel();
    running.state = 'stopping';
    this.#later(running, seconds * 1000, () => {
      this.stats.deleted += 1;
      this.#call({
        method: 'DELETE',
        path: podPath(pod),
        body: { gracePeriodSeconds: 0, preconditions: { uid: pod.metadata.uid } },
        timeoutMs: API_TIMEOUT_MS,
      });
    });
  }

  #later(running: Running, ms: number, run: () => void): void {
    running.timer = this.#options.clock.after(ms, () => {
      if (!this.#stopped) run();
    });
  }

  #patch(pod: KubeObject, status: object): void {
    this.#call({
      method: 'PATCH',
      path: `${podPath(pod)}/status`,
      contentType: PATCH_TYPE.strategic,
      body: { metadata: { uid: pod.metadata.uid }, status },
      timeoutMs: API_TIMEOUT_MS,
    });
  }

  #call(request: KubeRequest): void {
    const before = this.#chains.get(request.path);
    const call = (before?.then(() => this.#attempt(request, 1)) ?? this.#attempt(request, 1)).finally(() => {
      this.#calls.delete(call);
      if (this.#chains.get(request.path) === call) this.#chains.delete(request.path);
    });
    this.#chains.set(request.path, call);
    this.#calls.add(call);
  }

  /** All calls are idempotent; a pod that is gone or was replaced (404, 409) needs nothing more. Like a kubelet it never gives up. */
  async #attempt(request: KubeRequest, attempt: number): Promise<void> {
    if (this.#stopped) return;
    try {
      const answer = await this.#options.transport.request(request);
      if (answer.status < 300 || answer.status === 404 || answer.status === 409) return;
      if (answer.status < 500 && answer.status !== 429) {
        this.#options.onError?.(new Error(`kubelet: ${request.method} ${request.path}: ${readStatus(answer).message}`));
        return;
      }
    } catch {
      // no answer: nothing is known, and doing it twice does no harm
    }
    if (this.#stopped) return;
    const pause = Math.min(LONGEST_RETRY_MS, RETRY_MS * attempt);
    await new Promise<void>((resolve) => {
      const timer = this.#options.clock.after(pause, resolve);
      this.#pauses.add(() => {
        timer.cancel();
        resolve();
      });
    });
    await this.#attempt(request, attempt + 1);
  }
}

function podPath(pod: KubeObject): string {
  return `/api/v1/namespaces/${pod.metadata.namespace}/pods/${pod.metadata.name}`;
}
