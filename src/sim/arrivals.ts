/** A seeded stream of pods as users write them: fractions, memory, several GPUs, CPU only; with lifetimes and priorities. */
import { GPU_COUNT, GPU_FRACTION, GPU_MEMORY, SCHEDULER_NAME } from '../core/names.ts';
import type { Rng } from '../kube/ports.ts';
import type { JsonObject } from './api/object.ts';
import { RUN_SECONDS, STOP_SECONDS } from './kubelet/settings.ts';
import { weighted } from './seeded-rng.ts';

export type ArrivalOptions = {
  readonly namespace: string;
  /** mean lifetime; 0: pods run for ever */
  readonly meanRunSeconds: number;
  /** names of PriorityClasses to draw from by weight; '' is none */
  readonly priorities?: readonly (readonly [weight: number, name: string])[];
  readonly schedulerName?: string;
};

type Shape = {
  readonly kind: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly cpu: string;
  readonly memory: string;
};

function drawShape(rng: Rng): Shape {
  const kind = weighted(rng, [
    [46, 'fraction'],
    [18, 'memory'],
    [14, 'whole'],
    [8, 'multi'],
    [6, 'many-fractions'],
    [8, 'cpu'],
  ] as const);
  const tenths = 1 + Math.floor(rng.next() * 9);
  switch (kind) {
    case 'fraction':
      return { kind, annotations: { [GPU_FRACTION]: `0.${tenths}` }, cpu: '1', memory: '4Gi' };
    case 'memory':
      return {
        kind,
        annotations: {
          [GPU_MEMORY]: `${weighted(rng, [
            [3, 2],
            [3, 4],
            [3, 8],
            [2, 12],
            [1, 24],
          ])}Gi`,
        },
        cpu: '1',
        memory: '4Gi',
      };
    case 'whole':
      return { kind, annotations: { [GPU_COUNT]: '1' }, cpu: '4', memory: '16Gi' };
    case 'multi':
      return {
        kind,
        annotations: {
          [GPU_COUNT]: String(
            weighted(rng, [
              [5, 2],
              [3, 4],
              [1, 8],
            ]),
          ),
        },
        cpu: '8',
        memory: '32Gi',
      };
    case 'many-fractions':
      return {
        kind,
        annotations: { [GPU_COUNT]: '2', [GPU_FRACTION]: `0.${Math.max(2, tenths)}` },
        cpu: '2',
        memory: '8Gi',
      };
    default:
      return { kind, annotations: {}, cpu: '2', memory: '4Gi' };
  }
}

/** The next pod of the stream. `serial` ends its name. */
export function arrivingPod(rng: Rng, serial: number, options: ArrivalOptions): JsonObject {
  const shape = drawShape(rng);
  // exponential, so that the cluster sees short and long runs mixed
  const seconds = Math.max(1, Math.round(-Math.log(1 - rng.next()) * options.meanRunSeconds));
  const priority = weighted(rng, options.priorities ?? [[1, '']]);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `${shape.kind}-${serial}`,
      namespace: options.namespace,
      labels: { app: shape.kind },
      annotations: {
        ...shape.annotations,
        ...(options.meanRunSeconds > 0 ? { [RUN_SECONDS]: String(seconds) } : {}),
        [STOP_SECONDS]: '1',
      },
    },
    spec: {
      schedulerName: options.schedulerName ?? SCHEDULER_NAME,
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 5,
      ...(priority === '' ? {} : { priorityClassName: priority }),
      containers: [
        {
          name: 'main',
          image: 'registry.k8s.io/pause:3.10',
          resources: { requests: { cpu: shape.cpu, memory: shape.memory } },
        },
      ],
    },
  };
}
