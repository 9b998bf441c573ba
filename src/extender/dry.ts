/**
 * `POST /debug/decide`: the body of a filter call, answered as filter would, and nothing is held, bound, learnt or counted. For
 * `muster bench`, to callers on this machine only: whoever may ask it sees the names of nodes and why they refuse.
 *
 * `Server-Timing` tells how long reading the body, the decision and the reply took, ms.
 */
import type { FastifyInstance } from 'fastify';
import type { Clock } from '../kube/ports.ts';
import { encodeFilter, encodeFilterItems } from './codec/replies.ts';
import { decodeNodes } from './codec/requests.ts';
import { TEXTS } from './errors.ts';
import { requestFault, type VerbContext } from './verbs/verb.ts';

const LOOPBACK = /^(?:::ffff:)?127\.|^::1$/;

type DryReply = { readonly status: number; readonly body: Buffer; readonly timing: string };

/** `bodyLimit`: bytes, as for the verbs. */
export function addDry(app: FastifyInstance, context: VerbContext, clock: Clock, bodyLimit: number): void {
  void app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit }, (_request, body, done) => done(null, body));
    scope.post('/debug/decide', { bodyLimit }, async (request, reply) => {
      if (!LOOPBACK.test(request.socket.remoteAddress ?? '')) return await reply.code(404).send();
      const { status, body, timing } = dry(
        Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0),
        context,
        clock,
      );
      return await reply.code(status).header('server-timing', timing).type('application/json').send(body);
    });
  });
}

/** 503 while another replica decides, 400 for a body that is none. Throws only on a fault of ours. */
function dry(bytes: Buffer, context: VerbContext, clock: Clock): DryReply {
  const failure = (status: number, error: string): DryReply => ({
    status,
    body: Buffer.from(JSON.stringify({ error })),
    timing: '',
  });
  if (!context.deciding()) return failure(503, TEXTS['not-deciding']);
  try {
    const begun = clock.monotonic();
    const { pod, list, items } = decodeNodes(bytes, context.lists, context.projectPod, context.knownPod);
    const read = clock.monotonic();
    const answer = context.decider.dry(pod, list.offered, context.shortList);
    const decided = clock.monotonic();
    const body = items === null ? encodeFilter(answer, list) : encodeFilterItems(answer, list, items);
    const part = (name: string, ms: number): string => `${name};dur=${ms.toFixed(4)}`;
    const timing = [
      part('read', read - begun),
      part('decide', decided - read),
      part('reply', clock.monotonic() - decided),
    ];
    return { status: 200, body, timing: timing.join(', ') };
  } catch (error) {
    const text = requestFault(error);
    if (text === null) throw error;
    return failure(400, text);
  }
}
