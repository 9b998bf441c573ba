/**
 * Hot: the four verbs on a plain node:http server. A request is its body, read into memory that is used again, and one write:
 * no router, no hooks, no promise where the answer is there at once. What a verb throws is an answer too (verbs/answer.ts), so
 * no request can end the process.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyBaseLogger } from 'fastify';
import type { Clock } from '../kube/ports.ts';
import { Bodies } from './codec/bodies.ts';
import type { ExtenderConfig } from './config.ts';
import type { Metrics } from './metrics.ts';
import { type Answering, answerVerb } from './verbs/answer.ts';
import type { Binder } from './verbs/bind.ts';
import { plainText, type Verb, type VerbContext, type VerbReply } from './verbs/verb.ts';

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
const MIB = 1024 * 1024;
const SHORT_BYTES = 1024;

export function listenForVerbs(options: VerbListenerOptions): VerbListener {
  const { clock, context, log, metrics } = options;
  const limitMib = options.config.listen.bodyLimitMib;
  const bodies = new Bodies(limitMib * MIB);
  const tooLarge = plainText(
    413,
    `request body is larger than listen.bodyLimitMib (${limitMib}); raise it where kube-scheduler is not nodeCacheCapable`,
    'malformed',
  );
  const answering: Answering = {
    context,
    binder: options.binder,
    untilDeciding: options.untilDeciding,
    onFault: (verb, error) => log.error({ err: error, verb }, `${verb} failed`),
    onBind: (outcome) => metrics.bind(outcome),
  };
  context.lists.onDropped((memory) => bodies.release(memory));

  return (request, response) => {
    const url = request.url!;
    const verb = request.method === 'POST' ? (VERB_AT[url] ?? VERB_AT[url.split('?', 1)[0]!]) : undefined;
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
    const reply = answerVerb(verb, body, answering);
    // no promise where there is nothing to wait for: each turn of the microtask queue costs as much as a look-up
    if (reply instanceof Promise) void reply.then((late) => finish(verb, late, body, response, started));
    else finish(verb, reply, body, response, started);
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

/** A short body goes out in one piece with the header, which Node does for texts only; as latin1 its bytes stay what they are. */
function send(response: ServerResponse, { status, body }: VerbReply): void {
  response.writeHead(status, ['Content-Type', 'application/json', 'Content-Length', String(body.length)]);
  if (body.length <= SHORT_BYTES) response.end(body.toString('latin1'), 'latin1');
  else response.end(body);
}
