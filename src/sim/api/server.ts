/** The API on a TCP port of loopback, by node:http or node:https. Everything it answers comes from `Api.handle`. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { TLSSocket } from 'node:tls';
import { createGzip, gzip } from 'node:zlib';
import type { Api } from './api.ts';
import { ApiError } from './errors.ts';
import { notAcceptable, takesGzip } from './negotiate.ts';
import { type ApiResponse, type ClientCertificate, failure } from './wire.ts';

/** as the real API server */
const BODY_LIMIT_BYTES = 3 * 1024 * 1024;
/** a watcher that reads so slowly that this much is waiting for it is cut off */
const WATCH_BACKLOG_BYTES = 32 * 1024 * 1024;
/** long answers wait for their reader when this much is waiting in front of them */
const DRAIN_BYTES = 1024 * 1024;
/** smaller answers are not worth the time, as the real API server sees it */
const GZIP_FROM_CHARACTERS = 128 * 1024;
/** fast rather than small: it is this machine */
const GZIP = { level: 1 } as const;

export type ApiServer = { readonly url: string; close(): Promise<void> };

export type ListenOptions = {
  /** 0, the default, takes a free one */
  readonly port?: number;
  /** PEM; HTTPS when given. `clientCa` signs the certificates that users may show */
  readonly tls?: { readonly certificate: string; readonly key: string; readonly clientCa?: string };
  readonly watchBacklogBytes?: number;
};

/** Resolves null when the body is too large: what still comes is thrown away, so that the client reads the answer. */
function readBody(request: IncomingMessage): Promise<Buffer | null> {
  return new Promise((resolve, reject) => {
    let chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= BODY_LIMIT_BYTES) chunks.push(chunk);
      else {
        chunks = [];
        resolve(null);
      }
    });
    request.on('end', () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)));
    request.on('error', reject);
  });
}

type Wishes = { readonly gzip: boolean; readonly watchBacklogBytes: number };

function send(answer: ApiResponse, response: ServerResponse, wishes: Wishes): void {
  response.statusCode = answer.status;
  response.setHeader('content-type', answer.contentType);
  response.setHeader('cache-control', 'no-cache, private');
  if (answer.retryAfterSeconds !== null) response.setHeader('retry-after', String(answer.retryAfterSeconds));
  const warnings = (answer.warnings ?? []).map(
    (text) => `299 - ${JSON.stringify(text.replaceAll(/[^\x20-\x7e]/g, '?'))}`,
  );
  if (warnings.length > 0) response.setHeader('warning', warnings);
  const { body } = answer;
  if (typeof body === 'string') {
    if (wishes.gzip && body.length >= GZIP_FROM_CHARACTERS) sendPacked(body, response);
    else response.end(body);
    return;
  }
  const packed = wishes.gzip ? createGzip(GZIP) : null;
  if (packed !== null) {
    response.setHeader('content-encoding', 'gzip');
    packed.pipe(response);
  }
  response.flushHeaders();
  const out = packed ?? response;
  const waiting = () => response.writableLength + (packed?.writableLength ?? 0);
  const running = body.start({
    write(piece) {
      out.write(piece);
      if (waiting() > wishes.watchBacklogBytes) response.destroy();
    },
    end: () => out.end(),
    whenDrained(run) {
      if (waiting() < DRAIN_BYTES) run();
      else out.once('drain', run);
    },
  });
  response.on('close', () => {
    running.stop();
    packed?.destroy();
  });
}

function sendPacked(body: string, response: ServerResponse): void {
  gzip(body, GZIP, (error, bytes) => {
    if (error !== null) {
      response.end(body);
      return;
    }
    response.setHeader('content-encoding', 'gzip');
    response.setHeader('vary', 'Accept-Encoding');
    response.end(bytes);
  });
}

function certificateOf(request: IncomingMessage): ClientCertificate | null {
  const { socket } = request;
  if (!(socket instanceof TLSSocket)) return null;
  const { subject } = socket.getPeerCertificate();
  if (subject === undefined) return null;
  const all = (value: unknown) => (Array.isArray(value) ? value.map(String) : typeof value === 'string' ? [value] : []);
  return {
    commonName: all(subject.CN)[0] ?? '',
    organizations: all(subject.O),
    verified: socket.authorized,
  };
}

async function serve(
  api: Api,
  options: ListenOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { headers, method = 'GET', url: path = '/' } = request;
  const watching = /[?&]watch=(?:true|1)(?:&|$)/.test(path);
  const wishes = {
    gzip: method === 'GET' && !watching && takesGzip(String(headers['accept-encoding'] ?? '')),
    watchBacklogBytes: options.watchBacklogBytes ?? WATCH_BACKLOG_BYTES,
  };
  const body = await readBody(request);
  if (body === null) {
    const message = `Request entity too large: limit is ${BODY_LIMIT_BYTES}`;
    response.setHeader('connection', 'close');
    send(failure(new ApiError('RequestEntityTooLarge', message)), response, wishes);
    return;
  }
  const refused = /^\/apis?(?:\/|$)/.test(path) ? notAcceptable(headers.accept) : null;
  if (refused !== null) {
    send(failure(refused), response, wishes);
    return;
  }
  const contentType = (headers['content-type'] ?? '').split(';')[0]!.trim();
  const clientCertificate = certificateOf(request);
  const distinct = Object.entries(request.headersDistinct).filter(([name]) => name.startsWith('impersonate-'));
  const answer = await api.handle({
    method,
    path,
    contentType,
    body,
    // groups come as a header each, and may hold commas
    headers: distinct.length === 0 ? headers : { ...headers, ...Object.fromEntries(distinct) },
    clientCertificate,
  });
  if (!response.destroyed) send(answer, response, wishes);
}

/** On loopback only. Rejects when the port is taken. */
export async function listen(api: Api, options: ListenOptions = {}): Promise<ApiServer> {
  const timeouts = { keepAliveTimeout: 120_000, headersTimeout: 125_000 };
  const onRequest = (request: IncomingMessage, response: ServerResponse) => {
    serve(api, options, request, response).catch(() => response.destroy());
  };
  const { tls } = options;
  const server: Server =
    tls === undefined
      ? createServer(timeouts, onRequest)
      : createSecureServer(
          {
            ...timeouts,
            cert: tls.certificate,
            key: tls.key,
            ...(tls.clientCa === undefined ? {} : { ca: tls.clientCa, requestCert: true, rejectUnauthorized: false }),
          },
          onRequest,
        );
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const address = server.address() as AddressInfo;
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${address.port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
