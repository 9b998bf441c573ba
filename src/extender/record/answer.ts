/** An answer as it is kept and compared. */
import { createHash } from 'node:crypto';
import type { VerbReply } from '../verbs/verb.ts';
import type { Answer } from './format.ts';

/** bytes up to which an answer is kept as it is */
const KEPT_WHOLE = 2_048;

/** the books give one refusal again and again */
const known = new WeakMap<Buffer, Answer>();

/** `chosen`: the nodes only; the replay never has whole ones. */
export function answerOf(reply: VerbReply, chosen = reply.wholeNodes === true): Answer {
  if (chosen) return { status: reply.status, chosen: gistOf(reply, Number.POSITIVE_INFINITY) };
  const { body, status } = reply;
  if (body.length <= KEPT_WHOLE) return { status, text: body.toString('utf8') };
  const before = known.get(body);
  if (before !== undefined && before.status === status) return before;
  const sha256 = createHash('sha256').update(body).digest('hex');
  const answer = { status, bytes: body.length, sha256, gist: gistOf(reply, 8) };
  known.set(body, answer);
  return answer;
}

/** In words, for people: which nodes fit, how many do not and why. */
function gistOf({ answer, outcome, detail }: VerbReply, most: number): string {
  if (answer === undefined) return detail === undefined ? outcome : `${outcome}: ${detail}`;
  if (answer.all) return 'every node';
  const counts = Map.groupBy(answer.refused, ({ code }) => code);
  const refused = [...counts].map(([code, nodes]) => `${nodes.length} ${code}`).sort();
  const fits = answer.fits.slice(0, most).join(', ') || 'no node';
  return refused.length === 0 ? fits : `${fits}; refused: ${refused.join(', ')}`;
}

export function answerText(answer: Answer): string {
  if ('text' in answer) return answer.text;
  if ('chosen' in answer) return answer.chosen;
  return `${answer.gist} (${answer.bytes} bytes, sha256 ${answer.sha256.slice(0, 12)}…)`;
}
