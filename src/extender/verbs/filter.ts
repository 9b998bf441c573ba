/** filter: which of the offered nodes the pod may go to. The decision point: what is answered is held. */
import { encodeFilter, encodeFilterError, encodeFilterItems } from '../codec/replies.ts';
import { decodeNodes } from '../codec/requests.ts';
import { TEXTS } from '../errors.ts';
import { requestFault, type VerbContext, type VerbReply } from './verb.ts';

/**
 * Fits are listed best first. Refused nodes go to FailedNodes or FailedAndUnresolvableNodes by their reason; nodes that lost
 * against a better one are not listed at all. Always status 200: kube-scheduler throws other bodies away, text and all.
 * Throws only on a fault of ours.
 */
export function filter(body: Buffer, context: VerbContext): VerbReply {
  if (!context.deciding()) return failure(TEXTS['not-deciding'], 'not-deciding');
  try {
    const { pod, list, items } = decodeNodes(body, context.lists, context.projectPod, context.knownPod);
    const answer = context.decider.filter(pod, list.offered, context.shortList);
    const fits = answer.all || answer.fits.length > 0;
    return {
      status: 200,
      body: items === null ? encodeFilter(answer, list) : encodeFilterItems(answer, list, items),
      outcome: fits ? 'ok' : 'refused',
      pod: `${pod.namespace}/${pod.name}`,
      answer,
      ...(answer.fits[0] !== undefined && { node: answer.fits[0] }),
      ...(items !== null && { wholeNodes: true }),
    };
  } catch (error) {
    const text = requestFault(error);
    if (text === null) throw error;
    return failure(text, 'malformed');
  }
}

export const filterFailure = (text: string): VerbReply => failure(text, 'error');

function failure(text: string, outcome: VerbReply['outcome']): VerbReply {
  return { status: 200, body: encodeFilterError(text), outcome, detail: text };
}
