/** Their pod as a Pod in HAMi’s words (vgpu-manager’s are the same thing under other names), read by the real dialects. */
import type { GpuRequest } from '../../src/core/gpu/request.ts';
import type { PodFacts } from '../../src/core/placement/pod-facts.ts';
import { admitted } from './admitted.ts';
import type { AskingContainer, AskingPod } from './case-file.ts';

export const containerName = (name: string | undefined, at: number): string => name ?? `k${at}`;

export function askingPod(asked: AskingPod): PodFacts {
  const containers = asked.containers.map((container, at) => ({
    name: containerName(container.name, at),
    resources: { limits: limitsOf(container) },
    ...(container.sidecar && { restartPolicy: 'Always' }),
    init: container.init || container.sidecar,
  }));
  const pod = admitted({
    metadata: { name: asked.name, namespace: 'cases', uid: asked.name, annotations: annotationsOf(asked) },
    spec: {
      schedulerName: 'muster-scheduler',
      ...(typeof asked.priority === 'number' && { priority: asked.priority }),
      initContainers: containers.filter((container) => container.init),
      containers: [...containers.filter((container) => !container.init), { name: 'rest' }],
    },
  });
  return { ...withTopology(pod, asked.policy.topology ?? null), gang: asked.gang ?? null };
}

function limitsOf({ count, memMiB, memPercent, cores }: AskingContainer): Record<string, string> {
  if (count === 0) return {};
  const limits: Record<string, string> = { 'nvidia.com/gpu': `${count}` };
  if (typeof memMiB === 'number' && memMiB > 0) limits['nvidia.com/gpumem'] = `${memMiB}`;
  else if (typeof memPercent === 'number' && memPercent > 0) limits['nvidia.com/gpumem-percentage'] = `${memPercent}`;
  if (typeof cores === 'number' && cores > 0) limits['nvidia.com/gpucores'] = `${cores}`;
  return limits;
}

function annotationsOf({ policy, useTypes, nouseTypes, useGpus, nouseGpus }: AskingPod): Record<string, string> {
  const annotations: Record<string, string> = {};
  const add = (key: string, value: string | null | undefined): void => {
    if (typeof value === 'string' && value !== '') annotations[key] = value;
  };
  add('hami.io/gpu-scheduler-policy', policy.gpu);
  add('hami.io/node-scheduler-policy', policy.node);
  if (policy.numaBind === true) add('nvidia.com/numa-bind', 'true');
  add('nvidia.com/use-gputype', useTypes?.join(','));
  add('nvidia.com/nouse-gputype', nouseTypes?.join(','));
  add('nvidia.com/use-gpuuuid', useGpus?.join(','));
  add('nvidia.com/nouse-gpuuuid', nouseGpus?.join(','));
  return annotations;
}

/** vgpu-manager’s topology word: HAMi has none that demands links, our request has. */
function withTopology(pod: PodFacts, topology: string | null): PodFacts {
  if (pod.ask.kind !== 'request' || topology === null || topology === 'none') return pod;
  const [word, strict] = topology.split('-');
  if (word !== 'link' && word !== 'numa') return pod;
  const request: GpuRequest = { ...pod.ask.request, devicePolicy: word, devicePolicyRequired: strict === 'strict' };
  return { ...pod, ask: { kind: 'request', request } };
}
