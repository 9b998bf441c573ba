/** What is said of a gang to people: its phase, the one reason why it waits, who is where. Pure; whoever decides writes it down. */
import { REASONS, type ReasonCode } from '../../core/reasons.ts';
import type { PodGroupPhase } from '../crd/pod-group.ts';
import type { GangExplained } from '../decider.ts';
import type { Hold } from '../holds.ts';
import type { Gang } from './gangs.ts';
import type { GangStanding } from './standing.ts';

export type GangReport = {
  readonly phase: PodGroupPhase;
  /** null: nothing is in its way */
  readonly code: ReasonCode | null;
  /** what is missing, for people; '' when nothing is */
  readonly message: string;
  readonly members: { needed: number; waiting: number; planned: number; bound: number };
  /** null: not said */
  readonly queue: string | null;
  /** by which it has its place in the line; null: nobody waits */
  readonly priority: number | null;
  /** nodes where places are kept, by name */
  readonly plan: readonly string[];
};

export type GangView = {
  readonly gang: Gang;
  /** null: no members */
  readonly standing: GangStanding | null;
  /** of its members in the line; null: it has none */
  readonly priority: number | null;
  /** of the gang's plan */
  readonly holds: readonly Hold[];
  /** too few are alive for longer than the grace */
  readonly degraded: boolean;
  /** why its last plan came to nothing; null: it was not refused */
  readonly refusal: ReasonCode | null;
  /** how many would fit, in words; '' when nobody has looked */
  readonly closest: string;
};

export function reportOf(view: GangView): GangReport {
  const { gang, standing, holds } = view;
  const needed = standing?.minMember ?? gang.objects.get('muster')?.minMember ?? 0;
  const settled = standing?.settled.length ?? 0;
  const held = new Set(holds.map(({ pod }) => pod.uid));
  // landed and not seen by the informer yet: neither waits
  const waiting = standing?.waiting.filter(({ uid }) => !held.has(uid)).length ?? 0;
  const queue = standing?.object?.queue || gang.objects.get('muster')?.queue || null;
  const said = sayingOf(view, needed, settled, held.size);
  return {
    ...said,
    members: { needed, waiting, planned: held.size, bound: settled },
    queue,
    priority: view.priority,
    plan: [...new Set(holds.map(({ node }) => node))].sort(),
  };
}

type Saying = Pick<GangReport, 'phase' | 'code' | 'message'>;

function sayingOf(view: GangView, needed: number, settled: number, planned: number): Saying {
  const { gang, standing, degraded, refusal, closest } = view;
  const say = (phase: PodGroupPhase, code: ReasonCode | null = null, message = ''): Saying => ({
    phase,
    code,
    message,
  });
  if (standing === null) return say('Pending', 'gang-incomplete', `0 of ${needed} members are there`);
  if ([...gang.members.values()].every(({ terminal }) => terminal))
    return settled >= needed
      ? say('Finished')
      : say('Failed', 'gang-degraded', `${settled} of ${needed} members succeeded`);
  if (standing.code === 'gang-invalid') return say('Pending', 'gang-invalid', standing.detail);
  if (degraded) return say('Degraded', 'gang-degraded', `${settled} of ${needed} members are alive`);
  if (settled >= needed && needed > 0) return say('Running');
  if (standing.code !== null) return say('Pending', standing.code, standing.detail);
  if (settled + planned >= needed) return say('Planned');
  if (refusal !== null) return say('Pending', refusal, closest || REASONS[refusal].text);
  return say('Pending');
}

/** How far a gang is from fitting; '' when nothing is missing. */
export function closestText({ verdict }: GangExplained): string {
  if (verdict?.kind !== 'refused') return '';
  const { fits, needed, domain, gaveUp } = verdict;
  const where = domain === null ? '' : `, closest in ${domain}`;
  return `${fits} of the ${needed} members that have no place yet fit now${where}${gaveUp ? ' (not everything was tried)' : ''}`;
}

/** As Kubernetes writes reasons of conditions and events. */
export const camelReason = (code: ReasonCode): string =>
  code.replace(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase());
