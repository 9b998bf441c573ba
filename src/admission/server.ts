/**
 * The webhook's HTTPS server: `POST /mutate`. Served by every replica, leading or not: it needs no books. It cannot stop the
 * cluster: the configuration is scoped, has a short timeout and failurePolicy Ignore; here every input ends in a clear answer.
 */
import Fastify, { type FastifyPluginAsync } from 'fastify';
import type { Clock } from '../kube/ports.ts';
import { AdmissionError } from './errors.ts';
import type { MutateOptions } from './mutate.ts';
import { answerReview, type ReviewAnswer } from './review.ts';
import type { ServingCertificate, ServingCertificates } from './serving-certificates.ts';

/** A pod is at most 1.5 MiB in etcd and 3 MiB on the wire; the review wraps it. */
const BODY_LIMIT = 4 * 1024 * 1024;

export type MutatePluginOptions = {
  readonly mutate: MutateOptions;
  readonly clock: Pick<Clock, 'monotonic'>;
  /** for metrics; `durationMs` from parsed body to answer */
  readonly onReview?: (review: { outcome: ReviewAnswer['outcome'] | 'malformed'; durationMs: number }) => void;
};

/** Registers `POST /mutate`; a body that is no AdmissionReview is answered 400. */
export const mutatePlugin: FastifyPluginAsync<MutatePluginOptions> = async (app, { mutate, clock, onReview }) => {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer', bodyLimit: BODY_LIMIT }, (_request, body, done) =>
    done(null, body),
  );
  app.post('/mutate', async (request, reply) => {
    const started = clock.monotonic();
    const done = (outcome: ReviewAnswer['outcome'] | 'malformed') =>
      onReview?.({ outcome, durationMs: clock.monotonic() - started });
    try {
      const body = request.body instanceof Uint8Array ? request.body : new Uint8Array();
      const { outcome, review } = answerReview(body, mutate);
      done(outcome);
      return await reply.send(review);
    } catch (error) {
      // RangeError: JSON nested deeper than the stack
      if (!(error instanceof AdmissionError) && !(error instanceof RangeError)) throw error;
      done('malformed');
      const message = error instanceof AdmissionError ? error.message : 'body is nested too deeply';
      return await reply.code(400).send({ error: message });
    }
  });
};

export type WebhookOptions = MutatePluginOptions & {
  readonly host?: string;
  readonly port: number;
  readonly certificates: ServingCertificates;
};

export type Webhook = { readonly port: number; close(): Promise<void> };

/** Listens as soon as there is a certificate; from then on a new one is swapped in without losing a connection. */
export async function startWebhook(options: WebhookOptions): Promise<Webhook> {
  const { certificates, host = '::', port, ...plugin } = options;
  const app = secureServer(await certificates.first());
  const forget = certificates.onChange(({ certificate, key }) =>
    app.server.setSecureContext({ ...TLS, cert: certificate, key }),
  );
  await app.register(mutatePlugin, plugin);
  await app.listen({ host, port });
  const address = app.server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    async close() {
      forget();
      await app.close();
    },
  };
}

const TLS = { minVersion: 'TLSv1.2' } as const;

function secureServer({ certificate, key }: ServingCertificate) {
  const app = Fastify({
    logger: false,
    bodyLimit: BODY_LIMIT,
    // a whole request; the API server itself gives up after 3 s
    requestTimeout: 5_000,
    // the API server pools its connections for 90 s and does not repeat a POST whose connection we closed
    keepAliveTimeout: 120_000,
    forceCloseConnections: 'idle',
    https: { ...TLS, cert: certificate, key, handshakeTimeout: 5_000, headersTimeout: 5_000 },
  });
  app.server.maxConnections = 1_024;
  return app;
}
