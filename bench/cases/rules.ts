/**
 * Where we answer otherwise on purpose: each line is a rule of theirs that is not one of ours, never a single case. A runner may
 * name a rule only after checking that the case is about it: where possible the case is run again with their rule applied to its
 * input (a GPU without slots taken away, say), and the rule is named only if the answer then is theirs.
 */
export const DESIGN_RULES = {
  slots: 'a device has no number of slots: memory and compute alone bound who shares it',
  'opens-fewer':
    'pack opens as few idle devices as possible before it looks at how full the node is: whole devices are what runs out first',
  mutex: 'HAMi’s `mutex` is refused, not half kept: whoever wants a device alone asks for a whole one',
  'compute-promise':
    'compute and memory are promised apart, so that what fits a device does not depend on the order in which pods came: memory alone may stand beside full compute',
  'unknown-word': 'a policy word that nobody knows is refused with its line, not read as some default',
  contradiction: 'a pod that says two different things about one container is refused with both lines',
  weights: 'device-scoring-weights only tune HAMi’s own formula; we fill by the scarcer of memory and compute',
  'score-formula': 'the number itself belongs to their formula; who is preferred is judged by the order cases',
  'numa-number':
    'they take NUMA nodes by number; we take the tightest one that fits, so that the roomy ones stay whole',
  'numa-packs': 'inside the NUMA node chosen we pack',
  'first-word':
    'of a chain of policies the first word decides; the later ones only break ties, and ours break them already',
  'link-packs': 'among devices whose links lose equally by being taken we pack, so that idle devices stay idle',
  'whole-count': 'a bare count is whole devices with their compute, as with the vendor’s own plugin',
  'other-vendors': 'only NVIDIA devices are served',
  mig: 'MIG is not served on nodes managed by Muster',
  'own-inventory':
    'inventory comes from muster.dev/devices, ResourceSlices or GPU-feature-discovery labels, never from another scheduler’s node annotation',
  'holds-in-memory':
    'a promise is a hold with a deadline in the books, written nowhere; conditions and times on the pod neither prolong nor end it',
  'one-device-no-link': 'a single device needs no link: a strict link policy does not keep it off nodes without NVLink',
  'any-free-set': 'any set of free devices may be taken; fixed sets for one machine model are not kept',
  'must-include': 'which device kubelet has to include is a question to a device plugin; we name the devices ourselves',
  'priority-decides':
    'who may be a victim is decided by priority as in kube-scheduler itself; DaemonSets and static pods are protected by a priority class',
  'terminating-victim': 'a terminating pod may be named as a victim: it costs nothing and its devices are waited for',
  'no-priority-is-0': 'a pod without a priority has priority 0, as everywhere in Kubernetes',
  'counted-budgets': 'violated disruption budgets are counted from the budgets, not bounded by what was proposed',
  'no-pod': 'a call without a pod is refused as malformed; kube-scheduler always sends one',
  'adopts-claim': 'a pod that has a node is confirmed there or nowhere; that is an answer, not an error',
  'no-count-limit': 'what no node can hold is refused node by node, not as an error of the call',
  'in-tree':
    'affinity between pods, NUMA alignment by kubelet and claims of DRA are answered by kube-scheduler’s own plugins',
  'member-loss':
    'what follows when a gang has lost members is said by its onMemberLoss; unless it says so nobody is evicted',
  'unbound-gives-way':
    'a place that is only kept gives way to a pod of higher priority at once: nobody who runs is evicted while there is one',
  'surplus-order':
    'members beyond the minimum are placed in the order of priority and age, whichever sub-group they are in',
  'contradicts-itself': 'the case starts with more on a node than the node has',
} as const satisfies Record<string, string>;
export type DesignRule = keyof typeof DESIGN_RULES;

/** What is read but not answered yet, and with which part of Muster it comes. */
export const LATER_PARTS = {
  'virtual-cluster': 'virtual clusters of fixed cells are quotas with a place; they come with the queues',
  queues: 'quotas, fair share and reclaim come with the overseer’s queues',
  preemptibility: 'that a running pod may not be evicted whatever its priority is read with the queues',
  consolidation: 'moving running pods together comes with the overseer',
  pipelining: 'a place on what others are releasing is reserved by the placer; until then the pod waits its turn',
  'aligned-members': 'aligning a gang member’s devices with those of its siblings comes with gangs',
  'memory-quota': 'quotas of GPU memory come with the queues',
  'unknown-kind': 'no runner knows this kind of case',
} as const satisfies Record<string, string>;
export type LaterPart = keyof typeof LATER_PARTS;
