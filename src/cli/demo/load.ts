/**
 * The demo's users: pods of a few teams arrive at a steady rate, more when asked for. Whatever is evicted or preempted is created
 * again under its next name, as a Job controller would.
 */
import { GPU_COUNT, GPU_FRACTION, MIN_MEMBER, POD_GROUP_LABEL, SCHEDULER_NAME } from '../../core/names.ts';
import type { Rng } from '../../kube/ports.ts';
import { isObject, type JsonObject, objectAt, textAt } from '../../sim/api/object.ts';
import { arrivingPod } from '../../sim/arrivals.ts';
import { RUN_SECONDS, STOP_SECONDS } from '../../sim/kubelet/settings.ts';
import { seededRng, weighted } from '../../sim/seeded-rng.ts';
import { MEAN_RUN_SECONDS } from './options.ts';
import { TEAM, URGENT_CLASS } from './project.ts';

export const NAMESPACE = 'demo';
/** initials differ: they stand for the teams where there are no colours */
export const TEAMS = ['audio', 'chat', 'maps', 'vision'] as const;
export const URGENT_TEAM = 'urgent';
const HIGH_CLASS = 'demo-high';
/** a mix in which some pods matter more */
const PRIORITIES = [
  [8, ''],
  [1, HIGH_CLASS],
] as const;
const BURST = 30;
/** every so many pods a gang comes */
const GANG_EVERY = 15;
const GANG_PODS = [3, 4, 6, 8] as const;
const URGENT_GPUS = 4;
const URGENT_RUN_SECONDS = 15;

export const PRIORITY_CLASSES = { [HIGH_CLASS]: 1_000, [URGENT_CLASS]: 1_000_000 };

export type LoadOptions = {
  readonly seed: number;
  /** pods per second */
  readonly rate: number;
  readonly create: (pod: JsonObject) => void;
};

export class Load {
  readonly #options: LoadOptions;
  readonly #rng: Rng;
  readonly #teams: Rng;
  /** pods that have not ended yet, by name */
  readonly #bodies = new Map<string, JsonObject>();
  #timer: NodeJS.Timeout | null = null;
  #serial = 0;
  #urgent = 0;
  paused = false;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#rng = seededRng(options.seed);
    this.#teams = seededRng(options.seed + 1);
  }

  /** Exponential gaps, so that pods come in clumps as users send them. */
  start(): void {
    if (!this.paused) {
      this.#create(this.#next());
      if (this.#serial % GANG_EVERY === 0) this.gang();
    }
    const gap = -Math.log(1 - this.#rng.next()) * 1000;
    this.#timer = setTimeout(() => this.start(), gap / this.#options.rate);
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#bodies.clear();
  }

  /** Returns how many pods that is. */
  burst(): number {
    for (let at = 0; at < BURST; at += 1) this.#create(this.#next());
    return BURST;
  }

  /** Pods that start together or not at all, with half a GPU each, and run equally long. Returns the gang's name. */
  gang(): string {
    const body = this.#next();
    const gang = `${textAt(objectAt(body.metadata, 'labels'), TEAM)}-g${this.#serial}`;
    const size = GANG_PODS[Math.floor(this.#teams.next() * GANG_PODS.length)]!;
    const { [RUN_SECONDS]: seconds, [STOP_SECONDS]: stop } = objectAt(body.metadata, 'annotations');
    for (let at = 0; at < size; at += 1)
      this.#create({
        ...body,
        metadata: {
          name: `${gang}-${at}`,
          namespace: NAMESPACE,
          labels: { ...objectAt(body.metadata, 'labels'), [POD_GROUP_LABEL]: gang },
          annotations: {
            [GPU_FRACTION]: '0.5',
            [MIN_MEMBER]: String(size),
            ...(seconds !== undefined && { [RUN_SECONDS]: seconds }),
            ...(stop !== undefined && { [STOP_SECONDS]: stop }),
          },
        },
      });
    return gang;
  }

  /** Whole GPUs at a priority that nothing else has. Returns what was asked for, in words. */
  urgent(): string {
    this.#urgent += 1;
    const name = `${URGENT_TEAM}-${this.#urgent}`;
    this.#create({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name,
        namespace: NAMESPACE,
        labels: { app: 'urgent', [TEAM]: URGENT_TEAM },
        annotations: {
          [GPU_COUNT]: String(URGENT_GPUS),
          [RUN_SECONDS]: String(URGENT_RUN_SECONDS),
          [STOP_SECONDS]: '1',
        },
      },
      spec: {
        schedulerName: SCHEDULER_NAME,
        restartPolicy: 'Never',
        priorityClassName: URGENT_CLASS,
        terminationGracePeriodSeconds: 5,
        containers: [
          { name: 'main', image: 'registry.k8s.io/pause:3.10', resources: { requests: { cpu: '4', memory: '16Gi' } } },
        ],
      },
    });
    return `${name} wants ${URGENT_GPUS} whole GPUs of one node, before all others`;
  }

  /** A pod ended well: nobody needs it again. */
  ended(name: string): void {
    this.#bodies.delete(name);
  }

  /** A pod is gone. */
  gone(name: string): void {
    const body = this.#bodies.get(name);
    if (body === undefined) return;
    this.#bodies.delete(name);
    this.#create(alone(renamed(body, nextName(name))));
  }

  #next(): JsonObject {
    this.#serial += 1;
    const pod = arrivingPod(this.#rng, this.#serial, {
      namespace: NAMESPACE,
      meanRunSeconds: MEAN_RUN_SECONDS,
      priorities: PRIORITIES,
    });
    const team = weighted(
      this.#teams,
      TEAMS.map((one, at) => [TEAMS.length - at, one] as const),
    );
    const labels = { ...objectAt(pod.metadata, 'labels'), [TEAM]: team };
    return renamed(
      { ...pod, metadata: { ...(isObject(pod.metadata) ? pod.metadata : {}), labels } },
      `${team}-${this.#serial}`,
    );
  }

  #create(pod: JsonObject): void {
    this.#bodies.set(textAt(pod.metadata, 'name'), pod);
    this.#options.create(pod);
  }
}

/** What is done again of a gang is done alone: the others may have ended meanwhile and would never be enough again. */
function alone(pod: JsonObject): JsonObject {
  const { [POD_GROUP_LABEL]: _gang, ...labels } = objectAt(pod.metadata, 'labels');
  const { [MIN_MEMBER]: _least, ...annotations } = objectAt(pod.metadata, 'annotations');
  return { ...pod, metadata: { ...objectAt(pod, 'metadata'), labels, annotations } };
}

function renamed(pod: JsonObject, name: string): JsonObject {
  return { ...pod, metadata: { ...(isObject(pod.metadata) ? pod.metadata : {}), name } };
}

/** `chat-7` → `chat-7-b` → `chat-7-c` …: the same work, tried again */
function nextName(name: string): string {
  const [, base = name, letter] = /^(.+-\d+)(?:-([a-z]))?$/.exec(name) ?? [];
  const next = letter === undefined ? 'b' : letter === 'z' ? 'z' : String.fromCharCode(letter.charCodeAt(0) + 1);
  return `${base}-${next}`;
}
