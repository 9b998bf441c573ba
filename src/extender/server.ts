/**
 * The HTTP server that kube-scheduler calls. Bodies of the four verbs arrive as Buffers (no JSON parser, no schema); replies
 * leave as Buffers with their length. No request can end the process: what a verb throws is caught here, logged and answered.
 */
import Fastify, { type FastifyInstance, type FastifyReply, LogController } from 'fastify';
import type { Clock } from '../kube/ports.ts';
import type { ExtenderConfig } from './config.ts';
import { TEXTS } from './errors.ts';
import type { Metrics } from './metrics.ts';
import { addExplain, addObserve, type ObserveOptions } from './observe.ts';
import type { TlsContext } from './tls.ts';
import { type Answering, answerVerb } from './verbs/answer.ts';
import type { Binder } from './verbs/bind.ts';
import { VERBS, type Verb, type VerbContext, type VerbReply } from './verbs/verb.ts';

/** Go's client keeps idle connections for 90 s and does not repeat a POST that meets a closing one. */
const KEEP_ALIVE_MS = 120_000;
/** whole request, headers and body */
const REQUEST_MS = 30_000;
/** kube-scheduler keeps as many as it has calls under way; a bound all the same, because each costs memory */
const MOST_CONNECTIONS = 4_096;
/** kubelet and Prometheus */
const MOST_WATCHERS = 256;

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
  const answering: Answering = {
    context,
    binder: options.binder,
    untilDeciding: options.untilDeciding,
    onFault: (verb, error) => app.log.error({ err: error, verb }, `${verb} failed`),
    onBind: (outcome) => options.metrics.bind(outcome),
  };
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
    for (const verb of VERBS) {
      verbs.post(`/${verb}`, (request, reply) => {
        const started = options.clock.monotonic();
        const respond = (answer: VerbReply): FastifyReply => {
          note(verb, answer, started);
          return send(reply, answer);
        };
        const answer = answerVerb(verb, bufferOf(request.body), answering);
        return answer instanceof Promise ? answer.then(respond) : respond(answer);
      });
    }
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
