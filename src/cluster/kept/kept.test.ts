import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hostileVariants } from '../../../test/build/hostile-json.ts';
import { hostilePods } from '../../../test/build/hostile-pods.ts';
import { DEFAULT_DIALECT_OPTIONS } from '../../dialects/reading.ts';
import { projectNode } from '../projection/node.ts';
import { projectPdb } from '../projection/pdb.ts';
import { projectPod, projectPodAs } from '../projection/pod.ts';
import { projectSlice } from '../projection/slice.ts';
import { keepNode, keepPdb, keepSlice } from './keep-objects.ts';
import { keepPod } from './keep-pod.ts';
import { toldAs } from './kinds.ts';

const CANARY = 'canary-3f9c';

/** Everything that a projection reads, and in everything else a canary. */
const POD = {
  metadata: {
    uid: 'u1',
    namespace: 'team',
    name: 'p',
    labels: { app: 'a', 'muster.dev/pod-group': 'g' },
    annotations: {
      'muster.dev/gpu-fraction': '0.5',
      'muster.dev/min-member': '2',
      'gpu-memory': '100',
      'nvidia.com/use-gputype': 'A100',
      'hami.io/gpu-scheduler-policy': 'spread',
      'scheduling.k8s.io/group-name': 'g',
      'cdi.k8s.io/vendor': `nvidia.com/gpu=${CANARY}`,
      'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify({ env: [{ value: CANARY }] }),
      [`team.example/${CANARY}`]: CANARY,
      password: CANARY,
    },
    managedFields: [{ manager: CANARY }],
    finalizers: [CANARY],
    creationTimestamp: '2026-01-01T00:00:00Z',
    ownerReferences: [{ kind: 'DaemonSet', uid: 'o1', name: CANARY, controller: true }],
  },
  spec: {
    schedulerName: 'muster-scheduler',
    priority: 7,
    preemptionPolicy: 'Never',
    terminationGracePeriodSeconds: 5,
    serviceAccountName: CANARY,
    volumes: [{ name: 'token', secret: { secretName: CANARY } }],
    imagePullSecrets: [{ name: CANARY }],
    hostAliases: [{ ip: '::1', hostnames: [CANARY] }],
    schedulingGates: [{ name: 'muster.dev/placement' }],
    nodeSelector: { zone: 'x' },
    tolerations: [{ key: 'gpu', effect: 'NoSchedule' }, { operator: 'Exists' }, { key: 'k', operator: 'Maybe' }],
    affinity: {
      podAffinity: { note: CANARY },
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [
            { matchExpressions: [{ key: 'zone', operator: 'In', values: ['x'] }] },
            { matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n1'] }] },
            {},
          ],
        },
        preferredDuringSchedulingIgnoredDuringExecution: [
          { weight: 3, preference: { matchExpressions: [{ key: 'fast', operator: 'Exists' }] } },
        ],
      },
    },
    initContainers: [
      { name: 'log', restartPolicy: 'Always', command: [CANARY], resources: { requests: { cpu: '1' } } },
    ],
    containers: [
      {
        name: 'main',
        image: CANARY,
        command: [CANARY],
        args: [CANARY],
        env: [
          { name: CANARY, value: CANARY },
          { name: 'TOKEN', valueFrom: { secretKeyRef: { name: CANARY, key: CANARY } } },
          { name: 'NVIDIA_VISIBLE_DEVICES', value: CANARY },
          {
            name: 'NVIDIA_VISIBLE_DEVICES',
            valueFrom: { fieldRef: { fieldPath: "metadata.annotations['muster.dev/visible-devices.c0']" } },
          },
        ],
        envFrom: [{ secretRef: { name: CANARY } }],
        volumeMounts: [{ mountPath: `/var/run/nvidia-container-devices/${CANARY}` }, { mountPath: `/${CANARY}` }],
        lifecycle: { postStart: { exec: { command: [CANARY] } } },
        resources: { requests: { cpu: '1', memory: '1Gi' }, limits: { 'nvidia.com/gpu': '1' } },
      },
      { name: 'side', env: [{ name: 'NVIDIA_VISIBLE_DEVICES', value: `GPU-${CANARY}` }] },
      { name: 'blind', env: [{ name: 'NVIDIA_VISIBLE_DEVICES', value: 'void' }] },
    ],
    ephemeralContainers: [{ name: 'debug', command: [CANARY], env: [{ name: 'A', value: CANARY }] }],
    overhead: { cpu: '10m' },
    schedulingGroup: { podGroupName: 'g' },
  },
  status: {
    phase: 'Pending',
    message: CANARY,
    nominatedNodeName: 'n1',
    startTime: '2026-01-01T00:00:01Z',
    conditions: [
      { type: 'DisruptionTarget', status: 'True', message: CANARY },
      { type: 'PodScheduled', status: 'False', message: CANARY },
    ],
    containerStatuses: [
      { name: 'main', allocatedResources: { cpu: '2' }, lastState: { terminated: { message: CANARY } } },
    ],
  },
};

/** Variants as they come off the wire: JSON knows no undefined. */
const asSent = (base: unknown): fc.Arbitrary<unknown> =>
  hostileVariants(base).map((variant) => JSON.parse(JSON.stringify(variant) ?? 'null') as unknown);

/** As a file brings it back. */
const kept = (keep: (object: unknown) => object, object: unknown): unknown =>
  JSON.parse(JSON.stringify(keep(object))) as unknown;

