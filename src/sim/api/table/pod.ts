/** The columns of pods: `Status` is what people read first, so it follows the real rules closely. */
import { arrayAt, isObject, type JsonObject, type KubeObject, numberAt, objectAt, textAt } from '../object.ts';
import type { Column } from '../resources.ts';
import { age } from './age.ts';
import { AGE, NAME, NONE, text, wide } from './cells.ts';

type Summary = { ready: number; total: number; status: string; restarts: number; lastRestart: string };

const conditionOf = (pod: KubeObject, type: string) =>
  arrayAt(pod.status, 'conditions').find((one) => textAt(one, 'type') === type);
const statesOf = (pod: KubeObject, key: string) => arrayAt(pod.status, key).filter(isObject);

function ended(terminated: JsonObject): string {
  const reason = textAt(terminated, 'reason');
  if (reason !== '') return reason;
  const signal = numberAt(terminated, 'signal') ?? 0;
  return signal !== 0 ? `Signal:${signal}` : `ExitCode:${numberAt(terminated, 'exitCode') ?? 0}`;
}

function isSidecar(pod: KubeObject, name: string): boolean {
  const container = arrayAt(pod.spec, 'initContainers').find((one) => textAt(one, 'name') === name);
  return textAt(container, 'restartPolicy') === 'Always';
}

/** What the init containers say; null when they are through. */
function initStatus(pod: KubeObject, summary: Summary): string | null {
  const total = arrayAt(pod.spec, 'initContainers').length;
  for (const [index, one] of statesOf(pod, 'initContainerStatuses').entries()) {
    summary.restarts += numberAt(one, 'restartCount') ?? 0;
    const { terminated, waiting } = objectAt(one, 'state');
    const sidecar = isSidecar(pod, textAt(one, 'name'));
    if (isObject(terminated) && terminated.exitCode === 0) continue;
    if (sidecar && one.started === true) {
      if (one.ready === true) summary.ready += 1;
      continue;
    }
    if (isObject(terminated)) return `Init:${ended(terminated)}`;
    const reason = textAt(waiting, 'reason');
    if (reason !== '' && reason !== 'PodInitializing') return `Init:${reason}`;
    return `Init:${index}/${total}`;
  }
  return null;
}

export function podSummary(pod: KubeObject): Summary {
  const sidecars = arrayAt(pod.spec, 'initContainers').filter((one) => textAt(one, 'restartPolicy') === 'Always');
  const scheduled = conditionOf(pod, 'PodScheduled');
  const summary: Summary = {
    ready: 0,
    total: arrayAt(pod.spec, 'containers').length + sidecars.length,
    status: textAt(pod.status, 'reason') || textAt(pod.status, 'phase'),
    restarts: 0,
    lastRestart: '',
  };
  if (textAt(scheduled, 'reason') === 'SchedulingGated') summary.status = 'SchedulingGated';
  const initializing = initStatus(pod, summary);
  if (initializing !== null) summary.status = initializing;
  if (initializing === null || textAt(conditionOf(pod, 'Initialized'), 'status') === 'True') {
    const readyBefore = summary.ready;
    summary.restarts = sidecars.length === 0 ? 0 : summary.restarts;
    let running = false;
    for (const one of statesOf(pod, 'containerStatuses').toReversed()) {
      summary.restarts += numberAt(one, 'restartCount') ?? 0;
      const { waiting, terminated, running: runs } = objectAt(one, 'state');
      const last = textAt(objectAt(objectAt(one, 'lastState'), 'terminated'), 'finishedAt');
      if (last > summary.lastRestart) summary.lastRestart = last;
      if (textAt(waiting, 'reason') !== '') summary.status = textAt(waiting, 'reason');
      else if (isObject(terminated)) summary.status = ended(terminated);
      else if (one.ready === true && isObject(runs)) {
        running = true;
        summary.ready += 1;
      }
    }
    if (summary.status === 'Completed' && running)
      summary.status = textAt(conditionOf(pod, 'Ready'), 'status') === 'True' ? 'Running' : 'NotReady';
    if (summary.ready < readyBefore) summary.ready = readyBefore;
  }
  if (pod.metadata.deletionTimestamp !== undefined) {
    if (textAt(pod.status, 'reason') === 'NodeLost') summary.status = 'Unknown';
    else if (!['Failed', 'Succeeded'].includes(textAt(pod.status, 'phase'))) summary.status = 'Terminating';
  }
  return summary;
}

/** Pods are immutable: the summary is made once for all of a row's cells. */
const summaries = new WeakMap<KubeObject, Summary>();
function summaryOf(pod: KubeObject): Summary {
  let summary = summaries.get(pod);
  if (summary === undefined) {
    summary = podSummary(pod);
    summaries.set(pod, summary);
  }
  return summary;
}

export const podColumns: readonly Column[] = [
  NAME,
  text('Ready', (pod) => `${summaryOf(pod).ready}/${summaryOf(pod).total}`),
  text('Status', (pod) => summaryOf(pod).status),
  text('Restarts', (pod, now) => {
    const { restarts, lastRestart } = summaryOf(pod);
    return restarts > 0 && lastRestart !== '' ? `${restarts} (${age(lastRestart, now)} ago)` : String(restarts);
  }),
  AGE,
  wide(text('IP', (pod) => textAt(arrayAt(pod.status, 'podIPs')[0], 'ip') || textAt(pod.status, 'podIP') || NONE)),
  wide(text('Node', (pod) => textAt(pod.spec, 'nodeName') || NONE)),
  wide(text('Nominated Node', (pod) => textAt(pod.status, 'nominatedNodeName') || NONE)),
  wide(
    text('Readiness Gates', (pod) => {
      const gates = arrayAt(pod.spec, 'readinessGates');
      if (gates.length === 0) return NONE;
      const met = gates.filter(
        (gate) => textAt(conditionOf(pod, textAt(gate, 'conditionType')), 'status') === 'True',
      ).length;
      return `${met}/${gates.length}`;
    }),
  ),
];
