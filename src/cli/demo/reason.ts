/** Why a pod waits, for people. */
import { GPU_MILLI } from '../../core/names.ts';

/** kube-scheduler's own words for a sum that is too small */
const SUM_SHORT = `Insufficient ${GPU_MILLI}`;

/** what kube-scheduler says of an extender that it cannot reach */
const NO_ANSWER = /^extender \w+: POST /;

/** what kube-scheduler appends where it also looked for victims: the same nodes, counted a second time */
const PREEMPTION = /\.? preemption: .*$/s;

/**
 * kube-scheduler's `2 <reason>, 9 <reason>.` for people: what concerns most nodes first. That a node is of another kind (selector,
 * affinity) is no news unless it is the only reason.
 */
export function shortReason(message: string): string {
  if (NO_ANSWER.test(message)) return 'the extender does not answer';
  const parts = message
    .replace(PREEMPTION, '')
    .replace(/\.$/, '')
    .split(/, (?=\d+ )/)
    .flatMap((part) => {
      const match = /^(\d+) (.+)$/.exec(part);
      return match
        ? [{ nodes: Number(match[1]), text: match[2]!.replace(SUM_SHORT, 'too little GPU is free in sum') }]
        : [];
    });
  const telling = parts.filter((part) => !part.text.includes('affinity'));
  const shown = (telling.length > 0 ? telling : parts).sort((a, b) => b.nodes - a.nodes);
  return shown.length === 0
    ? message
    : shown.map((part) => `${part.text} (${part.nodes} node${part.nodes === 1 ? '' : 's'})`).join(', ');
}
