/** Processes of their own for what is measured: the load comes from another core. Questions and answers go over Node's channel. */
import { fork } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

export type Child = {
  readonly pid: number;
  ask<T>(question: string, argument?: unknown): Promise<T>;
  close(): Promise<void>;
};

type Question = { readonly id: number; readonly question: string; readonly argument: unknown };
type Answer = { readonly id: number; readonly value?: unknown; readonly error?: string };

let profiles: string | null = null;
/** Every process started from now on writes a CPU profile into this folder when it ends. */
export function profileInto(folder: string): void {
  mkdirSync(folder, { recursive: true });
  profiles = folder;
}

/** Those the image starts the extender with (Dockerfile). */
export const EXTENDER_FLAGS: readonly string[] = ['--max-semi-space-size=4'];

/** `file`: a module of this folder that calls `answer`. `flags`: of Node. */
export async function start(file: string, argument: object = {}, flags: readonly string[] = []): Promise<Child> {
  const child = fork(join(import.meta.dirname, file), [JSON.stringify(argument)], {
    execArgv:
      profiles === null
        ? [...flags]
        : [...flags, '--cpu-prof', `--cpu-prof-dir=${profiles}`, `--cpu-prof-name=${file}-${Date.now()}.cpuprofile`],
    serialization: 'advanced',
  });
  const waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  let next = 0;
  const exited = new Promise<void>((resolve) => {
    child.on('exit', () => {
      for (const { reject } of waiting.values()) reject(new Error(`${file} ended`));
      resolve();
    });
  });
  child.on('message', ({ id, value, error }: Answer) => {
    const { resolve, reject } = waiting.get(id)!;
    waiting.delete(id);
    if (error === undefined) resolve(value as never);
    else reject(new Error(`${file}: ${error}`));
  });
  const ask = <T>(question: string, asked?: unknown): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      const id = next++;
      waiting.set(id, { resolve, reject });
      child.send({ id, question, argument: asked } satisfies Question);
    });
  const close = async (): Promise<void> => {
    if (child.connected) child.disconnect();
    await exited;
  };
  try {
    await ask('ready');
  } catch (error) {
    await close();
    throw error;
  }
  return { pid: child.pid!, ask, close };
}

/** In the child: answers each question by its function, and ends when the parent lets go. */
export function answer(
  answers: Readonly<Record<string, (argument: never) => unknown>>,
  end: () => Promise<void>,
): void {
  process.on('message', ({ id, question, argument }: Question) => {
    void (async () => {
      try {
        const value = question === 'ready' ? null : await answers[question]!(argument as never);
        process.send!({ id, value } satisfies Answer);
      } catch (error) {
        process.send!({
          id,
          error: error instanceof Error ? (error.stack ?? error.message) : String(error),
        } satisfies Answer);
      }
    })();
  });
  process.on('disconnect', () => {
    const overdue = setTimeout(() => process.exit(1), 5_000);
    void end().finally(() => {
      clearTimeout(overdue);
      process.exit(0);
    });
  });
}

export const argument = <T>(): T => JSON.parse(process.argv[2] ?? '{}') as T;
