/** A reproducible mixture of nodes and pods of all dialects, sized so that everything fits. */
import type { Pod } from './kube.ts';
import { devicesOf, type NodeSpec } from './nodes.ts';
import { fraction, gpushare, hami, kaiFraction, memory, type PodOptions, pod, wholeGpus } from './pods.ts';

/** A dozen nodes with three models, told by all three sources: 12 × 8 devices. */
export function mixedNodes(): NodeSpec[] {
  const models = [
    ['NVIDIA-A100-SXM4-80GB', 81920],
    ['NVIDIA-L40S', 46068],
    ['Tesla-T4', 15360],
  ] as const;
  const sources = ['gfd', 'slices', 'annotation'] as const;
  return Array.from({ length: 12 }, (_, at) => {
    const [model, mib] = models[at % models.length]!;
    // Model and source out of step, so that each model is told by each source.
    const source = sources[Math.floor(at / models.length) % sources.length]!;
    return { name: `node-${at}`, source, devices: devicesOf(8, model, mib), pods: '500', cpu: '512', memory: '2048Gi' };
  });
}

/**
 * `count` pods: fractions, memory-only, cores, whole devices, several containers, and pods without a GPU. On average they take 70
 * thousandths of a device, so 1,000 of them take about 70 devices.
 */
export function mixedPods(count: number, prefix = 'p', options: PodOptions = {}): Pod[] {
  const shapes: ((name: string) => Pod)[] = [
    (name) => fraction(name, '0.1', options),
    (name) => kaiFraction(name, '0.05', options),
    (name) => memory(name, '512', options),
    (name) => hami(name, 1024, 5, options),
    (name) => gpushare(name, 1, options),
    (name) => fraction(name, '0.05', options),
    (name) => memory(name, '1Gi', options),
    (name) => pod(name, options),
    (name) => fraction(name, '0.25', options),
    (name) => twoContainers(name, options),
    (name) => fraction(name, '0.03', options),
    (name) => hami(name, 2000, 10, options),
  ];
  return Array.from({ length: count }, (_, at) => {
    const name = `${prefix}-${at}`;
    if (at % 100 === 50) return wholeGpus(name, 1, options);
    return shapes[(at * 7) % shapes.length]!(name);
  });
}

function twoContainers(name: string, options: PodOptions): Pod {
  const two = pod(name, {
    ...options,
    annotations: {
      'muster.dev/gpu-fraction.main': '0.05',
      'muster.dev/gpu-memory.side': '256',
      ...options.annotations,
    },
  });
  two.spec.containers.push({ name: 'side', image: 'registry.example/side:1' });
  return two;
}

/** names of pods that ask for GPUs */
export function wantGpus(pods: readonly Pod[]): string[] {
  const asks = (each: Pod): boolean =>
    each.metadata.annotations !== undefined ||
    each.spec.containers.some(({ resources }) => Object.keys(resources?.limits ?? {}).length > 0);
  return pods.filter(asks).map((each) => each.metadata.name);
}
