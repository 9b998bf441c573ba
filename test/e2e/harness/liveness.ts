/**
 * A kubelet's liveness probe: kube-scheduler's probe asks the extender's /livez (deploy/ says so), and a scheduler whose probe
 * failed three times in a row is killed.
 */
import type { Muster } from './muster.ts';
import type { Process } from './process.ts';

export type ProbeOptions = { periodMs?: number; timeoutMs?: number; failureThreshold?: number };

export class LivenessProbe {
  /** resolves when the probe killed the scheduler */
  readonly killed: Promise<void>;
  readonly #timer: NodeJS.Timeout;

  constructor(muster: Muster, scheduler: Process, options: ProbeOptions = {}) {
    const { periodMs = 1_000, timeoutMs = 1_000, failureThreshold = 3 } = options;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.killed = promise;
    let failures = 0;
    this.#timer = setInterval(async () => {
      const alive = await muster.get('/livez', timeoutMs).then(
        ({ status }) => status === 200,
        () => false,
      );
      failures = alive ? 0 : failures + 1;
      if (failures < failureThreshold || scheduler.ended !== null) return;
      clearInterval(this.#timer);
      await scheduler.killHard();
      resolve();
    }, periodMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
