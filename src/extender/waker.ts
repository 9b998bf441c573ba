/**
 * Makes kube-scheduler try a waiting pod again: any change of an unscheduled pod does, so one annotation of ours is written. What
 * fails is tried again when the books name the pod again.
 */
import { WOKEN } from '../core/names.ts';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import { strategicPatch } from '../kube/patch.ts';
import type { Clock, Transport } from '../kube/ports.ts';

const TIMEOUT_MS = 5_000;

/** Resolves to false when it was not written, as far as is known; never rejects. */
export function wake(pod: PodFacts, { transport, clock }: { transport: Transport; clock: Clock }): Promise<boolean> {
  const { namespace, name, uid } = pod;
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}/status`;
  const annotations = { [WOKEN]: new Date(clock.now()).toISOString() };
  // the uid: a pod created anew under that name is another one
  return transport.request(strategicPatch({ path, timeoutMs: TIMEOUT_MS }, { metadata: { uid, annotations } })).then(
    ({ status }) => status < 300,
    () => false,
  );
}
