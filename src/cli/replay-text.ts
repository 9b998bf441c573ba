/** A difference between recording and replay, for people. */
import { printable } from '../core/printable.ts';
import type { Difference } from '../extender/record/replay.ts';

const NAMES_SHOWN = 3;
const LONGEST = 160;
const INDENT = '    ';

type FilterReply = {
  NodeNames?: string[] | null;
  FailedNodes?: Record<string, string>;
  FailedAndUnresolvableNodes?: Record<string, string>;
  Error?: string;
};

/** One line. */
export function shortText({ line, what, pod, recorded, replayed }: Difference): string {
  return `line ${line}  ${what} ${printable(pod)}: ${gist(recorded)}  →  ${gist(replayed)}\n`;
}

/** All there is. */
export function differenceText({ line, what, pod, recorded, replayed, asked, nodes }: Difference): string {
  const states = nodes.flatMap(({ node, devices, holders }) => [
    `  node ${node}`,
    ...devices.map((device) => `${INDENT}${device}`),
    ...holders.map((holder) => `${INDENT}held by ${printable(holder)}`),
  ]);
  return [
    `first difference in line ${line}: ${what} ${printable(pod)}`,
    `  recorded: ${gist(recorded)}`,
    `${INDENT}${printable(recorded)}`,
    `  replayed: ${gist(replayed)}`,
    `${INDENT}${printable(replayed)}`,
    `  pod: ${printable(JSON.stringify(asked))}`,
    ...states,
    '',
  ].join('\n');
}

/** The nodes of a filter's answer and how many were refused for what; other answers cut short. */
function gist(answer: string): string {
  let reply: FilterReply | null = null;
  try {
    reply = JSON.parse(answer) as FilterReply | null;
  } catch {
    // a plan, a list of names
  }
  const names = reply?.NodeNames;
  if (reply === null || (names === undefined && reply.FailedNodes === undefined)) return cut(answer || 'nothing');
  const reasons = [...Object.values(reply.FailedNodes ?? {}), ...Object.values(reply.FailedAndUnresolvableNodes ?? {})];
  const counts = [...Map.groupBy(reasons, (reason) => reason)].map(([reason, nodes]) => `${nodes.length} × ${reason}`);
  if (names && names.length > 0)
    return cut(
      `${names.slice(0, NAMES_SHOWN).join(', ')}${names.length > NAMES_SHOWN ? ` and ${names.length - NAMES_SHOWN} more` : ''}`,
    );
  return cut(`no node (${[...counts, ...(reply.Error ? [reply.Error] : [])].join('; ')})`);
}

const cut = (text: string): string => printable(text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text);
