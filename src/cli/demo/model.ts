/**
 * The demo's model and its judge: a pure fold of events into what is shown. It adds up, per device, what the claims written on pods
 * say, and knows nothing of the extender's own books. Every version of every pod goes through it, so a device that was over 100 %
 * for one version of one pod is found.
 */
import type { DemoEvent, ExtenderChange, KnownDevice, NodeRow, PodFacts } from './events.ts';

/** what one pod holds of one device */
export type Share = {
  readonly uid: string;
  readonly team: string;
  readonly mib: number;
  readonly milli: number;
};

export type NodeState = NodeRow & { readonly cordoned: boolean };

export type LineKind =
  | 'bound'
  | 'evicted'
  | 'preempted'
  | 'killed'
  | 'started'
  | 'rebuilt'
  | 'leader'
  | 'cordoned'
  | 'uncordoned'
  | 'drained'
  | 'fault'
  | 'load'
  | 'urgent'
  | 'paused'
  | 'refused'
  | 'problem';

/** `notable`: worth more than the next pod that was bound */
export type EventLine = {
  readonly atMs: number;
  readonly kind: LineKind;
  readonly text: string;
  readonly notable: boolean;
};

export type ExtenderView = {
  readonly state: 'starting' | 'deciding' | 'down';
  readonly pid: number;
  readonly kills: number;
};

type PodState = PodFacts & { readonly held: readonly KnownDevice[] };

export type DemoState = {
  readonly nodes: readonly NodeState[];
  readonly pods: ReadonlyMap<string, PodState>;
  /** per device of `nodes`; no entry is empty */
  readonly held: ReadonlyMap<KnownDevice, readonly Share[]>;
  /** pods that were bound, ever */
  readonly placed: number;
  readonly evicted: number;
  readonly preempted: number;
  /** fill of the fullest device at any moment, in thousandths */
  readonly fullest: number;
  /** what went wrong, each once: devices over 100 %, claims on devices that do not exist, failed pods */
  readonly faults: ReadonlySet<string>;
  /** devices that ever held a share */
  readonly used: ReadonlySet<KnownDevice>;
  /** newest last, `LINES_KEPT` of each sort at most */
  readonly lines: readonly EventLine[];
  readonly extender: ExtenderView;
};

type Draft = { -readonly [Key in keyof DemoState]: DemoState[Key] } & {
  pods: Map<string, PodState>;
  held: Map<KnownDevice, readonly Share[]>;
  faults: Set<string>;
  used: Set<KnownDevice>;
  nodes: NodeState[];
  lines: EventLine[];
};

const LINES_KEPT = 100;

export function initialState(nodes: readonly NodeRow[]): DemoState {
  return {
    nodes: nodes.map((node) => ({ ...node, cordoned: false })),
    pods: new Map(),
    held: new Map(),
    placed: 0,
    evicted: 0,
    preempted: 0,
    fullest: 0,
    faults: new Set(),
    used: new Set(),
    lines: [],
    extender: { state: 'starting', pid: 0, kills: 0 },
  };
}

/** The state after these events, in their order. The given state stays as it is. */
export function reduce(state: DemoState, events: readonly DemoEvent[]): DemoState {
  if (events.length === 0) return state;
  // copied once per batch, not once per event: a frame takes many
  const draft: Draft = {
    ...state,
    nodes: [...state.nodes],
    pods: new Map(state.pods),
    held: new Map(state.held),
    faults: new Set(state.faults),
    used: new Set(state.used),
    lines: [...state.lines],
  };
  for (const event of events) apply(draft, event);
  draft.lines = kept(draft.lines);
  return draft;
}

/** Fill of a device in thousandths: the fuller of memory and compute; 1000 is full, more is a broken promise. */
export function fillOf(device: KnownDevice, shares: readonly Share[]): number {
  const mib = shares.reduce((sum, share) => sum + share.mib, 0);
  const milli = shares.reduce((sum, share) => sum + share.milli, 0);
  // rounded up, so that one MiB too much shows
  return Math.max(milli, Math.ceil((mib * 1000) / device.mib));
}

export function sharesOf(state: DemoState, device: KnownDevice): readonly Share[] {
  return state.held.get(device) ?? [];
}

/** How much of these devices is given away, in thousandths of all of them. */
export function allocatedOf(state: DemoState, nodes: readonly NodeRow[]): number {
  const fills = nodes.flatMap((node) => node.devices.map((device) => fillOf(device, sharesOf(state, device))));
  return fills.length === 0 ? 0 : Math.round(fills.reduce((sum, one) => sum + one, 0) / fills.length);
}

