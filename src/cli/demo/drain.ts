/** What `kubectl drain` and `kubectl uncordon` do: no new pods, then evictions, which budgets may refuse for a while. */
import { PATCH_TYPE } from '../../kube/patch.ts';
import type { Clock, Transport } from '../../kube/ports.ts';
import { readStatus } from '../../kube/status-error.ts';
import { arrayAt, objectAt, textAt } from '../../sim/api/object.ts';

const TIMEOUT_MS = 10_000;
const RETRY_MS = 1_000;
const ATTEMPTS = 10;
const TOO_MANY_REQUESTS = 429;

export type Drainer = { readonly transport: Transport; readonly clock: Clock };

/** Throws with the server's words. */
export async function cordon({ transport }: Drainer, node: string, unschedulable: boolean): Promise<void> {
  const path = `/api/v1/nodes/${node}`;
  const body = { spec: { unschedulable } };
  const answer = await transport.request({
    method: 'PATCH',
    path,
    contentType: PATCH_TYPE.strategic,
    body,
    timeoutMs: TIMEOUT_MS,
  });
  if (answer.status >= 300) throw new Error(`PATCH ${path}: ${readStatus(answer).message}`);
}

/** Resolves when every pod of the node is told to go. Throws when one may not. */
export async function drain(drainer: Drainer, node: string): Promise<void> {
  await cordon(drainer, node, true);
  const path = `/api/v1/pods?fieldSelector=${encodeURIComponent(`spec.nodeName=${node}`)}`;
  const listed = await drainer.transport.request({ method: 'GET', path, timeoutMs: TIMEOUT_MS });
  if (listed.status !== 200) throw new Error(`GET ${path}: ${readStatus(listed).message}`);
  const pods = arrayAt(JSON.parse(listed.body.toString()), 'items').filter(
    (pod) => !['Succeeded', 'Failed'].includes(textAt(objectAt(pod, 'status'), 'phase')),
  );
  await Promise.all(pods.map((pod) => evict(drainer, objectAt(pod, 'metadata'))));
}

async function evict({ transport, clock }: Drainer, metadata: unknown): Promise<void> {
  const name = textAt(metadata, 'name');
  const namespace = textAt(metadata, 'namespace');
  const path = `/api/v1/namespaces/${namespace}/pods/${name}/eviction`;
  const preconditions = { uid: textAt(metadata, 'uid') };
  const body = {
    apiVersion: 'policy/v1',
    kind: 'Eviction',
    metadata: { name, namespace },
    deleteOptions: { preconditions },
  };
  for (let attempt = 1; ; attempt += 1) {
    const answer = await transport.request({ method: 'POST', path, body, timeoutMs: TIMEOUT_MS });
    // gone, or replaced by a namesake: nothing to evict
    if (answer.status < 300 || answer.status === 404 || answer.status === 409) return;
    if (answer.status !== TOO_MANY_REQUESTS || attempt === ATTEMPTS)
      throw new Error(`eviction of ${name}: ${readStatus(answer).message}`);
    await new Promise<void>((resolve) => clock.after(RETRY_MS, resolve));
  }
}