describe('what is kept of a pod', () => {
  it('is what verdicts rest on, and holds no value of a variable, argument, volume or foreign annotation', () => {
    expect(projectPod(kept(keepPod, POD))).toEqual(projectPod(POD));
    expect(JSON.stringify(keepPod(POD))).not.toContain(CANARY);
  });

  it.each(Object.keys(POD.spec))('stays so without spec.%s', (field) => {
    const pod = { ...POD, spec: { ...POD.spec, [field]: undefined } };
    expect(projectPod(kept(keepPod, pod))).toEqual(projectPod(pod));
  });

  it.each([...Object.keys(POD.metadata.annotations), 'none'])('stays so with no annotation but %s', (key) => {
    const annotations = Object.fromEntries(Object.entries(POD.metadata.annotations).filter(([name]) => name === key));
    const pod = { ...POD, metadata: { ...POD.metadata, annotations } };
    expect(projectPod(kept(keepPod, pod))).toEqual(projectPod(pod));
  });

  it.each(['', 'void', 'none', 'all', 'GPU-1', undefined, 7])(
    'variable with the value %s: the same verdict',
    (value) => {
      const containers = [{ name: 'main', env: [{ name: 'NVIDIA_VISIBLE_DEVICES', value }] }];
      const pod = { metadata: { uid: 'u', namespace: 'n', name: 'p' }, spec: { containers } };
      expect(projectPod(kept(keepPod, pod))).toEqual(projectPod(pod));
    },
  );

  it('gives the same facts for hostile pods of every dialect', () => {
    for (const { pod } of hostilePods(11, 1_000, { ownNode: 'n1', bulk: 10 })) {
      const named = { ...pod, metadata: { ...pod.metadata, uid: 'u' } };
      expect(projectPod(kept(keepPod, named))).toEqual(projectPod(named));
    }
  });

  it('gives the same facts for pods of any shape, whichever unit Aliyun has', () => {
    fc.assert(
      fc.property(asSent(POD), fc.constantFrom('MiB', 'GiB'), (pod, aliyunUnit) => {
        const project = (object: unknown) => projectPodAs(object, { ...DEFAULT_DIALECT_OPTIONS, aliyunUnit });
        const facts = project(pod);
        if (facts !== null) expect(project(kept(keepPod, pod))).toEqual(facts);
      }),
      { numRuns: 1_500 },
    );
  });
});

const NODE = {
  metadata: {
    uid: 'u1',
    name: 'n1',
    resourceVersion: '42',
    labels: { 'muster.dev/managed': 'true', 'nvidia.com/gpu.count': '2' },
    annotations: { 'muster.dev/devices': '[{"uuid":"GPU-1","index":0,"mib":10}]', other: CANARY },
    managedFields: [CANARY],
  },
  spec: { unschedulable: true, taints: [{ key: 'a', effect: 'NoSchedule' }, { key: 'broken' }], podCIDR: CANARY },
  status: {
    capacity: { cpu: '8', 'muster.dev/gpu-milli': '2k' },
    allocatable: { cpu: '7500m', memory: '10Ki', pods: '110', 'muster.dev/gpu-milli': 'many' },
    conditions: [
      { type: 'Ready', status: 'True', message: CANARY },
      { type: 'MemoryPressure', status: 'False' },
    ],
    addresses: [{ address: CANARY }],
    nodeInfo: { machineID: CANARY },
  },
};
const BUDGET = {
  metadata: { uid: 'u', namespace: 'n', name: 'b', annotations: { a: CANARY } },
  spec: {
    minAvailable: 1,
    selector: { matchLabels: { app: 'a' }, matchExpressions: [{ key: 'tier', operator: 'In', values: ['x'] }] },
  },
  status: { disruptionsAllowed: 2, disruptedPods: { p: '2026-01-01T00:00:00Z' } },
};
const SLICE = {
  metadata: { uid: 'u', name: 's', annotations: { a: CANARY } },
  spec: {
    driver: 'gpu.nvidia.com',
    nodeName: 'n1',
    pool: { name: 'n1', generation: 1, resourceSliceCount: 1 },
    devices: [{ name: 'gpu-0', attributes: { uuid: { string: 'GPU-1' } }, capacity: { memory: { value: '40Gi' } } }],
  },
};

describe('what is kept of other objects', () => {
  it.each<[string, unknown, (object: unknown) => unknown, (object: unknown) => object]>([
    ['a node', NODE, (object) => withoutVersion(projectNode(object)), keepNode],
    ['a disruption budget', BUDGET, projectPdb, keepPdb],
    ['a slice', SLICE, projectSlice, keepSlice],
  ])('%s: the same facts whatever its shape, and nothing else', (_, object, project, keep) => {
    expect(project(kept(keep, object))).toEqual(project(object));
    expect(JSON.stringify(keep(object))).not.toContain(CANARY);
    fc.assert(
      fc.property(asSent(object), (variant) => {
        const facts = project(variant);
        if (facts !== null) expect(project(kept(keep, variant))).toEqual(facts);
      }),
      { numRuns: 500 },
    );
  });

  it('a told object carries its facts unchanged', () => {
    expect(toldAs('pods', 'GiB').project(POD)).toEqual({ facts: projectPod(POD), kept: JSON.stringify(keepPod(POD)) });
    expect(toldAs('pods', 'MiB').name).toBe('toldPodAliyunMib');
    expect(toldAs('nodes', 'MiB').project({})).toBeNull();
  });
});

/** Every write changes it, and no decision reads it. */
const withoutVersion = (facts: ReturnType<typeof projectNode>) => facts && { ...facts, resourceVersion: '' };
