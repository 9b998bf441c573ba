/** The real extender over HTTP on loopback, with books over nodes and pods given as data; Bindings are granted at once. */
import { projectPdb } from '../../src/cluster/projection/pdb.ts';
import { projectPod } from '../../src/cluster/projection/pod.ts';
import { startExtender } from '../../src/extender/start.ts';
import { nodeClock, nodeRng } from '../../src/kube/node-adapter.ts';
import { node } from '../build/facts.ts';
import { booksPicture } from './books-picture.ts';
import { eventually } from './eventually.ts';
import { landing, quietConfig } from './no-cluster.ts';

export type Cluster = {
  /** GPUs per node; without any a node is not managed by Muster */
  readonly nodes: Readonly<Record<string, number>>;
  /** Pod objects */
  readonly pods: readonly unknown[];
  /** PodDisruptionBudget objects */
  readonly budgets: readonly unknown[];
};
export type Answer = { readonly status: number; readonly text: string };
export type ExtenderStand = {
  readonly url: string;
  /** POST to a verb */
  call(verb: string, body: string): Promise<Answer>;
  /** no hold is left */
  reset(): void;
  close(): Promise<void>;
};

/** `deciding` false: the extender waits for a Lease that nobody holds, and goes on waiting. */
export async function extenderStand(cluster: Cluster, over: object = {}, deciding = true): Promise<ExtenderStand> {
  const nodes = Object.entries(cluster.nodes).map(([name, gpus]) => node(name, gpus, { managed: gpus > 0 }));
  const { picture, makePicture } = booksPicture(
    nodes,
    cluster.pods.map((pod) => projectPod(pod)!),
  );
  for (const budget of cluster.budgets) picture.upsertBudget(projectPdb(budget)!);
  const extender = await startExtender(quietConfig(over), {
    transport: landing,
    clock: nodeClock,
    rng: nodeRng,
    makePicture,
  });
  if (deciding) await eventually(() => extender.deciding);
  return {
    url: extender.url,
    async call(verb, body) {
      const response = await fetch(`${extender.url}/${verb}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      });
      return { status: response.status, text: await response.text() };
    },
    reset() {
      for (const hold of [...picture.holds.values()]) picture.dropHold(hold.pod.uid);
    },
    close: () => extender.close(),
  };
}
