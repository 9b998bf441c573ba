/** How a team is told apart: a colour, or a letter where there are no colours. */
import { TEAMS, URGENT_TEAM } from '../load.ts';

/** xterm-256 colours that stand apart from each other on dark and on light; the last is the urgent pods' */
const KNOWN: Readonly<Record<string, number>> = { [TEAMS[0]]: 75, [TEAMS[1]]: 178, [TEAMS[2]]: 71, [TEAMS[3]]: 140 };
const URGENT = 203;
/** for pods that come from elsewhere (kubectl) */
const OTHERS = [36, 110, 174, 66, 220, 98, 43];

export function colourOf(team: string): number {
  if (team === URGENT_TEAM) return URGENT;
  const known = KNOWN[team];
  if (known !== undefined) return known;
  let hash = 7;
  for (const char of team) hash = (Math.imul(hash, 31) + char.charCodeAt(0)) >>> 0;
  return OTHERS[hash % OTHERS.length]!;
}

/** Lower case. `x` for a pod without a name for its team. */
export function letterOf(team: string): string {
  return /^[a-z]/i.exec(team)?.[0].toLowerCase() ?? 'x';
}
