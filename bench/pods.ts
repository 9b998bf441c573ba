/** Pods as kube-scheduler sends them: what users write, after our webhook and the API server's defaults (about 4 kB). */
import { applyPatch } from 'rfc6902';
import { mutatePod } from '../src/admission/mutate.ts';
import { projectPod } from '../src/cluster/projection/pod.ts';
import { GPU_COUNT, GPU_FRACTION, GPU_MEMORY } from '../src/core/names.ts';
import type { PodFacts } from '../src/core/placement/pod-facts.ts';

/** What the pods of a mixed cluster ask for. */
const SHAPES: readonly Readonly<Record<string, string>>[] = [
  { [GPU_FRACTION]: '0.5' },
  { [GPU_FRACTION]: '0.25' },
  { [GPU_FRACTION]: '0.1' },
  { [GPU_MEMORY]: '8Gi' },
  { [GPU_COUNT]: '1' },
  { [GPU_FRACTION]: '0.3', [GPU_COUNT]: '2' },
  { [GPU_FRACTION]: '0.2' },
  { [GPU_COUNT]: '2' },
];

const TOKEN_VOLUME = {
  name: 'kube-api-access-x7k2p',
  projected: {
    defaultMode: 420,
    sources: [
      { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
      { configMap: { items: [{ key: 'ca.crt', path: 'ca.crt' }], name: 'kube-root-ca.crt' } },
      {
        downwardAPI: {
          items: [{ fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' }, path: 'namespace' }],
        },
      },
    ],
  },
};

/** `shape`: any integer; null: no GPU. */
export function podObject(serial: number, shape: number | null = serial): object {
  const annotations = shape === null ? {} : SHAPES[shape % SHAPES.length]!;
  const pod = {
    metadata: {
      name: `train-${serial}-resnet-${serial % 97}`,
      namespace: 'research',
      uid: uidOf(serial),
      resourceVersion: resourceVersionOf(serial),
      creationTimestamp: '2026-11-24T10:00:00Z',
      labels: {
        app: 'resnet',
        'job-name': `train-${serial}`,
        'batch.kubernetes.io/controller-uid': uidOf(7),
        team: 'vision',
      },
      annotations: {
        ...annotations,
        'kubectl.kubernetes.io/default-container': 'main',
        'prometheus.io/scrape': 'true',
      },
      ownerReferences: [
        {
          apiVersion: 'batch/v1',
          kind: 'Job',
          name: `train-${serial}`,
          uid: uidOf(7),
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    spec: {
      schedulerName: 'muster-scheduler',
      volumes: [
        { name: 'data', persistentVolumeClaim: { claimName: 'imagenet' } },
        { name: 'shm', emptyDir: { medium: 'Memory', sizeLimit: '16Gi' } },
        TOKEN_VOLUME,
      ],
      containers: [
        {
          name: 'main',
          image: 'registry.example.com/vision/train:2026.11.1',
          command: ['python3', '-m', 'torch.distributed.run'],
          args: [
            '--nproc-per-node=1',
            'train.py',
            '--epochs',
            '90',
            '--batch-size',
            '256',
            '--data',
            '/data',
            '--checkpoint',
            '/data/checkpoints',
          ],
          env: Array.from({ length: 12 }, (_, at) => ({
            name: `SETTING_${at}`,
            value: `value-${at}-of-the-experiment`,
          })),
          resources: { limits: { cpu: '1', memory: '4Gi' }, requests: { cpu: '500m', memory: '2Gi' } },
          volumeMounts: [
            { name: 'data', mountPath: '/data' },
            { name: 'shm', mountPath: '/dev/shm' },
            { name: TOKEN_VOLUME.name, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount', readOnly: true },
          ],
          terminationMessagePath: '/dev/termination-log',
          terminationMessagePolicy: 'File',
          imagePullPolicy: 'IfNotPresent',
        },
      ],
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 30,
      dnsPolicy: 'ClusterFirst',
      serviceAccountName: 'default',
      serviceAccount: 'default',
      securityContext: {},
      tolerations: ['not-ready', 'unreachable'].map((state) => ({
        key: `node.kubernetes.io/${state}`,
        operator: 'Exists',
        effect: 'NoExecute',
        tolerationSeconds: 300,
      })),
      priority: 0,
      enableServiceLinks: true,
      preemptionPolicy: 'PreemptLowerPriority',
    },
    status: { phase: 'Pending', qosClass: 'Burstable' },
  };
  const mutation = mutatePod(pod, 'research', {
    schedulerNames: ['muster-scheduler'],
    runtimeClassName: 'nvidia',
    runtimeClassExists: () => true,
    largestDeviceMib: 81_559,
    dialects: { aliyunUnit: 'GiB' },
  });
  if (mutation.kind === 'refused') throw new Error(mutation.message);
  if (mutation.kind === 'patched') applyPatch(pod, [...mutation.patch] as Parameters<typeof applyPatch>[1]);
  return pod;
}

export function podFacts(serial: number, shape?: number | null): PodFacts {
  const facts = projectPod(podObject(serial, shape));
  if (facts === null || (shape !== null && facts.ask.kind !== 'request')) throw new Error('the pod asks for no GPU');
  return facts;
}

export const resourceVersionOf = (serial: number): string => String(1_000_000 + serial);

const uidOf = (serial: number): string => `5f0c9a1e-7d42-4b1b-9e3a-${serial.toString(16).padStart(12, '0')}`;
