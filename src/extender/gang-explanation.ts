/** Why a gang waits, as /explain answers it: an object for machines, and from it the text for people. */
import type { Decider, GangExplained } from '../cluster/decider.ts';
import type { GangDialect } from '../core/placement/gang/gang-facts.ts';
import { REASONS, type ReasonCode } from '../core/reasons.ts';

/** messages quote what users wrote, and are shown in terminals */
const CONTROL = /\p{Cc}/gu;

export type GangExplanation = {
  /** `<namespace>/<name>` */
  readonly gang: string;
  /** whose lines define it */
  readonly dialect: GangDialect;
  /** how many start together; 0: nobody has said yet */
  readonly minMember: number;
  /**
   * `invalid`: declared in a way that can never start; `incomplete`: members are missing; `waits`: not all of the minimum find a place now;
   * `fits`: they would; `planned`: places are kept for all of them; `started`: the minimum runs or has succeeded
   */
  readonly state: 'invalid' | 'incomplete' | 'waits' | 'fits' | 'planned' | 'started';
  readonly code: ReasonCode | null;
  /** the code in words, '' without one */
  readonly reason: string;
  /** what is missing, or the lines that disagree and the remedy */
  readonly detail: string;
  /** of the members without a place: how many would find one now, and where most of them do. null: nothing is to be placed */
  readonly fit: {
    readonly fits: number;
    readonly needed: number;
    readonly domain: string | null;
    readonly gaveUp: boolean;
  } | null;
  /** node label keys that its PodGroup names */
  readonly topology: { readonly required: string | null; readonly preferred: string | null };
  /** as its PodGroup says; null: it does not. Nothing is decided by it yet */
  readonly queue: string | null;
  /** of its PodGroup, by which it has its place in the line; null: the pods' own counts */
  readonly priorityClassName: string | null;
  /** how long its plan is kept, seconds; null: as configured */
  readonly waitSeconds: number | null;
  /** gangs that must start together with this one */
  readonly together: readonly string[];
  /** pods by name, those that count as there: bound ones with their node, the others with null */
  readonly members: readonly { readonly pod: string; readonly node: string | null; readonly subGroup: string | null }[];
  /** whether the extender that answers decides; the others do not know the plans of the one that does */
  readonly deciding: boolean;
};

/** Null when no pod and no object names the gang. */
export function explainGang(
  decider: Pick<Decider, 'explainGang'>,
  deciding: boolean,
  key: string,
): GangExplanation | null {
  const explained = decider.explainGang(key);
  if (explained === null) return null;
  const { standing, verdict } = explained;
  const { dialect, minMember, settled, waiting, together, object } = standing;
  const code = standing.code ?? (verdict?.kind === 'refused' ? verdict.code : null);
  return {
    gang: key,
    dialect,
    minMember,
    state: stateOf(explained),
    code,
    reason: code === null ? '' : REASONS[code].text,
    detail: standing.detail,
    fit:
      verdict === null
        ? null
        : verdict.kind === 'planned'
          ? { fits: verdict.placed.length, needed: verdict.placed.length, domain: null, gaveUp: false }
          : { fits: verdict.fits, needed: verdict.needed, domain: verdict.domain, gaveUp: verdict.gaveUp },
    topology: object?.topology ?? { required: null, preferred: null },
    queue: object?.queue || null,
    priorityClassName: object?.priorityClassName || null,
    waitSeconds: standing.waitSeconds,
    together,
    members: [...settled, ...waiting].map(({ namespace, name, nodeName, gangSaid }) => ({
      pod: `${namespace}/${name}`,
      node: nodeName,
      subGroup: gangSaid?.subGroup ?? null,
    })),
    deciding,
  };
}

function stateOf({ standing, verdict }: GangExplained): GangExplanation['state'] {
  if (standing.code === 'gang-invalid') return 'invalid';
  if (standing.code === 'gang-incomplete') return 'incomplete';
  if (verdict !== null) return verdict.kind === 'planned' ? 'fits' : 'waits';
  return standing.settled.length >= standing.minMember ? 'started' : 'planned';
}

/** @param most members that are named */
export function gangText(explanation: GangExplanation, most: number): string {
  return `${gangLines(explanation, most).join('\n')}\n`;
}

export function gangLines(explanation: GangExplanation, most: number): string[] {
  const { gang, minMember, members, state, reason, detail, together, topology } = explanation;
  const bound = members.filter(({ node }) => node !== null);
  const waiting = members.filter(({ node }) => node === null);
  const lines = [`gang ${gang} ${STATES[state]}`];
  if (minMember > 0) lines.push(`starts with ${minMember} members: ${bound.length} are bound, ${waiting.length} wait`);
  if (topology.required !== null) lines.push(`all of them in one ${topology.required}`);
  if (topology.preferred !== null) lines.push(`in one ${topology.preferred} if possible`);
  const { queue, priorityClassName, waitSeconds } = explanation;
  if (queue !== null) lines.push(`queue: ${queue.replace(CONTROL, '?')} (nothing is decided by it yet)`);
  if (priorityClassName !== null) lines.push(`priority class: ${priorityClassName.replace(CONTROL, '?')}`);
  if (waitSeconds !== null) lines.push(`gives its plan up after ${waitSeconds} s, to be planned again`);
  if (together.length > 0) lines.push(`only together with: ${together.join(', ')}`);
  if (reason !== '') lines.push(`reason: ${reason}`);
  if (detail !== '') lines.push(`        ${detail.replace(CONTROL, '?')}`);
  lines.push(...fitLines(explanation));
  if (!explanation.deciding)
    lines.push('this extender does not decide now; plans of the one that does are not seen here');
  for (const [title, list] of [
    ['bound', bound],
    ['waiting', waiting],
  ] as const) {
    if (list.length === 0) continue;
    const shown = list.slice(0, most).map(({ pod, node }) => (node === null ? pod : `${pod} on ${node}`));
    lines.push(`${title}: ${shown.join(', ')}${list.length > most ? ` … and ${list.length - most} more` : ''}`);
  }
  return lines;
}

const STATES: Record<GangExplanation['state'], string> = {
  invalid: 'can never start as it is declared',
  incomplete: 'waits for members',
  waits: 'waits for room',
  fits: 'fits now, and is placed when kube-scheduler asks for a member',
  planned: 'has a place for every member that it starts with',
  started: 'has started; further members are placed one by one',
};

function fitLines({ fit, state }: GangExplanation): string[] {
  if (fit === null || state === 'fits') return [];
  const { fits, needed, domain, gaveUp } = fit;
  return [
    `room now: for ${fits} of the ${needed} members that have no place yet${domain === null ? '' : `, closest in ${domain}`}`,
    ...(gaveUp ? ['(the time for looking was over before every order and domain was tried)'] : []),
  ];
}
