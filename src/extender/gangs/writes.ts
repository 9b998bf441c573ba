/** The three requests about gangs: a PodGroup's status, an event on a pod, an eviction. Each resolves to what came of it, never rejects. */
import { createHash } from 'node:crypto';
import type { PodGroupStatus } from '../../cluster/crd/pod-group.ts';
import { GROUP } from '../../core/names.ts';
import type { PodFacts } from '../../core/placement/pod-facts.ts';
import { mergePatch } from '../../kube/patch.ts';
import type { Clock, KubeRequest, Transport } from '../../kube/ports.ts';

const TIMEOUT_MS = 5_000;
const LONGEST_MESSAGE = 1_000;
const COMPONENT = 'muster-extender';

export type Ports = { readonly transport: Transport; readonly clock: Clock };
/** `later`: worth trying again; `retryAfterSeconds` as the server asked */
export type Written = { readonly kind: 'done' } | { readonly kind: 'later'; readonly retryAfterSeconds: number | null };

const DONE: Written = { kind: 'done' };
const pathOf = (namespace: string, plural: string, name: string): string =>
  `/namespaces/${encodeURIComponent(namespace)}/${plural}/${encodeURIComponent(name)}`;

/** `uid`: a group made anew under that name is another one. null fields are taken away. */
export function writeStatus(
  { transport }: Ports,
  group: { readonly namespace: string; readonly name: string; readonly uid: string },
  status: { readonly [key in keyof PodGroupStatus]: PodGroupStatus[key] | null },
): Promise<Written> {
  const path = `/apis/${GROUP}/v1alpha1${pathOf(group.namespace, 'podgroups', group.name)}/status`;
  // gone, or another one by now: there is nobody to say it to
  return send(
    transport,
    mergePatch({ path, timeoutMs: TIMEOUT_MS }, { metadata: { uid: group.uid }, status }),
    [404, 409],
  );
}

/** One per pod, reason and message, also after a restart: the name is made of them. */
export function writeEvent(
  { transport, clock }: Ports,
  pod: PodFacts,
  {
    type = 'Warning',
    reason,
    message,
    action,
  }: {
    readonly type?: 'Normal' | 'Warning';
    readonly reason: string;
    readonly message: string;
    readonly action: string;
  },
): Promise<Written> {
  const { namespace, name, uid } = pod;
  const hash = createHash('sha256').update(`${uid}\n${reason}\n${message}`).digest('hex').slice(0, 16);
  const at = new Date(clock.now()).toISOString();
  const body = {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { namespace, name: `${name.slice(0, 236)}.${hash}` },
    involvedObject: { apiVersion: 'v1', kind: 'Pod', namespace, name, uid },
    type,
    reason,
    message: message.slice(0, LONGEST_MESSAGE),
    action,
    source: { component: COMPONENT },
    reportingComponent: COMPONENT,
    reportingInstance: COMPONENT,
    firstTimestamp: at,
    lastTimestamp: at,
    count: 1,
  };
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/events`;
  return send(transport, { method: 'POST', path, body, timeoutMs: TIMEOUT_MS }, [403, 404, 409, 422]);
}

/** Disruption budgets are respected: what they refuse is tried again later. */
export function evict({ transport }: Ports, { namespace, name, uid }: PodFacts): Promise<Written> {
  const body = {
    apiVersion: 'policy/v1',
    kind: 'Eviction',
    metadata: { namespace, name },
    deleteOptions: { preconditions: { uid } },
  };
  const path = `/api/v1${pathOf(namespace, 'pods', name)}/eviction`;
  return send(transport, { method: 'POST', path, body, timeoutMs: TIMEOUT_MS }, [404, 409]);
}

function send(transport: Transport, request: KubeRequest, settled: readonly number[]): Promise<Written> {
  return transport.request(request).then(
    ({ status, retryAfterSeconds }): Written =>
      status < 300 || settled.includes(status) ? DONE : { kind: 'later', retryAfterSeconds },
    (): Written => ({ kind: 'later', retryAfterSeconds: null }),
  );
}
