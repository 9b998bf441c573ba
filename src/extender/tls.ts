/** Certificate, key and client CA from files; read again now and then, so that renewed ones are served without a restart. */
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { Clock, Timer } from '../kube/ports.ts';
import { ExtenderError } from './errors.ts';

export type TlsFiles = {
  readonly certFile: string;
  readonly keyFile: string;
  readonly clientCaFile?: string | undefined;
};

export type TlsContext = {
  readonly minVersion: 'TLSv1.2';
  readonly cert: string;
  readonly key: string;
  readonly ca?: string;
};

const ROUND_MS = 30_000;

/** Throws ExtenderError('tls'): a file is missing, or key and certificate do not belong together. */
export function readTls({ certFile, keyFile, clientCaFile }: TlsFiles): TlsContext {
  try {
    const context: TlsContext = {
      minVersion: 'TLSv1.2',
      cert: readFileSync(certFile, 'utf8'),
      key: readFileSync(keyFile, 'utf8'),
      ...(clientCaFile !== undefined && { ca: readFileSync(clientCaFile, 'utf8') }),
    };
    createSecureContext(context);
    return context;
  } catch (error) {
    // the parser's own message may quote what it read
    const code = (error as NodeJS.ErrnoException).code ?? 'not usable';
    throw new ExtenderError('tls', `${certFile}, ${keyFile}${clientCaFile ? `, ${clientCaFile}` : ''}: ${code}`);
  }
}

/** Calls `onChange` when the files hold something new and usable. Returns what ends it. */
export function watchTls(
  files: TlsFiles,
  clock: Clock,
  onChange: (context: TlsContext) => void,
  onError: (error: unknown) => void,
): () => void {
  let served = JSON.stringify(readTls(files));
  let timer: Timer;
  const round = (): void => {
    try {
      const context = readTls(files);
      const now = JSON.stringify(context);
      if (now !== served) {
        onChange(context);
        served = now;
      }
    } catch (error) {
      onError(error);
    }
    timer = clock.after(ROUND_MS, round);
  };
  timer = clock.after(ROUND_MS, round);
  return () => timer.cancel();
}
