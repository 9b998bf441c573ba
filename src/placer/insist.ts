/** One write that must be made: asked again after a pause while it may still go through. */
import { backoffMs } from '../kube/backoff.ts';
import type { Clock, KubeRequest, Rng, Transport } from '../kube/ports.ts';

const ATTEMPTS = 6;

/** False: it was not carried out. A disruption budget that allows nothing now (429) may soon. `goesOn` false: it is not wanted any more. */
export async function insist(
  request: KubeRequest,
  goesOn: () => boolean,
  { transport, clock, rng }: { readonly transport: Transport; readonly clock: Clock; readonly rng: Rng },
): Promise<boolean> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    if (!goesOn()) return false;
    let retryAfterSeconds: number | null = null;
    try {
      const response = await transport.request(request);
      if (response.status < 300 || response.status === 404) return true;
      if (response.status !== 429 && response.status !== 409 && response.status < 500) return false;
      retryAfterSeconds = response.retryAfterSeconds;
    } catch {
      // asked again: an eviction that happened is not one more
    }
    await new Promise<void>((resolve) => clock.after(backoffMs(attempt, retryAfterSeconds, rng), resolve));
  }
  return false;
}
