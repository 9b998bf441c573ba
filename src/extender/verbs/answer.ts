/**
 * How a verb is answered, whoever carries the bytes: patience first, then the verb, and what throws is an answer too. The HTTP server
 * and the simulated wire both end here, so what one of them sees the other sees.
 */
import { encodeBind } from '../codec/replies.ts';
import { decodeBind } from '../codec/requests.ts';
import { TEXTS } from '../errors.ts';
import type { Binder, BindOutcome } from './bind.ts';
import { filter, filterFailure } from './filter.ts';
import { preempt } from './preempt.ts';
import { prioritize } from './prioritize.ts';
import { plainText, requestFault, type Verb, type VerbContext, type VerbReply } from './verb.ts';

export type Answering = {
  readonly context: VerbContext;
  readonly binder: Binder;
  /** resolves when this extender decides, or after its patience */
  readonly untilDeciding: () => Promise<void>;
  /** a fault of ours; the caller of the verb hears a constant text */
  readonly onFault: (verb: Verb, error: unknown) => void;
  readonly onBind?: (outcome: BindOutcome) => void;
};

const SYNCHRONOUS = { filter, prioritize, preempt } as const;

/**
 * Never throws or rejects. In the common case the answer is there at once.
 *
 * While we may not decide kube-scheduler can do nothing of use, and every pod that fails meanwhile is put back for seconds: so its
 * loop is kept waiting a little, instead of failing the whole queue once round.
 */
export function answerVerb(verb: Verb, body: Buffer, answering: Answering): VerbReply | Promise<VerbReply> {
  if (verb === 'bind') return bind(body, answering);
  const { context, untilDeciding } = answering;
  if (context.deciding() || verb === 'prioritize') return decide(verb, body, answering);
  return untilDeciding().then(() => decide(verb, body, answering));
}

function decide(verb: keyof typeof SYNCHRONOUS, body: Buffer, { context, onFault }: Answering): VerbReply {
  try {
    const answer = SYNCHRONOUS[verb](body, context);
    context.onAnswer?.(answer);
    return answer;
  } catch (error) {
    onFault(verb, error);
    return verb === 'filter' ? filterFailure(TEXTS.internal) : plainText(500, TEXTS.internal, 'error');
  }
}

async function bind(body: Buffer, { binder, onFault, onBind }: Answering): Promise<VerbReply> {
  const reply = (error: string, outcome: VerbReply['outcome'], more: Partial<VerbReply> = {}): VerbReply => ({
    status: 200,
    body: encodeBind(error),
    outcome,
    ...(error !== '' && { detail: error }),
    ...more,
  });
  try {
    const request = decodeBind(body);
    const { error, outcome } = await binder.bind(request);
    onBind?.(outcome);
    const more = { pod: `${request.namespace}/${request.name}`, node: request.node };
    if (error === '') return reply('', 'ok', more);
    return reply(
      error,
      error === TEXTS['not-deciding'] ? 'not-deciding' : outcome === 'unknown' ? 'error' : 'refused',
      more,
    );
  } catch (error) {
    const text = requestFault(error);
    if (text !== null) return reply(text, 'malformed');
    onFault('bind', error);
    return reply(TEXTS.internal, 'error');
  }
}
