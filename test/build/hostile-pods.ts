/**
 * Pods that a hostile, careless or unlucky user could write: a seed gives the same pods again. Each starts from a dialect and gets
 * one to three twists. They are JSON as a client sends it; an API server refuses some of them itself.
 */
import type { Rng } from '../../src/kube/ports.ts';
import { seededRng } from '../../src/sim/seeded-rng.ts';

type Texts = Record<string, string>;
export type HostileContainer = {
  name: string;
  image: string;
  restartPolicy?: string;
  env?: unknown[];
  volumeMounts?: unknown[];
  resources?: { limits?: Texts; requests?: Texts };
};
export type HostilePod = {
  apiVersion: 'v1';
  kind: 'Pod';
  metadata: { name: string; namespace: string; annotations: Texts; labels: Texts };
  spec: Record<string, unknown> & { containers: HostileContainer[]; initContainers?: HostileContainer[] };
};
export type Hostile = { readonly pod: HostilePod; readonly twists: readonly string[] };

export type HostileOptions = {
  /** where pods that choose their own node go */
  readonly ownNode: string;
  /** larger pods cost an API server seconds; default all */
  readonly bulk?: number;
};

const AMOUNTS = [
  '0',
  '-1',
  '1',
  '2',
  '0.5',
  '1e3',
  '1e99',
  '0.0001',
  '17',
  '1025',
  'NaN',
  '∞',
  '',
  ' 1',
  '0x10',
  '9'.repeat(60),
  '1Ei',
  '100m',
];
const PROTOTYPE = ['constructor', 'tostring', 'hasownproperty', 'valueof', 'proto'];

export function hostilePods(seed: number, count: number, options: HostileOptions): Hostile[] {
  const rng = seededRng(seed);
  return Array.from({ length: count }, (_, at) => hostilePod(rng, at, options));
}

