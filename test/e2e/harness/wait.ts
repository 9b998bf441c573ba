/** Waiting in tests: polls a condition, and when it does not come true says what was last seen. */
import { setTimeout as sleep } from 'node:timers/promises';

export type WaitOptions = {
  /** ends the sentence "waited N s for …" */
  for: string;
  timeoutMs?: number;
  everyMs?: number;
  /** added to the failure message, e.g. ends of logs */
  onTimeout?: () => string | Promise<string>;
};

/**
 * Resolves with the first value of `probe` that is neither null, undefined nor false. A probe that throws counts as "not yet"; its
 * error is shown at the end.
 */
export async function waitFor<T>(
  probe: () => Promise<T | null | undefined | false> | T | null | undefined | false,
  options: WaitOptions,
): Promise<T> {
  const timeoutMs = options.timeoutMs ?? 30_000;
  const deadline = performance.now() + timeoutMs;
  let last = 'nothing yet';
  for (;;) {
    try {
      const value = await probe();
      if (value !== null && value !== undefined && value !== false) return value;
      last = `the condition was ${String(value)}`;
    } catch (error) {
      last = error instanceof Error ? error.message : String(error);
    }
    if (performance.now() >= deadline) {
      const more = (await options.onTimeout?.()) ?? '';
      throw new Error(`waited ${timeoutMs / 1000} s for ${options.for}; last: ${last}\n${more}`);
    }
    await sleep(options.everyMs ?? 50);
  }
}
