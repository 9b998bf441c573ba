/**
 * preempt: victims that free a device, on the best node. Takes candidates with victims (full pods or uids) and, from newer
 * releases, without; answers uids. This verb has no `Error`: failures are other statuses than 200.
 */
import { encodePreempt } from '../codec/replies.ts';
import { decodePreempt } from '../codec/requests.ts';
import { TEXTS } from '../errors.ts';
import { plainText, requestFault, type VerbContext, type VerbReply } from './verb.ts';

export function preempt(body: Buffer, context: VerbContext): VerbReply {
  if (!context.deciding())
    return { ...plainText(503, TEXTS['not-deciding'], 'not-deciding'), detail: TEXTS['not-deciding'] };
  try {
    const { pod, candidates } = decodePreempt(body, context.projectPod);
    const offered = new Set(candidates.map(({ node }) => node));
    const answers = context.decider
      .preempt(pod, candidates)
      .filter(({ node, victims }) => offered.has(node) && victims.length > 0);
    return {
      status: 200,
      body: encodePreempt(answers),
      outcome: answers.length > 0 ? 'ok' : 'refused',
      pod: `${pod.namespace}/${pod.name}`,
      ...(answers[0] !== undefined && { node: answers[0].node, detail: `${answers[0].victims.length} victims` }),
    };
  } catch (error) {
    const text = requestFault(error);
    if (text === null) throw error;
    return { ...plainText(400, text, 'malformed'), detail: text };
  }
}
