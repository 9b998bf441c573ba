/** The status that a kubelet writes, from what its containers are doing. */
import type { JsonObject, KubeObject } from '../api/object.ts';
import { arrayAt, textAt, timestamp } from '../api/object.ts';

export type ContainerState =
  | { readonly kind: 'waiting'; readonly reason: string; readonly message?: string }
  | { readonly kind: 'running'; readonly startedAt: number }
  | {
      readonly kind: 'terminated';
      readonly startedAt: number;
      readonly finishedAt: number;
      readonly exitCode: number;
    };

export type Container = {
  readonly name: string;
  readonly image: string;
  readonly init: boolean;
  /** an init container that goes on running beside the main ones */
  readonly sidecar: boolean;
  state: ContainerState;
  last: Extract<ContainerState, { kind: 'terminated' }> | null;
  restarts: number;
  pulls: number;
};

export type Phase = 'Pending' | 'Running' | 'Succeeded' | 'Failed';

const FNV = 0x01000193;

/** A number that a text always gives again. */
function hash(text: string): number {
  let sum = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) sum = Math.imul(sum ^ text.charCodeAt(at), FNV) >>> 0;
  return sum;
}

/** 64 hexadecimal digits, as identities of containers and images have them. */
function hex(text: string): string {
  let digits = '';
  let word = hash(text);
  for (let part = 0; part < 8; part += 1) {
    word = (Math.imul(word ^ (word >>> 15), 0x2c1b3c6d) + part) >>> 0;
    digits += word.toString(16).padStart(8, '0');
  }
  return digits;
}

/** Addresses come from the names: the same in every run, not guarded against two pods with one address. */
function address(network: number, text: string): string {
  const number = hash(text);
  return `${network}.${number & 255}.${(number >>> 8) & 255}.${1 + ((number >>> 16) % 254)}`;
}

export function nodeAddress(node: string): string {
  return address(192, node);
}

function stateJson(state: ContainerState, id: string): JsonObject {
  if (state.kind === 'waiting')
    return { waiting: { reason: state.reason, ...(state.message ? { message: state.message } : {}) } };
  if (state.kind === 'running') return { running: { startedAt: timestamp(state.startedAt) } };
  const { exitCode, startedAt, finishedAt } = state;
  return {
    terminated: {
      exitCode,
      reason: exitCode === 0 ? 'Completed' : 'Error',
      startedAt: timestamp(startedAt),
      finishedAt: timestamp(finishedAt),
      containerID: id,
    },
  };
}

function statusJson(uid: string, one: Container): JsonObject {
  const ran = one.state.kind !== 'waiting' || one.last !== null;
  const run = one.restarts - (one.state.kind === 'waiting' && one.last !== null ? 1 : 0);
  const id = (number: number) => `containerd://${hex(`${uid}/${one.name}/${number}`)}`;
  const running = one.state.kind === 'running';
  const done = one.init && !one.sidecar && one.state.kind === 'terminated' && one.state.exitCode === 0;
  return {
    name: one.name,
    image: one.image,
    imageID: ran ? `${one.image}@sha256:${hex(one.image)}` : '',
    ...(ran ? { containerID: id(Math.max(0, run)) } : {}),
    ready: running || done,
    started: running,
    restartCount: one.restarts,
    state: stateJson(one.state, id(run)),
    lastState: one.last === null ? {} : stateJson(one.last, id(Math.max(0, one.restarts - 1))),
  };
}

const isTrue = (value: boolean): string => (value ? 'True' : 'False');

/** `lastTransitionTime` of a condition whose status stays what it was does not move. */
function conditionsOf(pod: KubeObject, containers: readonly Container[], phase: Phase, now: number): JsonObject[] {
  const inits = containers.filter((one) => one.init);
  const mains = containers.filter((one) => !one.init || one.sidecar);
  const unready = mains.filter((one) => one.state.kind !== 'running').map((one) => one.name);
  const uninitialised = inits.filter(
    (one) => one.state.kind !== 'terminated' && !(one.sidecar && one.state.kind === 'running'),
  );
  const completed = phase === 'Succeeded' || phase === 'Failed';
  const notReady: JsonObject = completed
    ? { reason: phase === 'Succeeded' ? 'PodCompleted' : 'PodFailed' }
    : { reason: 'ContainersNotReady', message: `containers with unready status: [${unready.join(' ')}]` };
  const ready = unready.length === 0 && !completed;
  const initialised = completed || uninitialised.length === 0;
  const wanted: [string, boolean, JsonObject][] = [
    ['PodReadyToStartContainers', !completed, {}],
    [
      'Initialized',
      initialised,
      initialised
        ? {}
        : {
            reason: 'ContainersNotInitialized',
            message: `containers with incomplete status: [${uninitialised.map((one) => one.name).join(' ')}]`,
          },
    ],
    ['Ready', ready, ready ? {} : notReady],
    ['ContainersReady', ready, ready ? {} : notReady],
  ];
  const known = arrayAt(pod.status, 'conditions');
  return wanted.map(([type, value, why]) => {
    const before = known.find((one) => textAt(one, 'type') === type);
    const status = isTrue(value);
    const moved = textAt(before, 'status') !== status;
    const lastTransitionTime = moved ? timestamp(now) : textAt(before, 'lastTransitionTime');
    // what stood there before has to be taken away by name: conditions are merged
    const none = before === undefined ? {} : { reason: null, message: null };
    return { type, status, ...none, ...why, lastProbeTime: null, lastTransitionTime };
  });
}

export function podStatus(
  pod: KubeObject,
  containers: readonly Container[],
  phase: Phase,
  startTime: number,
  now: number,
): JsonObject {
  const { uid } = pod.metadata;
  const hostIP = nodeAddress(textAt(pod.spec, 'nodeName'));
  const podIP = address(10, uid);
  const inits = containers.filter((one) => one.init).map((one) => statusJson(uid, one));
  return {
    phase,
    startTime: timestamp(startTime),
    hostIP,
    hostIPs: [{ ip: hostIP }],
    podIP,
    podIPs: [{ ip: podIP }],
    conditions: conditionsOf(pod, containers, phase, now),
    ...(inits.length > 0 ? { initContainerStatuses: inits } : {}),
    containerStatuses: containers.filter((one) => !one.init).map((one) => statusJson(uid, one)),
  };
}
