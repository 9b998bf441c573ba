/**
 * One pod on its node, from bound to gone:
 *
 *   refused ─► Failed                                     ┌──── restart, after 0, 10, 20 … 300 s ◄──┐
 *   pulling ─► init containers in turn ─► running ────────┴─► each container ends ───────────────────┴─► Succeeded, Failed
 *      └─► ErrImagePull ─► ImagePullBackOff (10 … 300 s) ─► pulling
 *   deleted: SIGTERM, the grace at most, then the object is deleted for good
 *
 * All times are taken from the pod (`settings.ts`), all writes go through `report`; a pod that the API says is further
 * than we know (the model was restarted) goes on from there.
 */
import type { Clock, Timer } from '../../kube/ports.ts';
import { arrayAt, isObject, type JsonObject, type KubeObject, numberAt, objectAt, textAt } from '../api/object.ts';
import { type Container, type ContainerState, type Phase, podStatus } from './pod-status.ts';
import { exitCode, imageFailures, runMs, stopMs } from './settings.ts';

const FIRST_BACKOFF_MS = 10_000;
const LONGEST_BACKOFF_MS = 300_000;
/** a container that ran for so long starts anew without a wait */
const FORGIVEN_MS = 600_000;
const KILLED = 137;
const TERMINATED = 143;

export type PodWorkerPorts = {
  readonly clock: Clock;
  /** from SIGTERM to the end where the pod says nothing; null: all the grace */
  readonly stopMs: number | null;
  /** how long a main container runs where the pod says nothing; null: for ever */
  readonly runMs: number | null;
  /** false: the node's kubelet is down, nothing happens until `resume` */
  readonly isUp: () => boolean;
  /** writes the pod's status */
  readonly report: (pod: KubeObject, status: JsonObject) => void;
  /** deletes the object with grace 0 */
  readonly remove: (pod: KubeObject) => void;
  readonly onEnd: (phase: 'Succeeded' | 'Failed') => void;
  /** an Event about a container, or about the pod without one */
  readonly tell: (type: 'Normal' | 'Warning', reason: string, message: string, container: string | null) => void;
};

type Waiting = { timer: Timer | null; run: () => void };

export class PodWorker {
  #pod: KubeObject;
  readonly #ports: PodWorkerPorts;
  readonly #containers: readonly Container[];
  readonly #backoffs = new Map<Container, number>();
  readonly #timers = new Set<Waiting>();
  /** due while the node was down */
  readonly #late: Waiting[] = [];
  #startTime: number;
  #phase: Phase = 'Pending';
  #stopping = false;

