/** The API on a TCP port of loopback, by node:http. Everything it answers comes from `Api.handle`. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Api } from './api.ts';
import { ApiError } from './errors.ts';
import { type ApiResponse, failure, warningHeader } from './wire.ts';

/** as the real API server */
const BODY_LIMIT_BYTES = 3 * 1024 * 1024;
/** a watcher that reads so slowly that this much is waiting for it is cut off */
const WATCH_BACKLOG_BYTES = 64 * 1024 * 1024;

export type ApiServer = { readonly url: string; close(): Promise<void> };

/** Resolves null when the body is too large. */
async function readBody(request: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes > BODY_LIMIT_BYTES) return null;
    chunks.push(chunk as Buffer);
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
}

function send(answer: ApiResponse, response: ServerResponse): void {
  response.statusCode = answer.status;
  response.setHeader('content-type', answer.contentType);
  if (answer.warnings !== undefined && answer.warnings.length > 0)
    response.setHeader('warning', answer.warnings.map(warningHeader));
  if (answer.retryAfterSeconds !== null) response.setHeader('retry-after', String(answer.retryAfterSeconds));
  if (typeof answer.body === 'string') {
    response.end(answer.body);
    return;
  }
  response.flushHeaders();
  const running = answer.body.start({
    write(piece) {
      response.write(piece);
      if (response.writableLength > WATCH_BACKLOG_BYTES) response.destroy();
    },
    end: () => response.end(),
  });
  response.on('close', () => running.stop());
}

async function serve(api: Api, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await readBody(request);
  if (body === null) {
    send(failure(new ApiError('RequestEntityTooLarge', 'the request body is too large')), response);
    request.destroy();
    return;
  }
  const contentType = (request.headers['content-type'] ?? '').split(';')[0]!.trim();
  const answer = await api.handle({
    method: request.method ?? 'GET',
    path: request.url ?? '/',
    contentType,
    body,
    headers: request.headers,
  });
  if (!response.destroyed) send(answer, response);
}

/** @param port 0 takes a free one */
export async function listen(api: Api, port = 0): Promise<ApiServer> {
  const server: Server = createServer({ keepAliveTimeout: 120_000, headersTimeout: 125_000 }, (request, response) => {
    serve(api, request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  const address = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${address.port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
