/**
 * Which gang a pod belongs to and what it says about it, in any dialect. The name comes from the strongest line (gang.ts); numbers are
 * read from the lines of that dialect, and a line that can never start is kept as a problem: such a pod waits with a constant reason.
 * Sources: coscheduling (scheduler-plugins), Koordinator apis/extension/coscheduling.go, Volcano, Kueue pod groups, KAI, KEP-4671.
 */

import { MIN_MEMBER, POD_GROUP_LABEL, SUB_GROUP_LABEL } from '../core/names.ts';
import type { GangDialect, GangSaid } from '../core/placement/gang/gang-facts.ts';
import { gangContradiction } from './gang.ts';
import { type PodLike, type PodView, viewPod } from './pod-like.ts';
import { annotationLine, quote } from './words.ts';

type Where = 'labels' | 'annotations';
type Numbers = { readonly in: Where; readonly key: string };

type Form = {
  readonly dialect: GangDialect;
  readonly name: (pod: PodView) => string;
  readonly minMember?: Numbers;
  readonly total?: Numbers;
  /** seconds as Go writes durations (`60s`, `1h30m`) */
  readonly wait?: Numbers;
  readonly subGroup?: Numbers;
};

const label = (key: string): Numbers => ({ in: 'labels', key });
const annotation = (key: string): Numbers => ({ in: 'annotations', key });
const named = (from: Numbers) => (pod: PodView) => pod[from.in].get(from.key) ?? '';

const KOORDINATOR = 'gang.scheduling.koordinator.sh';
const LIGHT = 'pod-group.scheduling.sigs.k8s.io';

/** Strongest first; the first one that names a group counts. */
const FORMS: readonly Form[] = [
  { dialect: 'native', name: (pod) => pod.nativeGroup },
  {
    dialect: 'muster',
    name: named(label(POD_GROUP_LABEL)),
    minMember: annotation(MIN_MEMBER),
    subGroup: label(SUB_GROUP_LABEL),
  },
  { dialect: 'coscheduling', name: named(label('scheduling.x-k8s.io/pod-group')) },
  { dialect: 'coscheduling-old', name: named(label(LIGHT)) },
  { dialect: 'coscheduling-light', name: named(label(`${LIGHT}/name`)), minMember: label(`${LIGHT}/min-available`) },
  {
    dialect: 'kai',
    name: named(annotation('pod-group-name')),
    minMember: annotation('kai.scheduler/batch-min-member'),
    subGroup: label('kai.scheduler/subgroup-name'),
  },
  ...['scheduling.k8s.io/group-name', 'scheduling.volcano.sh/group-name'].map(
    (key): Form => ({
      dialect: 'volcano',
      name: named(annotation(key)),
      minMember: annotation('scheduling.volcano.sh/group-min-member'),
    }),
  ),
  {
    dialect: 'koordinator',
    name: named(annotation(`${KOORDINATOR}/name`)),
    minMember: annotation(`${KOORDINATOR}/min-available`),
    total: annotation(`${KOORDINATOR}/total-number`),
    wait: annotation(`${KOORDINATOR}/waiting-time`),
  },
  {
    dialect: 'kueue',
    name: named(label('kueue.x-k8s.io/pod-group-name')),
    minMember: annotation('kueue.x-k8s.io/pod-group-total-count'),
    total: annotation('kueue.x-k8s.io/pod-group-total-count'),
  },
];

const MOST_MEMBERS = 100_000;
const MOST_TOGETHER = 64;

/** null: the pod names no gang. Never throws, whatever the pod is. */
export const gangSaid = (pod: PodLike): GangSaid | null => gangSaidOf(viewPod(pod));

/** The same for a pod that was viewed already. */
export function gangSaidOf(view: PodView): GangSaid | null {
  const form = FORMS.find(({ name }) => name(view) !== '');
  if (form === undefined) return null;
  const problems: string[] = [];
  const two = gangContradiction(view);
  if (two !== null) problems.push(`${two[0]} and ${two[1]} name different gangs; keep one of them`);
  const count = (from: Numbers | undefined): number | null => {
    const text = from === undefined ? undefined : view[from.in].get(from.key);
    if (from === undefined || text === undefined || text === '') return null;
    const value = /^[0-9]{1,6}$/.test(text) ? Number(text) : 0;
    if (value >= 1 && value <= MOST_MEMBERS) return value;
    problems.push(`${lineOf(from, text)}: write a whole number from 1 to ${MOST_MEMBERS}`);
    return null;
  };
  const minMember = count(form.minMember);
  const total = count(form.total);
  if (minMember !== null && total !== null && minMember > total)
    problems.push(
      `${lineOf(form.minMember!, String(minMember))}: larger than ${lineOf(form.total!, String(total))}; the gang can never be complete`,
    );
  const key = `${view.namespace}/${form.name(view)}`;
  const koordinator = form.dialect === 'koordinator';
  return {
    key,
    dialect: form.dialect,
    minMember,
    total,
    subGroup: (form.subGroup && view[form.subGroup.in].get(form.subGroup.key)) || null,
    waitSeconds: form.wait === undefined ? null : secondsOf(view[form.wait.in].get(form.wait.key) ?? ''),
    strict: !(koordinator && view.annotations.get(`${KOORDINATOR}/mode`) === 'NonStrict'),
    together: koordinator ? togetherOf(view.annotations.get(`${KOORDINATOR}/groups`) ?? '', key, problems) : [],
    problem: problems[0] ?? null,
  };
}

function lineOf({ in: where, key }: Numbers, text: string): string {
  return where === 'annotations' ? annotationLine(key, text) : `label ${key}: ${quote(text)}`;
}

const UNIT_MS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

/** Whole seconds of a Go duration, at least 1; null for anything else. */
function secondsOf(text: string): number | null {
  if (!/^(\d{1,9}(\.\d{1,9})?(h|ms|m|s))+$/.test(text)) return null;
  let ms = 0;
  for (const [, amount, unit] of text.matchAll(/([\d.]+)(h|ms|m|s)/g)) ms += Number(amount) * UNIT_MS[unit!]!;
  return ms > 0 ? Math.max(1, Math.ceil(ms / 1000)) : null;
}

/** A JSON list of `namespace/gang`. */
function togetherOf(text: string, own: string, problems: string[]): readonly string[] {
  if (text === '') return [];
  try {
    const list: unknown = JSON.parse(text);
    if (
      Array.isArray(list) &&
      list.length <= MOST_TOGETHER &&
      list.every((key) => typeof key === 'string' && /^[^/]{1,63}\/[^/]{1,253}$/.test(key))
    )
      return [...new Set<string>(list)].filter((key) => key !== own).sort();
  } catch {
    // told below
  }
  problems.push(
    `${annotationLine(`${KOORDINATOR}/groups`, text)}: write a JSON list of at most ${MOST_TOGETHER} namespace/gang`,
  );
  return [];
}
