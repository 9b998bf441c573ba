/**
 * Which gang a pod names, as an identity only (`<namespace>/<name>`): how many gangs a preemption hurts is counted with it.
 * What the gang needs is read from its objects elsewhere.
 */
import { POD_GROUP_LABEL } from '../core/names.ts';
import { type PodLike, type PodView, viewPod } from './pod-like.ts';
import { quote } from './words.ts';

/** Labels that name a PodGroup object, strongest first. */
const GANG_LABELS = [
  POD_GROUP_LABEL,
  'scheduling.x-k8s.io/pod-group',
  'pod-group.scheduling.sigs.k8s.io',
  'pod-group.scheduling.sigs.k8s.io/name',
] as const;

const GANG_ANNOTATIONS = [
  'pod-group-name', // KAI, Run:ai
  'scheduling.k8s.io/group-name', // Volcano
  'scheduling.volcano.sh/group-name',
  'gang.scheduling.koordinator.sh/name',
] as const;

/** Kueue admits its group by quota; another scheduler's gang with another name may well be around the same pods. */
const KUEUE_GROUP = 'kueue.x-k8s.io/pod-group-name';

type GangLine = { readonly name: string; readonly line: string };

/** Everything the pod says about its gang, strongest first, Kueue left out. */
function gangLines(pod: PodView): readonly GangLine[] {
  const lines: GangLine[] = [];
  const say = (name: string, line: string) => {
    if (name !== '') lines.push({ name, line });
  };
  say(pod.nativeGroup, `spec.schedulingGroup.podGroupName: ${quote(pod.nativeGroup)}`);
  for (const key of GANG_LABELS) {
    const name = pod.labels.get(key) ?? '';
    say(name, `label ${key}: ${quote(name)}`);
  }
  for (const key of GANG_ANNOTATIONS) {
    const name = pod.annotations.get(key) ?? '';
    say(name, `annotation ${key}: ${quote(name)}`);
  }
  return lines;
}

/** `<namespace>/<gang>`, or null when no dialect names one. Native before label before annotation. */
export function gangOf(pod: PodLike): string | null {
  const view = viewPod(pod);
  const name = gangLines(view)[0]?.name ?? view.labels.get(KUEUE_GROUP) ?? '';
  return name === '' ? null : `${view.namespace}/${name}`;
}

/** The first two lines that name different gangs, or null. */
export function gangContradiction(pod: PodView): readonly [string, string] | null {
  const [first, ...others] = gangLines(pod);
  const other = others.find((line) => line.name !== first?.name);
  return first === undefined || other === undefined ? null : [first.line, other.line];
}
