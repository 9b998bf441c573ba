/**
 * What a user of the simulator writes on a pod to say how its containers behave. `<key>.<container>` is for one container and
 * goes before `<key>`, which is for all of them.
 */
import type { KubeObject } from '../api/object.ts';

const PREFIX = 'sim.muster.dev/';

/** a main container ends so long after its start; without it it runs for ever. An init container: 0 */
export const RUN_SECONDS = `${PREFIX}run-seconds`;
/** from SIGTERM to the end; without it a container needs all its grace and is killed */
export const STOP_SECONDS = `${PREFIX}stop-seconds`;
/** with which code it ends: one number, or one per run (`1,1,0`), the last for all later ones; default 0 */
export const EXIT_CODE = `${PREFIX}exit-code`;
/** from bound (or from the end of a backoff) to started */
export const START_SECONDS = `${PREFIX}start-seconds`;
/** how many pulls of its image fail: a number or `always` */
export const IMAGE_FAILURES = `${PREFIX}image-failures`;
/** the node's kubelet refuses the pod with this reason: `OutOfcpu`, `UnexpectedAdmissionError`, … */
export const REFUSE = `${PREFIX}refuse`;
/** on a node: `down` stops its kubelet (no leases, nothing starts, nothing ends) until it is taken away */
export const KUBELET = `${PREFIX}kubelet`;

function setting(pod: KubeObject, key: string, container: string): string | undefined {
  const annotations = pod.metadata.annotations;
  return annotations?.[`${key}.${container}`] ?? annotations?.[key];
}

/** ms; null without the annotation. A text that is no number counts as 0. */
function msOf(text: string | undefined): number | null {
  if (text === undefined) return null;
  const seconds = Number(text);
  return Number.isFinite(seconds) ? Math.max(0, seconds * 1000) : 0;
}

export function runMs(pod: KubeObject, container: string, init: boolean): number | null {
  const own = pod.metadata.annotations?.[`${RUN_SECONDS}.${container}`];
  return init ? (msOf(own) ?? 0) : msOf(setting(pod, RUN_SECONDS, container));
}

export function stopMs(pod: KubeObject, container: string): number | null {
  return msOf(setting(pod, STOP_SECONDS, container));
}

export function startMs(pod: KubeObject): number | null {
  return msOf(pod.metadata.annotations?.[START_SECONDS]);
}

/** `run` counts from 0. An init container only heeds a code of its own. */
export function exitCode(pod: KubeObject, container: string, init: boolean, run: number): number {
  const own = pod.metadata.annotations?.[`${EXIT_CODE}.${container}`];
  const text = init ? own : setting(pod, EXIT_CODE, container);
  if (text === undefined) return 0;
  const codes = text.split(',').map(Number);
  return codes[Math.min(run, codes.length - 1)] || 0;
}

export function imageFailures(pod: KubeObject, container: string): number {
  const text = setting(pod, IMAGE_FAILURES, container);
  if (text === undefined) return 0;
  return text === 'always' ? Number.POSITIVE_INFINITY : Number(text) || 0;
}

export function refusal(pod: KubeObject): string | null {
  return pod.metadata.annotations?.[REFUSE] ?? null;
}