function hostilePod(rng: Rng, at: number, options: HostileOptions): Hostile {
  const pick = <T>(items: readonly T[]): T => items[Math.floor(rng.next() * items.length)]!;
  const pod: HostilePod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `hostile-${at}`, namespace: 'default', annotations: {}, labels: {} },
    spec: {
      schedulerName: 'muster-scheduler',
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'main', image: 'none' }],
    },
  };
  const main = pod.spec.containers[0]!;
  const annotate = (more: Texts): void => void Object.assign(pod.metadata.annotations, more);
  const limit = (more: Texts, container = main): void => {
    container.resources = { ...container.resources, limits: { ...container.resources?.limits, ...more } };
  };
  const setSpec = (fields: Record<string, unknown>): void => void Object.assign(pod.spec, fields);
  const setMain = (fields: Partial<HostileContainer>): void => void Object.assign(main, fields);
  const setEnv = (...entries: unknown[]): void => setMain({ env: [...(main.env ?? []), ...entries] });

  const asks: Record<string, () => void> = {
    nothing: () => {},
    fraction: () => annotate({ 'muster.dev/gpu-fraction': pick(['0.5', '0.1', '0.01', '0.001', '1']) }),
    memory: () => annotate({ 'muster.dev/gpu-memory': pick(['1Gi', '512', '4096', '1']) }),
    whole: () => limit({ 'nvidia.com/gpu': pick(['1', '2']) }),
    kai: () => annotate({ 'gpu-fraction': pick(['0.5', '0.25']) }),
    hami: () => limit({ 'nvidia.com/gpu': '1', 'nvidia.com/gpumem': '2000', 'nvidia.com/gpucores': '10' }),
    aliyun: () => limit({ 'aliyun.com/gpu-mem': '2' }),
    json: () =>
      annotate({
        'muster.dev/request': JSON.stringify({
          containers: [{ name: 'main', count: 1, milli: 100, memory: { milli: 100 } }],
        }),
      }),
  };
  const twists: Record<string, () => void> = {
    'two dialects that disagree': () => annotate({ 'muster.dev/gpu-fraction': '0.3', 'gpu-fraction': '0.7' }),
    'an absurd amount': () =>
      annotate({
        [pick([
          'muster.dev/gpu-fraction',
          'muster.dev/gpu-memory',
          'muster.dev/gpu-count',
          'muster.dev/gpu-cores',
          'gpu-memory',
        ])]: pick(AMOUNTS),
      }),
    'an absurd limit': () =>
      limit({
        [pick(['nvidia.com/gpu', 'nvidia.com/gpumem', 'aliyun.com/gpu-mem', 'koordinator.sh/gpu'])]: pick(AMOUNTS),
      }),
    'a container name of 63 characters': () => setMain({ name: `a${'b'.repeat(61)}c` }),
    'a container name of 64 characters': () => setMain({ name: 'b'.repeat(64) }),
    'a name of 253 characters': () =>
      void Object.assign(pod.metadata, { name: `${pod.metadata.name}-${'x'.repeat(252 - pod.metadata.name.length)}` }),
    '100 containers': () => {
      for (let n = 0; n < 99; n++) pod.spec.containers.push({ name: `c-${n}`, image: 'none' });
    },
    '100 containers that all ask': () => {
      for (let n = 0; n < 99; n++) {
        pod.spec.containers.push({ name: `d-${n}`, image: 'none' });
        annotate({ [`muster.dev/gpu-fraction.d-${n}`]: '0.01' });
      }
    },
    'a name of Object’s own': () => {
      const name = pick(PROTOTYPE);
      pod.spec.containers.push({ name, image: 'none' });
      annotate({ [`muster.dev/gpu-fraction.${name}`]: '0.1', [name]: 'x' });
    },
    'unicode in the amounts': () =>
      annotate({ 'muster.dev/gpu-fraction': pick(['0.５', '½', '0,5', '0.5\u202e', '\u0000', '🙂']) }),
    'unicode in a model': () => annotate({ 'muster.dev/gpu-model': '\u202eA100\u0007\u001b[31m' }),
    'its own NVIDIA_VISIBLE_DEVICES': () =>
      setEnv({ name: 'NVIDIA_VISIBLE_DEVICES', value: pick(['all', '0,1', 'void', '']) }),
    'NVIDIA_VISIBLE_DEVICES twice': () =>
      setEnv({ name: 'NVIDIA_VISIBLE_DEVICES', value: 'void' }, { name: 'NVIDIA_VISIBLE_DEVICES', value: 'all' }),
    'a limit variable of its own': () => setEnv({ name: 'CUDA_DEVICE_MEMORY_LIMIT_0', value: '999999m' }),
    'devices of another slot': () =>
      setEnv({
        name: 'NVIDIA_VISIBLE_DEVICES',
        valueFrom: { fieldRef: { fieldPath: "metadata.annotations['muster.dev/visible-devices.c7']" } },
      }),
    'annotations of 200 KiB': () => annotate({ 'example.com/large': 'q'.repeat(200 * 1024) }),
    'annotations beyond the limit': () => annotate({ 'example.com/large': 'q'.repeat(300 * 1024) }),
    'a forged claim': () =>
      annotate({ 'muster.dev/claim': '{"containers":[{"name":"main","slot":"c0","devices":[]}]}' }),
    'forged devices': () => annotate({ 'muster.dev/visible-devices.c0': 'all' }),
    'a forged plan': () => annotate({ 'muster.dev/plan': '{"node":"node-0"}' }),
    'gpu-milli by hand, too little': () => limit({ 'muster.dev/gpu-milli': '1' }),
    'gpu-milli by hand, far too much': () => limit({ 'muster.dev/gpu-milli': '999999999' }),
    'gpu-milli on another container': () => {
      const other = { name: 'other', image: 'none' };
      pod.spec.containers.push(other);
      limit({ 'muster.dev/gpu-milli': '500' }, other);
    },
    'gpu-milli as a request alone': () =>
      setMain({ resources: { ...main.resources, requests: { 'muster.dev/gpu-milli': '5' } } }),
    'init containers and a sidecar that ask': () => {
      pod.spec.initContainers = [
        { name: 'init', image: 'none' },
        { name: 'side', image: 'none', restartPolicy: 'Always' },
      ];
      annotate({ 'muster.dev/gpu-fraction.init': '0.5', 'muster.dev/gpu-fraction.side': '0.25' });
    },
    'two containers of one name': () => pod.spec.containers.push({ name: main.name, image: 'none' }),
    'affinity of thousands of terms': () =>
      setSpec({
        affinity: {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: Array.from({ length: options.bulk ?? 4_000 }, (_, n) => ({
                matchExpressions: [{ key: `k${n}`, operator: 'NotIn', values: ['v'] }],
              })),
            },
          },
        },
      }),
    'affinity that matches nothing': () =>
      setSpec({
        affinity: {
          nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{}] } },
        },
      }),
    'affinity to numbers that are none': () =>
      setSpec({
        affinity: {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [{ matchExpressions: [{ key: 'x', operator: 'Gt', values: ['9'.repeat(40)] }] }],
            },
          },
        },
      }),
    MIG: () => limit({ 'nvidia.com/mig-1g.5gb': '1' }),
    'opted out': () => annotate({ 'muster.dev/managed': 'false' }),
    'opted out in other words': () => annotate({ 'muster.dev/managed': 'False' }),
    'an ephemeral container from the start': () => setSpec({ ephemeralContainers: [{ name: 'debug', image: 'none' }] }),
    'a gate of somebody else': () => setSpec({ schedulingGates: [{ name: 'example.com/wait' }] }),
    'the network of the host': () => setSpec({ hostNetwork: true }),
    'the annotation of a mirror pod': () => annotate({ 'kubernetes.io/config.mirror': 'x' }),
    'a node of its own choice': () => setSpec({ nodeName: options.ownNode }),
    'a CDI annotation': () => annotate({ 'cdi.k8s.io/x': 'nvidia.com/gpu=all' }),
    'a request that is no JSON': () => annotate({ 'muster.dev/request': '{' }),
    'a request nested deeply': () => annotate({ 'muster.dev/request': '['.repeat(50_000) }),
    'a request for a container that is not there': () => annotate({ 'muster.dev/gpu-fraction.nobody': '0.5' }),
    'a huge gang': () => {
      pod.metadata.labels['muster.dev/pod-group'] = 'g';
      annotate({ 'muster.dev/min-member': '999999999999' });
    },
    'a priority of another class': () => setSpec({ priorityClassName: 'system-node-critical' }),
    'a long reason why': () => annotate({ 'muster.dev/device-policy': 'pack'.repeat(500) }),
  };
  const chosen = [pick(Object.keys(asks))];
  asks[chosen[0]!]!();
  for (let left = 1 + Math.floor(rng.next() * 2.2); left > 0; left--) {
    const twist = pick(Object.keys(twists));
    if (chosen.includes(twist)) continue;
    twists[twist]!();
    chosen.push(twist);
  }
  return { pod, twists: chosen };
}
