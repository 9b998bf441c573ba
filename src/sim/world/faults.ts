/** Every kind of fault, what it is, and how often it happens unless the command line says otherwise. */

/** `per`: what one opportunity is. Planned faults happen so many times in a day of 36 s on average, the others with that chance. */
export const FAULTS = {
  // between a component and the API server, per call
  'refused-409': { rate: 0.006, per: 'write', what: 'the API server answers 409 and does nothing' },
  'refused-429': { rate: 0.008, per: 'call', what: 'the API server answers 429 with Retry-After' },
  'refused-500': { rate: 0.006, per: 'call', what: 'the API server answers 500 and did nothing' },
  'done-500': { rate: 0.012, per: 'write', what: 'the API server answers 500 and had done it' },
  'call-unsent': { rate: 0.005, per: 'call', what: 'no connection' },
  'call-lost': { rate: 0.006, per: 'call', what: 'the call never arrives; time-out' },
  'answer-lost': { rate: 0.02, per: 'call', what: 'the call is carried out, its answer never arrives; time-out' },
  'answer-broken': { rate: 0.012, per: 'call', what: 'the call is carried out, the connection breaks' },
  'call-late': { rate: 0.02, per: 'call', what: 'the call arrives late, at most at its deadline' },
  'eviction-refused': {
    rate: 0.12,
    per: 'eviction',
    what: 'the API server answers 500 to an eviction and does nothing',
  },
  'crash-before': { rate: 0.002, per: 'call', what: 'the caller is killed before the call leaves it' },
  'pod-gone-midway': {
    rate: 0.004,
    per: 'write',
    what: 'a user deletes the pod that a call is about, just before or after it',
  },
  'crash-after': {
    rate: 0.006,
    per: 'call',
    what: 'the caller is killed when the call has left it; the call arrives, perhaps late',
  },
  'crash-binding': {
    rate: 0.04,
    per: 'binding',
    what: 'the extender is killed when a Binding has left it; the Binding arrives, perhaps late',
  },
  // watches
  'watch-expired': { rate: 0.01, per: 'watch', what: 'a watch is answered with 410: list again' },
  'watch-refused': { rate: 0.05, per: 'watch', what: 'a watch is answered with 429 or 500' },
  'event-delayed': { rate: 0.05, per: 'event', what: 'this stream lags, up to seconds; other kinds overtake it' },
  'event-stalled': { rate: 0.003, per: 'event', what: 'this stream stands still for up to 30 s' },
  'event-doubled': { rate: 0.02, per: 'event', what: 'the event comes twice' },
  'event-split': { rate: 0.02, per: 'event', what: 'the event comes in two parts, cut anywhere' },
  'stream-broken': { rate: 0.008, per: 'event', what: 'the stream breaks, inside the event or before it' },
  // between kube-scheduler and the extender, per call
  'verb-slow': { rate: 0.02, per: 'verb', what: 'the call or its answer takes seconds' },
  'verb-lost': { rate: 0.006, per: 'verb', what: 'the call is answered, the answer never arrives' },
  'verb-broken': { rate: 0.006, per: 'verb', what: 'the connection breaks before the call arrives' },
  'verb-late': { rate: 0.005, per: 'verb', what: 'the answer takes longer than kube-scheduler waits for it' },
  'verb-parts': {
    rate: 0.008,
    per: 'verb',
    what: 'the body comes in parts; if kube-scheduler gives up first, not all of it',
  },
  'verb-cut': { rate: 0.004, per: 'verb', what: 'the body ends early, and the extender is given what there is' },
  'verb-reset': {
    rate: 0.008,
    per: 'verb',
    what: 'the call is answered, the connection is reset before the answer is through',
  },
  'reply-cut': { rate: 0.004, per: 'verb', what: 'the answer ends early, and kube-scheduler is given what there is' },
  'crash-called': { rate: 0.002, per: 'verb', what: 'the extender is killed at the call, or when it has its answer' },
  'crash-preempted': {
    rate: 0.1,
    per: 'preempt',
    what: 'the extender is killed within seconds of naming whom to evict',
  },
  // between the API server and the webhook, per pod created; its failurePolicy is Ignore
  'webhook-away': {
    rate: 0.02,
    per: 'pod',
    what: 'the webhook crashes, hangs or is not there: the pod is made as it was written',
  },
  // planned, times a day of 36 s; more in a longer one
  compaction: { rate: 1, per: 'seed', what: 'the API server forgets its history: 410 for everybody behind' },
  outage: { rate: 0.5, per: 'seed', what: 'the API server is away for seconds and all streams break' },
  stall: { rate: 1, per: 'seed', what: 'all open watches of a program stand still for up to 40 s, unnoticed' },
  'crash-extender': { rate: 0.8, per: 'seed', what: 'an extender is killed' },
  'crash-kubelet': { rate: 0.5, per: 'seed', what: 'all kubelets are killed' },
  'crash-scheduler': { rate: 0.5, per: 'seed', what: 'a kube-scheduler is killed' },
  pause: { rate: 0.8, per: 'seed', what: 'a machine stops for up to 40 s, mostly one of a leader, beyond its Lease' },
  'clock-jump': {
    rate: 0.8,
    per: 'seed',
    what: 'the wall clock of a machine is set, by up to 4 s back or a minute ahead',
  },
  'node-gone': { rate: 1, per: 'seed', what: 'a node is deleted and comes back, often with other GPUs' },
  'node-unready': { rate: 1, per: 'seed', what: 'a node is not ready, or cordoned, for a while' },
  'gpu-unhealthy': { rate: 1.5, per: 'seed', what: 'a GPU is unhealthy, for a while or for good' },
  'pod-deleted': { rate: 5, per: 'seed', what: 'a user deletes a pod at some stage, sometimes with force' },
  'pod-replaced': { rate: 4, per: 'seed', what: 'a pod is deleted and another one of its name made at once' },
  'gang-restarted': { rate: 0.7, per: 'seed', what: 'all members of a gang are deleted and made anew at once' },
  'rivals-come': {
    rate: 0.5,
    per: 'preempt',
    what: 'small unimportant pods come while a node is being freed for another one',
  },
  'pod-edited': { rate: 2, per: 'seed', what: 'a user edits the request or other annotations of a pod' },
} as const satisfies Record<string, { rate: number; per: string; what: string }>;

export type FaultKind = keyof typeof FAULTS;
export const FAULT_KINDS = Object.keys(FAULTS) as FaultKind[];
export type Rates = Readonly<Record<FaultKind, number>>;

export const DEFAULT_RATES: Rates = Object.fromEntries(FAULT_KINDS.map((kind) => [kind, FAULTS[kind].rate])) as Rates;

/** kind of a fault's name */
export const kindOf = (id: string): FaultKind => id.slice(0, id.indexOf('/')) as FaultKind;
