/** Every name of ours that appears in a Kubernetes object. */
import type { ContainerSlot } from './gpu/request.ts';

export const GROUP = 'muster.dev';
export const SCHEDULER_NAME = 'muster-scheduler';

/** extended resource on managed nodes: 1000 × healthy devices */
export const GPU_MILLI = `${GROUP}/gpu-milli`;

/** node label, and pod annotation with the value "false" to opt out */
export const MANAGED = `${GROUP}/managed`;
/** node annotation: the devices as our node agent writes them */
export const NODE_DEVICES = `${GROUP}/devices`;

// written by users, as annotations; per container as `<key>.<container name>`
export const GPU_FRACTION = `${GROUP}/gpu-fraction`;
export const GPU_MEMORY = `${GROUP}/gpu-memory`;
export const GPU_COUNT = `${GROUP}/gpu-count`;
export const GPU_CORES = `${GROUP}/gpu-cores`;
export const GPU_MODEL = `${GROUP}/gpu-model`;
export const DEVICE_POLICY = `${GROUP}/device-policy`;
export const NODE_POLICY = `${GROUP}/node-policy`;
/** the full form as JSON; also what the webhook writes after normalising any dialect */
export const REQUEST = `${GROUP}/request`;
/** what the webhook took away (resources of other dialects), as JSON */
export const ORIGINAL = `${GROUP}/original-resources`;
export const POD_GROUP_LABEL = `${GROUP}/pod-group`;
/** annotation: how many members start together, where no PodGroup object says it */
export const MIN_MEMBER = `${GROUP}/min-member`;
/** label: the sub-group of its PodGroup that a pod belongs to */
export const SUB_GROUP_LABEL = `${GROUP}/sub-group`;
/** annotation with the value "true": the pod waits behind our gate until it has a place, as members of gangs do */
export const WAIT = `${GROUP}/wait`;
/** scheduling gate of pods whose place is decided before kube-scheduler sees them; put by the webhook, lifted by the placer */
export const PLACEMENT_GATE = `${GROUP}/placement`;
/** condition type on pods: False with the one reason why nothing was found */
export const PLACED_CONDITION = `${GROUP}/Placed`;

// written by Muster only (the guard policy refuses everyone else)
export const CLAIM = `${GROUP}/claim`;
/** when the extender woke a waiting pod last; its only meaning is that the pod changed */
export const WOKEN = `${GROUP}/woken`;
export const PLAN = `${GROUP}/plan`;
export const VISIBLE_DEVICES_PREFIX = `${GROUP}/visible-devices.`;
export const visibleDevices = (slot: ContainerSlot): string => `${VISIBLE_DEVICES_PREFIX}${slot}`;
export const gpuMemoryLimit = (slot: ContainerSlot): string => `${GROUP}/gpu-memory-limit.${slot}`;
export const gpuSmLimit = (slot: ContainerSlot): string => `${GROUP}/gpu-sm-limit.${slot}`;
/** what every annotation written by Muster only starts with or is */
export const GUARDED_KEYS = [CLAIM, PLAN] as const;
export const GUARDED_PREFIXES = [
  VISIBLE_DEVICES_PREFIX,
  `${GROUP}/gpu-memory-limit.`,
  `${GROUP}/gpu-sm-limit.`,
] as const;

// env of containers
export const ENV_VISIBLE = 'NVIDIA_VISIBLE_DEVICES';
export const ENV_VOID = 'void';
/** the driver's libraries, but no device */
export const ENV_NONE = 'none';
/** mounts below it name devices to the NVIDIA runtime */
export const DEVICE_MOUNTS = '/var/run/nvidia-container-devices';
/** per device position i of the container: `CUDA_DEVICE_MEMORY_LIMIT_<i>`; HAMi-core's names */
export const ENV_MEMORY_LIMIT = 'CUDA_DEVICE_MEMORY_LIMIT';
export const ENV_SM_LIMIT = 'CUDA_DEVICE_SM_LIMIT';
