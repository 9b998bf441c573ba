/** Errors of the command line, and which errors of all rooms a user can mend: their text is shown without a stack. */
import { ExtenderError } from '../extender/errors.ts';
import { ConnectError, TransportError } from '../kube/errors.ts';
import { NodeListError } from '../sim/node-list.ts';
import { SaveError } from '../sim/save.ts';

/** `message` says what is wrong and what to do. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly code = 'usage';
}

const MENDABLE = [UsageError, ExtenderError, ConnectError, TransportError, NodeListError, SaveError];

/** What is written to stderr when a command fails: one text for what the user can mend; anything else is ours and shows where. */
export function failureText(error: unknown): string {
  if (MENDABLE.some((kind) => error instanceof kind)) return (error as Error).message;
  if (!(error instanceof Error)) return String(error);
  const { code, syscall, address, port } = error as NodeJS.ErrnoException & { address?: string; port?: number };
  if (syscall === 'listen' && code !== undefined) return listenText(code, `${address}:${port}`);
  return error.stack ?? error.message;
}

function listenText(code: string, where: string): string {
  if (code === 'EADDRINUSE') {
    return `${where} is in use by another process: end it, or set another port in the configuration (and in kube-scheduler's urlPrefix)`;
  }
  if (code === 'EACCES') return `not allowed to listen on ${where}: choose a port above 1023`;
  if (code === 'EADDRNOTAVAIL') return `this machine has no address ${where}: correct the host in the configuration`;
  return `cannot listen on ${where} (${code})`;
}