/** Urgent ones first, then oldest first. */
export function waitingOf(state: DemoState): PodFacts[] {
  return [...state.pods.values()]
    .filter((pod) => pod.node === '' && !pod.deleting && !hasEnded(pod))
    .sort((a, b) => Number(b.urgent) - Number(a.urgent) || a.createdMs - b.createdMs);
}

/** One pod that waits, or all of a gang's that do. */
export type WaitingRow = Pick<PodFacts, 'name' | 'team' | 'ask' | 'createdMs' | 'reason'>;

/** In the order of `waitingOf`; a gang is where its first pod is, with the first reason that one of them was given. */
export function waitingRowsOf(state: DemoState): WaitingRow[] {
  const groups = Map.groupBy(waitingOf(state), ({ gang, uid }) => gang || uid);
  return [...groups.values()].map((pods) => {
    const { name, team, ask, createdMs, gang } = pods[0]!;
    const reason = pods.find((pod) => pod.reason !== '')?.reason ?? '';
    return gang === ''
      ? { name, team, ask, createdMs, reason }
      : { name: gang, team, ask: `${pods.length} × ${ask}`, createdMs, reason };
  });
}

export function runningOf(state: DemoState): number {
  let running = 0;
  for (const pod of state.pods.values()) if (pod.phase === 'Running') running += 1;
  return running;
}

const hasEnded = (pod: PodFacts): boolean => pod.phase === 'Succeeded' || pod.phase === 'Failed';

/** Notable lines outlive the many that tell of bound pods. */
function kept(lines: readonly EventLine[]): EventLine[] {
  let notable = lines.filter((line) => line.notable).length - LINES_KEPT;
  let routine = lines.filter((line) => !line.notable).length - LINES_KEPT;
  return lines.filter((line) => (line.notable ? notable-- <= 0 : routine-- <= 0));
}

function apply(draft: Draft, event: DemoEvent): void {
  switch (event.kind) {
    case 'pod':
      seen(draft, event.pod, event.atMs);
      break;
    case 'pod-gone':
      gone(draft, event.uid, event.atMs);
      break;
    case 'node':
      nodeSeen(draft, event.name, event.cordoned, event.atMs);
      break;
    case 'extender':
      extenderChanged(draft, event.change, event.atMs);
      break;
    case 'said':
      say(draft, event.atMs, event.what, event.text);
  }
}

function say(draft: Draft, atMs: number, kind: LineKind, text: string, notable = true): void {
  draft.lines.push({ atMs, kind, text, notable });
}

function fault(draft: Draft, atMs: number, text: string): void {
  if (draft.faults.has(text)) return;
  draft.faults.add(text);
  say(draft, atMs, 'fault', text);
}

function seen(draft: Draft, pod: PodFacts, atMs: number): void {
  const known = draft.pods.get(pod.uid);
  const bound = pod.node !== '' && (known?.node ?? '') === '';
  if (bound) draft.placed += 1;
  if (pod.phase === 'Failed' && known?.phase !== 'Failed') fault(draft, atMs, `pod ${pod.name} failed: ${pod.message}`);
  const tracked: PodState = { ...pod, held: known?.held ?? [] };
  draft.pods.set(pod.uid, tracked);
  if (hasEnded(pod)) {
    release(draft, tracked);
    noteDrained(draft, pod.node, atMs);
    return;
  }
  if (pod.node !== '' && pod.claim !== null && tracked.held.length === 0) take(draft, tracked, pod.claim, atMs);
  if (bound) {
    const held = draft.pods.get(pod.uid)?.held ?? [];
    const where = held.length > 0 ? `${pod.node} GPU ${held.map((one) => one.index).join(', ')}` : pod.node;
    say(draft, atMs, 'bound', `${pod.name} (${pod.ask}) → ${where}`, pod.urgent);
    if (pod.gang !== '') noteWhole(draft, pod.gang, atMs);
  }
  if (pod.preempted && known !== undefined && !known.preempted) {
    draft.preempted += 1;
    say(draft, atMs, 'preempted', `${pod.name} on ${pod.node} makes room for a pod of higher priority`);
  } else if (pod.deleting && !pod.preempted && known?.deleting === false && isCordoned(draft, pod.node)) {
    draft.evicted += 1;
    say(draft, atMs, 'evicted', `${pod.name} (${pod.ask}) from ${pod.node}, which is drained`);
  }
}

