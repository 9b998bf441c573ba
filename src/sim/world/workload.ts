/** The pods of a world: small, many, of every kind, so that devices are always short; and what users do to them. */
import { GPU_COUNT, GPU_FRACTION, GPU_MEMORY, REQUEST, SCHEDULER_NAME, WAIT } from '../../core/names.ts';
import type { JsonObject, KubeObject } from '../api/object.ts';
import { RUN_SECONDS, STOP_SECONDS } from '../kubelet/settings.ts';
import type { Chance } from './chance.ts';
import { WANTS, type Wants } from './oracle/gpus.ts';

export const NAMESPACE = 'default';
export const PRIORITY_CLASSES = { high: 1000, urgent: 2000 } as const;

export type Ask = { readonly annotations: Readonly<Record<string, string>>; readonly wants: Wants | null };

/**
 * What a day is like: `mixed`, or `contended`: unimportant pods fill the cluster and stay, important ones come and have them evicted, and
 * small unimportant ones keep coming and would take what was freed for them.
 */
export type Day = 'mixed' | 'contended';

/** Small in compute, `mib` in memory. */
export function drawnRival(chance: Chance, name: string, serial: number, mib: number): JsonObject {
  const ask: Ask = { annotations: { [GPU_MEMORY]: String(mib) }, wants: { count: 1, milli: 0, mib } };
  return drawnPod(chance, name, serial, { ask, priorityClassName: null, cpu: '250m' });
}

type Given = {
  readonly ask?: Ask;
  readonly priorityClassName?: string | null;
  readonly cpu?: string;
  readonly annotations?: Readonly<Record<string, string>>;
};

/** The first so many pods of a contended day fill it. */
const FILLERS = 16;

/** A pod of a contended day, the `at`th that comes. */
export function drawnContender(chance: Chance, at: number, name: string, serial: number): JsonObject {
  const purpose = `contender ${serial}`;
  const filler = at < FILLERS;
  const important = !filler && chance.draw(purpose) < 0.45;
  // kube-scheduler's own sums say that a small one has room beside whoever is nominated; on which device, only we know
  const milli = filler
    ? chance.pick(purpose, [600, 700, 800])
    : important
      ? 1000
      : chance.pick(purpose, [200, 300, 400]);
  const annotations = milli === 1000 ? { [GPU_COUNT]: '1' } : { [GPU_FRACTION]: `0.${milli / 100}` };
  const priorityClassName = important ? chance.pick(purpose, ['high', 'high', 'urgent']) : null;
  return drawnPod(chance, name, serial, {
    ask: { annotations, wants: fraction(1, milli) },
    priorityClassName,
    cpu: '250m',
  });
}

/** A pod of which every seed has dozens. `name` may have been used before. `given`: what is not left to chance. */
export function drawnPod(chance: Chance, name: string, serial: number, given: Given = {}) {
  const purpose = `pod ${serial}`;
  const { annotations, wants } = given.ask ?? drawnAsk(chance, purpose);
  const length = chance.draw(purpose);
  const priority = chance.draw(purpose);
  // the later, the more important: by then devices are full, and who comes must preempt
  const late = Math.min(1, serial / 40);
  const drawn = priority < 0.05 + 0.3 * late ? 'urgent' : priority < 0.15 + 0.6 * late ? 'high' : null;
  const priorityClassName = given.priorityClassName === undefined ? drawn : given.priorityClassName;
  // the unimportant stay: they fill the cluster until somebody evicts them
  const runs = length < (priorityClassName === null ? 0.3 : 0.7);
  // those that take their time to end keep a preemptor waiting, while others come and go around it
  const slow = chance.draw(purpose) < 0.35;
  const grace = slow ? chance.whole(purpose, 8, 25) : chance.whole(purpose, 1, 8);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: NAMESPACE,
      annotations: {
        ...annotations,
        ...given.annotations,
        // without a placer it says nothing
        ...(chance.draw(`waits ${serial}`) < 0.3 ? { [WAIT]: 'true' } : {}),
        ...(wants === null ? {} : { [WANTS]: JSON.stringify(wants) }),
        ...(runs ? { [RUN_SECONDS]: String(chance.whole(purpose, 3, 40)) } : {}),
        [STOP_SECONDS]: String(slow ? grace : chance.whole(purpose, 0, 4)),
      },
    },
    spec: {
      schedulerName: SCHEDULER_NAME,
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: grace,
      ...(priorityClassName === null ? {} : { priorityClassName }),
      containers: [
        {
          name: 'main',
          image: 'registry.k8s.io/pause:3.10',
          resources: {
            requests: { cpu: given.cpu ?? chance.pick(purpose, ['250m', '500m', '1', '2']), memory: '1Gi' },
          },
        },
      ],
    },
  };
}

export function drawnAsk(chance: Chance, purpose: string): Ask {
  const kind = chance.draw(purpose);
  const tenths = chance.whole(purpose, 1, 9);
  if (kind < 0.45) return { annotations: { [GPU_FRACTION]: `0.${tenths}` }, wants: fraction(1, tenths * 100) };
  if (kind < 0.65) {
    const mib = chance.pick(purpose, [1_024, 2_048, 4_096, 7_680, 12_288]);
    return { annotations: { [GPU_MEMORY]: String(mib) }, wants: { count: 1, milli: 0, mib } };
  }
  if (kind < 0.8) {
    const count = chance.draw(purpose) < 0.7 ? 1 : 2;
    return { annotations: { [GPU_COUNT]: String(count) }, wants: fraction(count, 1000) };
  }
  if (kind < 0.92) {
    return {
      annotations: { [GPU_COUNT]: '2', [GPU_FRACTION]: `0.${tenths}` },
      wants: fraction(2, tenths * 100),
    };
  }
  return { annotations: {}, wants: null };
}

export const fraction = (count: number, milli: number): Wants => ({ count, milli, mib: null });

/** What an edit makes of a pod's annotations, as a merge patch: less, more, nonsense, or something that is nobody's business. */
export function drawnEdit(pod: KubeObject, size: number): JsonObject {
  const annotations = (changed: Record<string, string>): JsonObject => ({ metadata: { annotations: changed } });
  const wants = pod.metadata.annotations?.[WANTS];
  if (wants === undefined || size < 0.3) return annotations({ 'example.com/note': String(size) });
  if (size < 0.45) return annotations({ [REQUEST]: '{"containers":{"main":{"fraction":"two"}}}' });
  const { count, mib } = JSON.parse(wants) as Wants;
  if (mib !== null) {
    const edited = size < 0.8 ? Math.floor(mib / 2) : mib * 2;
    return annotations({
      [REQUEST]: JSON.stringify({ containers: { main: { count, memory: edited } } }),
      [WANTS]: JSON.stringify({ count, milli: 0, mib: edited }),
    });
  }
  const milli = size < 0.8 ? 50 : 950;
  return annotations({
    [REQUEST]: JSON.stringify({ containers: { main: { count, fraction: milli / 1000 } } }),
    [WANTS]: JSON.stringify({ count, milli, mib: null }),
  });
}
