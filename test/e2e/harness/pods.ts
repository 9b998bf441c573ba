/** Pods as users of every dialect write them. All run in one container `main` unless a shape says otherwise. */
import type { Container, Pod } from './kube.ts';

export type PodOptions = {
  namespace?: string;
  annotations?: Record<string, string>;
  labels?: Record<string, string>;
  schedulerName?: string;
  limits?: Record<string, string>;
  requests?: Record<string, string>;
  spec?: Partial<Pod['spec']>;
};

/** A pod that ends at once when it is deleted (there is no kubelet that would end it). */
export function pod(name: string, options: PodOptions = {}): Pod {
  const resources: NonNullable<Container['resources']> = {
    requests: { cpu: '100m', memory: '64Mi', ...options.requests },
    ...(options.limits === undefined ? {} : { limits: options.limits }),
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: options.namespace ?? 'default',
      ...(options.annotations === undefined ? {} : { annotations: options.annotations }),
      ...(options.labels === undefined ? {} : { labels: options.labels }),
    },
    spec: {
      schedulerName: options.schedulerName ?? 'muster-scheduler',
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'main', image: 'registry.example/cuda:12', resources }],
      ...options.spec,
    },
  };
}

/** share of one device, as `0.5`; Muster's own annotation */
export function fraction(name: string, share: string, options: PodOptions = {}): Pod {
  return pod(name, { ...options, annotations: { 'muster.dev/gpu-fraction': share, ...options.annotations } });
}

/** device memory in MiB or as a quantity */
export function memory(name: string, amount: string, options: PodOptions = {}): Pod {
  return pod(name, { ...options, annotations: { 'muster.dev/gpu-memory': amount, ...options.annotations } });
}

/** whole devices as plain Kubernetes writes them */
export function wholeGpus(name: string, count: number, options: PodOptions = {}): Pod {
  return pod(name, { ...options, limits: { 'nvidia.com/gpu': String(count), ...options.limits } });
}

/** KAI and Run:ai */
export function kaiFraction(name: string, share: string, options: PodOptions = {}): Pod {
  return pod(name, { ...options, annotations: { 'gpu-fraction': share, ...options.annotations } });
}

/** HAMi: one virtual GPU with `mib` of memory and `cores` hundredths of compute */
export function hami(name: string, mib: number, cores: number, options: PodOptions = {}): Pod {
  const limits = { 'nvidia.com/gpu': '1', 'nvidia.com/gpumem': String(mib), 'nvidia.com/gpucores': String(cores) };
  return pod(name, { ...options, limits: { ...limits, ...options.limits } });
}

/** Aliyun gpushare: GiB of memory on one device */
export function gpushare(name: string, gib: number, options: PodOptions = {}): Pod {
  return pod(name, { ...options, limits: { 'aliyun.com/gpu-mem': String(gib), ...options.limits } });
}
