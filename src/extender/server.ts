/**
 * The HTTP server that kube-scheduler calls. The verbs are answered beneath Fastify (verb-listener.ts), which serves what people
 * and machines ask: health, metrics, explanations.
 */
import { createServer, type ServerOptions as HttpOptions, type RequestListener } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import Fastify, { type FastifyInstance, LogController } from 'fastify';
import { TEXTS } from './errors.ts';
import { addExplain, addObserve, type ObserveOptions } from './observe.ts';
import type { TlsContext } from './tls.ts';
import { listenForVerbs, type VerbListener, type VerbListenerOptions } from './verb-listener.ts';

/** Go's client keeps idle connections for 90 s and does not repeat a POST that meets a closing one. */
const KEEP_ALIVE_MS = 120_000;
/** whole request, headers and body */
const REQUEST_MS = 30_000;
/** kube-scheduler keeps as many as it has calls under way; a bound all the same, because each costs memory */
const MOST_CONNECTIONS = 4_096;
/** kubelet and Prometheus */
const MOST_WATCHERS = 256;
/** what is asked of Fastify has no body */
const NO_BODY_BYTES = 1024;
const SERVER: HttpOptions = {
  keepAliveTimeout: KEEP_ALIVE_MS,
  headersTimeout: REQUEST_MS,
  requestTimeout: REQUEST_MS,
};

export type ServerOptions = Omit<VerbListenerOptions, 'log'> & {
  readonly config: { readonly logLevel: string };
  readonly observe: ObserveOptions;
  readonly tls: TlsContext | null;
  /** where log lines go; default stdout */
  readonly log?: { write(line: string): void };
};

export function makeServer(options: ServerOptions): FastifyInstance {
  const { config, tls, context } = options;
  // Fastify makes the server before there is anything to answer with
  let answered: VerbListener = () => false;
  const app = Fastify({
    logger: loggerOf(config.logLevel, options.log),
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: NO_BODY_BYTES,
    // on close: idle keep-alive sockets at once, the others with their answer
    forceCloseConnections: 'idle',
    serverFactory: (others) => {
      const listener: RequestListener = (request, response) => {
        if (!answered(request, response)) others(request, response);
      };
      return tls === null
        ? createServer(SERVER, listener)
        : createSecureServer(
            { ...SERVER, ...tls, requestCert: tls.ca !== undefined, rejectUnauthorized: tls.ca !== undefined },
            listener,
          );
    },
  }) as unknown as FastifyInstance;
  app.server.maxConnections = MOST_CONNECTIONS;
  app.setErrorHandler((error, _request, reply) => {
    const status = (error as { statusCode?: number }).statusCode ?? 500;
    if (status >= 500) app.log.error({ err: error }, 'request failed');
    void reply.code(status).send({ error: status >= 500 ? TEXTS.internal : (error as Error).message });
  });
  answered = listenForVerbs({ ...options, log: app.log });
  // from here on Fastify says that it is closing, to whoever still asks
  app.addHook('preClose', async () => {
    answered = () => false;
  });
  addObserve(app, options.observe);
  addExplain(app, context, options.observe);
  return app;
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
