/** prioritize: 0…10 per offered node, 10 for the one that filter holds. Not called when filter answered one node. */
import { encodePriorities } from '../codec/replies.ts';
import { decodeNodes } from '../codec/requests.ts';
import { TEXTS } from '../errors.ts';
import { plainText, requestFault, type VerbContext, type VerbReply } from './verb.ts';

const NOTHING = Buffer.from('[]');

/** While not deciding: no scores, status 200; kube-scheduler ignores errors of this verb anyway. */
export function prioritize(body: Buffer, context: VerbContext): VerbReply {
  if (!context.deciding())
    return { status: 200, body: NOTHING, outcome: 'not-deciding', detail: TEXTS['not-deciding'] };
  try {
    const { pod, list } = decodeNodes(body, context.lists, context.projectPod, context.knownPod);
    const scores = context.decider.prioritize(pod, list.offered);
    return {
      status: 200,
      body: encodePriorities(scores),
      outcome: 'ok',
      pod: `${pod.namespace}/${pod.name}`,
    };
  } catch (error) {
    const text = requestFault(error);
    if (text === null) throw error;
    return { ...plainText(400, text, 'malformed'), detail: text };
  }
}
