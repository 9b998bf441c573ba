/** Muster as deploy/ installs it: whose account it has, and when it is at work. */
import type { Kube, Node, Pod } from './kube.ts';
import type { Muster } from './muster.ts';
import type { NodeSpec } from './nodes.ts';
import { waitFor } from './wait.ts';

/** the service account that deploy/ gives Muster and its kube-scheduler */
export const account = 'muster-system/muster-extender';

/** until the deciding extender has patched every managed node: only then does the sum exist for kube-scheduler */
export async function waitForGpuMilli(kube: Kube, nodes: readonly NodeSpec[], muster: Muster): Promise<void> {
  await waitFor(
    async () => {
      const { items } = await kube.list<Node>('/api/v1/nodes');
      const allocatable = new Map(items.map((node) => [node.metadata.name, node.status?.allocatable ?? {}]));
      const lacking = nodes.filter(({ name }) => allocatable.get(name)?.['muster.dev/gpu-milli'] === undefined);
      if (lacking.length > 0)
        throw new Error(`${lacking.map(({ name }) => name).join(', ')} lack muster.dev/gpu-milli`);
      return true;
    },
    { for: 'gpu-milli on every managed node', onTimeout: () => muster.process.tail() },
  );
}

/** until a dry-run pod comes back normalised: certificate and caBundle are in place */
export async function waitForWebhook(kube: Kube, muster: Muster): Promise<void> {
  const probe = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'probe', annotations: { 'muster.dev/gpu-fraction': '0.5' } },
    spec: { schedulerName: 'muster-scheduler', containers: [{ name: 'main', image: 'none' }] },
  };
  await waitFor(
    async () => {
      const pod = await kube.expect<Pod>('POST', '/api/v1/namespaces/default/pods?dryRun=All', probe);
      return pod.metadata.annotations?.['muster.dev/request'] !== undefined;
    },
    { for: 'the webhook to answer', everyMs: 500, onTimeout: () => muster.process.tail() },
  );
}