/** To be called when a pod of the gang was bound. */
function noteWhole(draft: Draft, gang: string, atMs: number): void {
  const pods = [...draft.pods.values()].filter((pod) => pod.gang === gang);
  if (pods.every((pod) => pod.node !== ''))
    say(draft, atMs, 'bound', `gang ${gang}: all ${pods.length} pods, together`);
}

function gone(draft: Draft, uid: string, atMs: number): void {
  const pod = draft.pods.get(uid);
  if (pod === undefined) return;
  release(draft, pod);
  draft.pods.delete(uid);
  noteDrained(draft, pod.node, atMs);
}

function take(draft: Draft, pod: PodState, claim: NonNullable<PodFacts['claim']>, atMs: number): void {
  if (typeof claim === 'string') {
    fault(draft, atMs, `the claim of pod ${pod.name} ${claim}`);
    return;
  }
  const devices = draft.nodes.find((node) => node.name === pod.node)?.devices ?? [];
  const held: KnownDevice[] = [];
  for (const { uuid, index, mib, milli } of claim) {
    const device = devices.find((one) => (uuid === '' ? one.index === index : one.uuid === uuid));
    if (device === undefined) {
      fault(draft, atMs, `pod ${pod.name} claims a device that ${pod.node} does not have: ${uuid || index}`);
      continue;
    }
    held.push(device);
    const shares = [...(draft.held.get(device) ?? []), { uid: pod.uid, team: pod.team, mib, milli }];
    draft.held.set(device, shares);
    draft.used.add(device);
    const fill = fillOf(device, shares);
    draft.fullest = Math.max(draft.fullest, fill);
    if (fill > 1000) fault(draft, atMs, `GPU ${device.index} of ${device.node} is ${(fill / 10).toFixed(1)} % full`);
  }
  draft.pods.set(pod.uid, { ...pod, held });
}

/** The inverse of `take`. */
function release(draft: Draft, pod: PodState): void {
  for (const device of pod.held) {
    const left = (draft.held.get(device) ?? []).filter((share) => share.uid !== pod.uid);
    if (left.length > 0) draft.held.set(device, left);
    else draft.held.delete(device);
  }
  if (pod.held.length > 0) draft.pods.set(pod.uid, { ...pod, held: [] });
}

const isCordoned = (draft: Draft, name: string): boolean =>
  draft.nodes.find((node) => node.name === name)?.cordoned === true;

function nodeSeen(draft: Draft, name: string, cordoned: boolean, atMs: number): void {
  const at = draft.nodes.findIndex((node) => node.name === name);
  const node = draft.nodes[at];
  if (node === undefined || node.cordoned === cordoned) return;
  draft.nodes[at] = { ...node, cordoned };
  say(
    draft,
    atMs,
    cordoned ? 'cordoned' : 'uncordoned',
    cordoned ? `${name} takes no new pods` : `${name} takes pods again`,
  );
  if (cordoned) noteDrained(draft, name, atMs);
}

/** To be called when a pod of the node is gone, or the node is cordoned. */
function noteDrained(draft: Draft, name: string, atMs: number): void {
  if (name === '' || !isCordoned(draft, name)) return;
  for (const pod of draft.pods.values()) if (pod.node === name && !hasEnded(pod)) return;
  say(draft, atMs, 'drained', `${name} is empty`);
}

function extenderChanged(draft: Draft, change: ExtenderChange, atMs: number): void {
  const { pid } = change;
  const { kills } = draft.extender;
  switch (change.state) {
    case 'started':
      draft.extender = { state: 'starting', pid, kills };
      if (kills > 0) say(draft, atMs, 'started', `a new extender, pid ${pid}, reads the cluster from the API`);
      break;
    case 'rebuilt': {
      const claims = [...draft.pods.values()].filter((pod) => pod.held.length > 0).length;
      const seconds = (change.ms / 1000).toFixed(1);
      const text = `its books, from the API alone, after ${seconds} s: ${change.devices} GPUs; ${claims} pods there hold claims`;
      if (kills > 0) say(draft, atMs, 'rebuilt', text);
      break;
    }
    case 'deciding':
      draft.extender = { state: 'deciding', pid, kills };
      say(draft, atMs, 'leader', `extender pid ${pid} decides: ${change.leadership}`);
      break;
    case 'ended':
      draft.extender = { state: 'down', pid, kills: kills + 1 };
      say(draft, atMs, 'killed', `extender pid ${pid} (${change.how}): running pods run on, new ones wait`);
  }
}
