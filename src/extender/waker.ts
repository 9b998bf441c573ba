/**
 * Makes kube-scheduler try a waiting pod again: any change of an unscheduled pod does, so one annotation of ours is written. Nobody
 * waits for the outcome; what fails is tried again when the books name the pod again.
 */
import { WOKEN } from '../core/names.ts';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import { strategicPatch } from '../kube/patch.ts';
import type { Clock, Transport } from '../kube/ports.ts';

const TIMEOUT_MS = 5_000;

export function wake(pod: PodFacts, { transport, clock }: { transport: Transport; clock: Clock }): Promise<unknown> {
  const { namespace, name, uid } = pod;
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}/status`;
  const annotations = { [WOKEN]: new Date(clock.now()).toISOString() };
  // the uid: a pod created anew under that name is another one
  return transport
    .request(strategicPatch({ path, timeoutMs: TIMEOUT_MS }, { metadata: { uid, annotations } }))
    .catch(() => null);
}
