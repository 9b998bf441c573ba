/**
 * The HTTP server that kube-scheduler calls. Bodies of the four verbs arrive as Buffers (no JSON parser, no schema); replies
 * leave as Buffers with their length. No request can end the process: what a verb throws is caught here, logged and answered.
 */
import Fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyReply, LogController } from 'fastify';
import type { Clock } from '../kube/ports.ts';
import { encodeBind } from './codec/replies.ts';
import { decodeBind } from './codec/requests.ts';
import type { ExtenderConfig } from './config.ts';
import { TEXTS } from './errors.ts';
import type { Metrics } from './metrics.ts';
import { addExplain, addObserve, type ObserveOptions } from './observe.ts';
import type { TlsContext } from './tls.ts';
import type { Binder } from './verbs/bind.ts';
import { filter, filterFailure } from './verbs/filter.ts';
import { preempt } from './verbs/preempt.ts';
import { prioritize } from './verbs/prioritize.ts';
import { plainText, requestFault, type Verb, type VerbContext, type VerbReply } from './verbs/verb.ts';

/** Go's client keeps idle connections for 90 s and does not repeat a POST that meets a closing one. */
const KEEP_ALIVE_MS = 120_000;
/** whole request, headers and body */
const REQUEST_MS = 30_000;
/** kube-scheduler keeps as many as it has calls under way; a bound all the same, because each costs memory */
const MOST_CONNECTIONS = 4_096;
/** kubelet and Prometheus */
const MOST_WATCHERS = 256;
const SYNCHRONOUS = { filter, prioritize, preempt } as const;

export type ServerOptions = {
  readonly config: Pick<ExtenderConfig, 'listen' | 'logLevel'>;
  readonly clock: Clock;
  readonly context: VerbContext;
  readonly binder: Binder;
  readonly metrics: Metrics;
  readonly observe: ObserveOptions;
  /** resolves when this extender decides, or after its patience */
  readonly untilDeciding: () => Promise<void>;
  readonly tls: TlsContext | null;
  /** where log lines go; default stdout */
  readonly log?: { write(line: string): void };
};

export function makeServer(options: ServerOptions): FastifyInstance {
  const { config, tls, context } = options;
  const app = Fastify({
    logger: loggerOf(config.logLevel, options.log),
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: config.listen.bodyLimitMib * 1024 * 1024,
    keepAliveTimeout: KEEP_ALIVE_MS,
    requestTimeout: REQUEST_MS,
    // on close: idle keep-alive sockets at once, the others with their answer
    forceCloseConnections: 'idle',
    ...(tls !== null && {
      https: { ...tls, requestCert: tls.ca !== undefined, rejectUnauthorized: tls.ca !== undefined },
    }),
  }) as unknown as FastifyInstance;
  app.server.headersTimeout = KEEP_ALIVE_MS + 5_000;
  app.server.maxConnections = MOST_CONNECTIONS;
  app.setErrorHandler((error, _request, reply) => {
    const status = (error as { statusCode?: number }).statusCode ?? 500;
    if (status >= 500) app.log.error({ err: error }, 'request failed');
    void reply.code(status).send({ error: faultText(status, error as Error, config.listen.bodyLimitMib) });
  });
  void app.register(async (verbs) => {
    verbs.removeAllContentTypeParsers();
    verbs.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    for (const verb of ['filter', 'prioritize', 'preempt'] as const) {
      verbs.post(`/${verb}`, (request, reply) => {
        const started = options.clock.monotonic();
        const respond = (): FastifyReply => {
          const answer = decide(verb, bufferOf(request.body), context, app.log);
          note(verb, answer, started);
          return send(reply, answer);
        };
        // While we may not decide kube-scheduler can do nothing of use, and every pod that fails meanwhile is put back for
        // seconds: so its loop is kept waiting a little, instead of failing the whole queue once round.
        return context.deciding() || verb === 'prioritize' ? respond() : options.untilDeciding().then(respond);
      });
    }
    verbs.post('/bind', async (request, reply) => {
      const started = options.clock.monotonic();
      const answer = await bind(bufferOf(request.body), options, app.log);
      note('bind', answer, started);
      return send(reply, answer);
    });
  });
  addObserve(app, options.observe);
  addExplain(app, context, options.observe);
  return app;

  function note(verb: Verb, answer: VerbReply, started: number): void {
    const ms = options.clock.monotonic() - started;
    options.metrics.verb(verb, answer.outcome, ms / 1000);
    if (answer.answer !== undefined) options.metrics.refusals(answer.answer);
    const { pod, node, detail, outcome } = answer;
    app.log[verb === 'bind' ? 'info' : 'debug'](
      { verb, pod, node, outcome, detail, ms: Math.round(ms * 1000) / 1000 },
      verb,
    );
  }
}

function faultText(status: number, error: Error, limitMib: number): string {
  if (status >= 500) return TEXTS.internal;
  if (status !== 413) return error.message;
  return `request body is larger than listen.bodyLimitMib (${limitMib}); raise it where kube-scheduler is not nodeCacheCapable`;
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

async function bind(body: Buffer, { binder, metrics }: ServerOptions, log: FastifyBaseLogger): Promise<VerbReply> {
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

/** For kubelet and Prometheus: the same questions, no verbs, plain HTTP. */
export function makeHealthServer(observe: ObserveOptions): FastifyInstance {
  const app = Fastify({ logger: false, bodyLimit: 1024, requestTimeout: REQUEST_MS, forceCloseConnections: 'idle' });
  app.server.maxConnections = MOST_WATCHERS;
  addObserve(app, observe);
  return app;
}

function loggerOf(level: string, stream: ServerOptions['log']) {
  if (level === 'silent') return false;
  return stream === undefined ? { level } : { level, stream };
}

const send = (reply: FastifyReply, { status, body }: VerbReply): FastifyReply =>
  reply.code(status).header('content-type', 'application/json').send(body);

const bufferOf = (body: unknown): Buffer => (Buffer.isBuffer(body) ? body : Buffer.alloc(0));
