/**
 * Why a pod does not fit a node: the one table of codes and texts. Texts are constant per cause: kube-scheduler patches the
 * pod when a text changes and then spins on its own patch. Amounts belong to `explain`.
 *
 * `resolvable` says which of the extender's maps the node goes to: true → FailedNodes (could become possible, preemption may
 * try it), false → FailedAndUnresolvableNodes (no pod that ends would help).
 */
export const REASONS = {
  // GPUs
  'gpu-full': { text: 'GPU devices are full', resolvable: true },
  'gpu-fragmented': { text: 'free GPU shares are split over several devices', resolvable: true },
  'gpu-awaited': { text: 'free GPU devices are kept for a pod that preempted', resolvable: true },
  'gpu-too-few': { text: 'node has too few healthy GPU devices', resolvable: false },
  'gpu-too-small': { text: 'GPU devices have too little memory', resolvable: false },
  'gpu-model': { text: 'no GPU device of the wanted model or uuid', resolvable: false },
  'gpu-topology': { text: 'no GPU devices in one required NUMA or link group', resolvable: true },
  'gpu-none': { text: 'node has no GPU devices known to Muster', resolvable: false },
  'gpu-unknown-use': { text: 'a pod without a claim uses the GPU devices of the node', resolvable: true },
  'gpu-not-compared': { text: 'GPU request takes too long to compare all nodes at once', resolvable: false },
  'node-unmanaged': { text: 'node is not managed by Muster', resolvable: false },
  'node-managed': { text: 'pod opted out of nodes managed by Muster', resolvable: false },
  'pod-without-env': { text: 'pod was not prepared by the Muster webhook', resolvable: false },
  'gpu-milli-short': { text: 'pod asks for more GPU than its muster.dev/gpu-milli says', resolvable: false },
  'mig-unsupported': { text: 'MIG resources are not served on nodes managed by Muster', resolvable: false },
  'bind-pending': { text: 'an earlier Binding of the pod has no known outcome yet', resolvable: true },
  'victims-terminating': { text: 'waiting for preempted pods to end', resolvable: true },
  'request-invalid': { text: 'GPU request is invalid', resolvable: false },
  // gangs, and what the placer decides ahead
  'gang-incomplete': { text: 'waiting for the other members of the gang', resolvable: false },
  'gang-no-room': { text: 'not all members of the gang fit at the same time', resolvable: false },
  'gang-topology': { text: 'no topology domain has room for all members of the gang', resolvable: false },
  'gang-late': { text: 'the members of the gang did not come to their nodes in time', resolvable: false },
  'gang-dropped': { text: 'the plan of the gang was given up; waiting for a new one', resolvable: false },
  'gang-degraded': { text: 'fewer members of the gang are alive than it needs', resolvable: false },
  'gang-invalid': { text: 'the gang is declared in a way that can never start', resolvable: false },
  'placed-elsewhere': { text: 'a better node was not offered; the pod is nominated there', resolvable: false },
  // what kube-scheduler checks too; known here so that the best node of the whole cluster can be named
  'node-unknown': { text: 'node is not known to Muster yet', resolvable: true },
  'node-not-ready': { text: 'node is not ready', resolvable: false },
  'node-cordoned': { text: 'node is unschedulable', resolvable: false },
  'node-taint': { text: 'node has a taint that the pod does not tolerate', resolvable: false },
  'node-selector': { text: 'node does not match the node selector or required affinity of the pod', resolvable: false },
  'resources-full': { text: 'too little free CPU, memory, pods or other resources', resolvable: true },
  'resources-too-small': {
    text: 'node is too small for the CPU, memory or other resources of the pod',
    resolvable: false,
  },
} as const satisfies Record<string, { text: string; resolvable: boolean }>;

export type ReasonCode = keyof typeof REASONS;
export const REASON_CODES = Object.keys(REASONS) as ReasonCode[];

const CONDITION_REASONS = new Map(
  REASON_CODES.map((code) => [code, code.replace(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase())]),
);

/** The code as the reason of a condition: `gang-no-room` → `GangNoRoom`. */
export const conditionReason = (code: ReasonCode): string => CONDITION_REASONS.get(code)!;
