/** HTTP as bytes on a socket: what no client library lets one send, and what came back, unparsed. */
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

export type RawOptions = {
  port: number;
  tls?: boolean;
  /** after so long the socket is cut and what came is given */
  timeoutMs?: number;
};

/** What came until the server closed. `send` may write as it likes; the client ends its half only if `send` does. */
export async function exchange(options: RawOptions, send: (socket: Socket) => void): Promise<string> {
  const { port, tls = false, timeoutMs = 10_000 } = options;
  return await new Promise((resolve) => {
    const at = { host: '127.0.0.1', port };
    const socket = tls ? connectTls({ ...at, rejectUnauthorized: false }) : connect(at);
    const chunks: Buffer[] = [];
    const done = (): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(Buffer.concat(chunks).toString('latin1'));
    };
    const timer = setTimeout(done, timeoutMs);
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    // a server that has said 413 may reset what is still being written
    socket.on('error', () => {});
    socket.once('close', done);
    socket.once(tls ? 'secureConnect' : 'connect', () => send(socket));
  });
}

/** A whole request; `Connection: close` so that `exchange` ends with the answer. */
export function requestBytes(
  method: string,
  path: string,
  body: string | Uint8Array = '',
  headers: Record<string, string> = {},
): Buffer {
  const bytes = Buffer.from(body as string);
  const all = { host: 'muster', connection: 'close', 'content-length': String(bytes.length), ...headers };
  const head = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([Buffer.from(`${method} ${path} HTTP/1.1\r\n${head.join('')}\r\n`, 'latin1'), bytes]);
}

/** status of the first answer, 0 when none came */
export const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0);
export const bodyOf = (answer: string): string => answer.slice(answer.indexOf('\r\n\r\n') + 4);
