/**
 * Hot: the four verbs on a plain node:http server. A request is its body, read into memory that is used again, and one write:
 * no router, no hooks, no promise where the answer is there at once. No request can end the process: what a verb throws is caught
 * here, logged and answered.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyBaseLogger } from 'fastify';
import type { Clock } from '../kube/ports.ts';
import { Bodies } from './codec/bodies.ts';
import { encodeBind } from './codec/replies.ts';
import { decodeBind } from './codec/requests.ts';
import type { ExtenderConfig } from './config.ts';
import { TEXTS } from './errors.ts';
import type { Metrics } from './metrics.ts';
import type { Binder } from './verbs/bind.ts';
import { filter, filterFailure } from './verbs/filter.ts';
import { preempt } from './verbs/preempt.ts';
import { prioritize } from './verbs/prioritize.ts';
import { plainText, requestFault, type Verb, type VerbContext, type VerbReply } from './verbs/verb.ts';

/** False: not a verb, somebody else must answer. */
export type VerbListener = (request: IncomingMessage, response: ServerResponse) => boolean;

export type VerbListenerOptions = {
  readonly config: Pick<ExtenderConfig, 'listen'>;
  readonly clock: Clock;
  readonly context: VerbContext;
  readonly binder: Binder;
  readonly metrics: Metrics;
  /** resolves when this extender decides, or after its patience */
  readonly untilDeciding: () => Promise<void>;
  readonly log: FastifyBaseLogger;
};

const VERB_AT: Readonly<Record<string, Verb>> = {
  __proto__: null as never,
  '/filter': 'filter',
  '/prioritize': 'prioritize',
  '/preempt': 'preempt',
  '/bind': 'bind',
};
const SYNCHRONOUS = { filter, prioritize, preempt } as const;
const MIB = 1024 * 1024;

export function listenForVerbs(options: VerbListenerOptions): VerbListener {
  const { clock, context, log, metrics } = options;
  const limitMib = options.config.listen.bodyLimitMib;
  const bodies = new Bodies(limitMib * MIB);
  const tooLarge = plainText(
    413,
    `request body is larger than listen.bodyLimitMib (${limitMib}); raise it where kube-scheduler is not nodeCacheCapable`,
    'malformed',
  );
  context.lists.onDropped((memory) => bodies.release(memory));

  return (request, response) => {
    const verb = request.method === 'POST' ? VERB_AT[request.url!] : undefined;
    if (verb === undefined) return false;
    bodies.read(
      request,
      (body) => answer(verb, body, response),
      () => {
        // what still comes of it is not read
        response.shouldKeepAlive = false;
        send(response, tooLarge);
      },
    );
    return true;
  };

  function answer(verb: Verb, body: Buffer, response: ServerResponse): void {
    const started = clock.monotonic();
    if (verb === 'bind') {
      void bind(body, options).then((reply) => finish(verb, reply, body, response, started));
    } else if (context.deciding() || verb === 'prioritize') {
      finish(verb, decide(verb, body, context, log), body, response, started);
    } else {
      // While we may not decide kube-scheduler can do nothing of use, and every pod that fails meanwhile is put back for
      // seconds: so its loop is kept waiting a little, instead of failing the whole queue once round.
      void options.untilDeciding().then(() => finish(verb, decide(verb, body, context, log), body, response, started));
    }
  }

  function finish(verb: Verb, reply: VerbReply, body: Buffer, response: ServerResponse, started: number): void {
    send(response, reply);
    if (!context.lists.keeps(body)) bodies.release(body);
    const ms = clock.monotonic() - started;
    metrics.verb(verb, reply.outcome, ms / 1000);
    if (reply.answer !== undefined) metrics.refusals(reply.answer);
    const { pod, node, detail, outcome } = reply;
    log[verb === 'bind' ? 'info' : 'debug'](
      { verb, pod, node, outcome, detail, ms: Math.round(ms * 1000) / 1000 },
      verb,
    );
  }
}

function send(response: ServerResponse, { status, body }: VerbReply): void {
  response.writeHead(status, ['Content-Type', 'application/json', 'Content-Length', String(body.length)]).end(body);
}

function decide(verb: keyof typeof SYNCHRONOUS, body: Buffer, context: VerbContext, log: FastifyBaseLogger): VerbReply {
  try {
    const answer = SYNCHRONOUS[verb](body, context);
    context.onAnswer?.(answer);
    return answer;
  } catch (error) {
    log.error({ err: error, verb }, 'decision failed');
    return verb === 'filter' ? filterFailure(TEXTS.internal) : plainText(500, TEXTS.internal, 'error');
  }
}

async function bind(body: Buffer, { binder, metrics, log }: VerbListenerOptions): Promise<VerbReply> {
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
    metrics.bind(outcome);
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
    log.error({ err: error, verb: 'bind' }, 'bind failed');
    return reply(TEXTS.internal, 'error');
  }
}