  constructor(pod: KubeObject, ports: PodWorkerPorts) {
    this.#pod = pod;
    this.#ports = ports;
    const now = ports.clock.now();
    this.#startTime = Date.parse(textAt(pod.status, 'startTime')) || now;
    this.#containers = [
      ...arrayAt(pod.spec, 'initContainers').map((one) => containerOf(one, true)),
      ...arrayAt(pod.spec, 'containers').map((one) => containerOf(one, false)),
    ];
  }

  get pod(): KubeObject {
    return this.#pod;
  }

  get isStopping(): boolean {
    return this.#stopping;
  }

  /** A newer version of the object. */
  update(pod: KubeObject): void {
    this.#pod = pod;
  }

  begin(): void {
    this.#startTime = this.#ports.clock.now();
    this.#next();
  }

  /** Running already when this model came to know it. */
  adopt(): void {
    this.#phase = 'Running';
    const now = this.#ports.clock.now();
    for (const one of this.#containers) {
      const key = one.init ? 'initContainerStatuses' : 'containerStatuses';
      const known = arrayAt(this.#pod.status, key).find((status) => textAt(status, 'name') === one.name);
      one.restarts = numberAt(known, 'restartCount') ?? 0;
      one.state = readState(known, this.#startTime);
      if (one.state.kind === 'running') this.#untilEnd(one, now - one.state.startedAt);
      else if (one.state.kind === 'waiting') this.#after(0, () => this.#start(one));
    }
  }

  /** Refused by its node. */
  refuse(reason: string, message: string): void {
    this.#phase = 'Failed';
    this.#ports.onEnd('Failed');
    this.#ports.tell('Warning', reason, message, null);
    this.#ports.report(this.#pod, { phase: 'Failed', reason, message });
  }

  /** SIGTERM to all; the object goes when the last container ended or grace is over. */
  stop(): void {
    if (this.#stopping) return;
    this.#stopping = true;
    const graceMs = (numberAt(this.#pod.metadata, 'deletionGracePeriodSeconds') ?? 0) * 1000;
    const running = this.#containers.filter((one) => one.state.kind === 'running');
    for (const one of running) this.#tell(one, 'Normal', 'Killing', `Stopping container ${one.name}`);
    this.cancel();
    const needed = running.map((one) => Math.min(graceMs, this.#stopMs(one) ?? graceMs));
    const starting = this.#phase === 'Pending' && this.#containers.length > 0 && running.length === 0;
    const ms = starting ? Math.min(graceMs, this.#stopMs(this.#containers[0]!) ?? graceMs) : Math.max(0, ...needed);
    this.#after(ms, () => {
      const now = this.#ports.clock.now();
      for (const one of running) {
        const answered = (this.#stopMs(one) ?? Number.POSITIVE_INFINITY) <= graceMs;
        this.#ended(one, answered ? TERMINATED : KILLED, now);
      }
      this.#ports.remove(this.#pod);
    });
  }

  #tell(one: Container, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#ports.tell(type, reason, message, one.name);
  }

  #stopMs(one: Container): number | null {
    return stopMs(this.#pod, one.name) ?? this.#ports.stopMs;
  }

  cancel(): void {
    for (const waiting of this.#timers) waiting.timer?.cancel();
    this.#timers.clear();
    this.#late.length = 0;
  }

  /** The node's kubelet is back: what was due happens now. */
  resume(): void {
    for (const waiting of this.#late.splice(0)) waiting.run();
  }

  #after(ms: number, run: () => void): void {
    const waiting: Waiting = { timer: null, run };
    waiting.timer = this.#ports.clock.after(ms, () => {
      this.#timers.delete(waiting);
      if (this.#ports.isUp()) run();
      else this.#late.push(waiting);
    });
    this.#timers.add(waiting);
  }

  #report(): void {
    const now = this.#ports.clock.now();
    this.#ports.report(this.#pod, podStatus(this.#pod, this.#containers, this.#phase, this.#startTime, now));
  }

  /** The next step of starting: the first init container that is not done, or all main ones. One write per step that lasts. */
  #next(): void {
    for (const one of this.#containers) {
      if (!one.init || isDone(one)) continue;
      if (one.state.kind !== 'running' && !this.#launch(one)) {
        this.#report();
        return;
      }
      if (one.sidecar) continue;
      const ms = runMs(this.#pod, one.name, true) ?? 0;
      if (ms > 0) {
        this.#untilEnd(one, 0);
        this.#report();
        return;
      }
      const code = exitCode(this.#pod, one.name, true, one.restarts);
      this.#ended(one, code, this.#ports.clock.now());
      if (code !== 0) {
        this.#initFailed(one);
        return;
      }
    }
    this.#phase = 'Running';
    let any = false;
    for (const one of this.#containers.filter((each) => !each.init && each.state.kind === 'waiting')) {
      if (!this.#launch(one)) continue;
      any = true;
      this.#untilEnd(one, 0);
    }
    if (!any && !this.#containers.some((one) => !one.init && one.state.kind !== 'waiting')) this.#phase = 'Pending';
    this.#report();
  }

  /** false: its image could not be pulled; it is tried again later. */
  #launch(one: Container): boolean {
    if (one.pulls < imageFailures(this.#pod, one.name)) {
      one.pulls += 1;
      this.#pullFailed(one);
      return false;
    }
    one.state = { kind: 'running', startedAt: this.#ports.clock.now() };
    const present = `Container image "${one.image}" already present on machine`;
    this.#tell(one, 'Normal', 'Pulled', one.pulls === 0 ? present : `Successfully pulled image "${one.image}"`);
    this.#tell(one, 'Normal', 'Started', 'Container started');
    return true;
  }

  #pullFailed(one: Container): void {
    const failed = `failed to pull and unpack image "${one.image}": not found`;
    one.state = { kind: 'waiting', reason: 'ErrImagePull', message: failed };
    this.#tell(one, 'Warning', 'Failed', `Failed to pull image "${one.image}": ${failed}`);
    const ms = this.#backoff(one);
    this.#after(Math.min(1_000, ms), () => {
      const message = `Back-off pulling image "${one.image}": ErrImagePull: ${failed}`;
      one.state = { kind: 'waiting', reason: 'ImagePullBackOff', message };
      this.#tell(one, 'Normal', 'BackOff', `Back-off pulling image "${one.image}"`);
      this.#report();
    });
    this.#after(ms, () => this.#next());
  }

  #untilEnd(one: Container, ranMs: number): void {
    const ms = runMs(this.#pod, one.name, one.init) ?? (one.sidecar ? null : this.#ports.runMs);
    if (ms === null) return;
    this.#after(Math.max(0, ms - ranMs), () => {
      const code = exitCode(this.#pod, one.name, one.init, one.restarts);
      this.#ended(one, code, this.#ports.clock.now());
      if (!one.init) this.#mainEnded(one, code);
      else if (code === 0) this.#next();
      else this.#initFailed(one);
    });
  }

  #ended(one: Container, code: number, now: number): void {
    const startedAt = one.state.kind === 'running' ? one.state.startedAt : now;
    if (now - startedAt >= FORGIVEN_MS) this.#backoffs.delete(one);
    one.state = { kind: 'terminated', startedAt, finishedAt: now, exitCode: code };
  }

  #initFailed(one: Container): void {
    if (textAt(this.#pod.spec, 'restartPolicy') === 'Never') this.#finish('Failed');
    else this.#again(one);
  }

  #mainEnded(one: Container, code: number): void {
    const policy = textAt(this.#pod.spec, 'restartPolicy') || 'Always';
    if (policy === 'Always' || (policy === 'OnFailure' && code !== 0)) {
      this.#again(one);
      return;
    }
    const mains = this.#containers.filter((each) => !each.init);
    const over = (each: Container): boolean =>
      each.state.kind === 'terminated' && (policy === 'Never' || each.state.exitCode === 0);
    if (!mains.every(over)) {
      this.#report();
      return;
    }
    const failed = mains.some((each) => each.state.kind === 'terminated' && each.state.exitCode !== 0);
    const now = this.#ports.clock.now();
    for (const each of this.#containers) if (each.sidecar && each.state.kind === 'running') this.#ended(each, 0, now);
    this.#finish(failed ? 'Failed' : 'Succeeded');
  }

  #finish(phase: 'Succeeded' | 'Failed'): void {
    this.cancel();
    this.#phase = phase;
    this.#ports.onEnd(phase);
    this.#report();
  }

  /** The first restart at once, then ever later. */
  #again(one: Container): void {
    const ms = this.#backoffs.has(one) ? this.#backoff(one) : 0;
    this.#backoffs.set(one, Math.max(1, this.#backoffs.get(one) ?? 0));
    if (one.state.kind === 'terminated') one.last = one.state;
    if (ms === 0) {
      this.#start(one);
      return;
    }
    const { name, namespace, uid } = this.#pod.metadata;
    const message = `back-off ${ms / 1000}s restarting failed container=${one.name} pod=${name}_${namespace}(${uid})`;
    one.state = { kind: 'waiting', reason: 'CrashLoopBackOff', message };
    this.#tell(
      one,
      'Warning',
      'BackOff',
      `Back-off restarting failed container ${one.name} in pod ${name}_${namespace}(${uid})`,
    );
    this.#report();
    this.#after(ms, () => this.#start(one));
  }

  #start(one: Container): void {
    one.restarts += 1;
    one.state = { kind: 'waiting', reason: one.init ? 'PodInitializing' : 'ContainerCreating' };
    if (one.init) this.#next();
    else {
      if (this.#launch(one)) this.#untilEnd(one, 0);
      this.#report();
    }
  }

  /** 10, 20, 40 … 300 s. */
  #backoff(one: Container): number {
    const before = this.#backoffs.get(one) ?? 0;
    const ms = Math.min(LONGEST_BACKOFF_MS, before < FIRST_BACKOFF_MS ? FIRST_BACKOFF_MS : before * 2);
    this.#backoffs.set(one, ms);
    return ms;
  }
}

function containerOf(spec: unknown, init: boolean): Container {
  return {
    name: textAt(spec, 'name'),
    image: textAt(spec, 'image'),
    init,
    sidecar: init && textAt(spec, 'restartPolicy') === 'Always',
    state: { kind: 'waiting', reason: init ? 'PodInitializing' : 'ContainerCreating' },
    last: null,
    restarts: 0,
    pulls: 0,
  };
}

function isDone(one: Container): boolean {
  if (one.sidecar) return one.state.kind === 'running';
  return one.state.kind === 'terminated' && one.state.exitCode === 0;
}

function readState(status: unknown, startTime: number): ContainerState {
  const state = objectAt(status, 'state');
  const time = (of: unknown, key: string): number => Date.parse(textAt(of, key)) || startTime;
  if (isObject(state.terminated))
    return {
      kind: 'terminated',
      startedAt: time(state.terminated, 'startedAt'),
      finishedAt: time(state.terminated, 'finishedAt'),
      exitCode: numberAt(state.terminated, 'exitCode') ?? 0,
    };
  if (isObject(state.waiting)) return { kind: 'waiting', reason: textAt(state.waiting, 'reason') };
  return { kind: 'running', startedAt: time(state.running, 'startedAt') };
}
