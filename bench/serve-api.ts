/** The embedded API server with a cluster in it. */
import { randomUUID } from 'node:crypto';
import { bindAnnotations } from '../src/core/gpu/bind-annotations.ts';
import { nodeClock } from '../src/kube/node-adapter.ts';
import { Api } from '../src/sim/api/api.ts';
import { listen } from '../src/sim/api/server.ts';
import { deviceUuid, GPU_MODELS, gpuNode } from '../src/sim/nodes.ts';
import { answer, argument } from './child.ts';
import { podObject } from './pods.ts';

export type ApiArgument = { readonly nodes: number; readonly boundPods: number };

const DEVICES = 8;
const FILLED = 5;
const TICK_MS = 10;
const { nodes, boundPods } = argument<ApiArgument>();
const api = new Api({ clock: nodeClock, newUid: randomUUID });
const server = await listen(api);
const nameOf = (at: number): string => `h100-${at % nodes}.eu-west-1.compute.internal`;

async function post(path: string, object: unknown): Promise<{ metadata: { name: string; uid: string } }> {
  const { status, body } = await api.handle({
    method: 'POST',
    path,
    contentType: 'application/json',
    body: Buffer.from(JSON.stringify(object)),
  });
  if (status >= 300) throw new Error(`POST ${path}: ${status} ${body}`);
  return JSON.parse(body as string) as never;
}

const podsPath = '/api/v1/namespaces/default/pods';

/** A pod for the embedded API, which gives uid and namespace itself. */
function pod(serial: number, nodeName: string | null): object {
  const { metadata, spec } = podObject(serial, 0) as { metadata: Record<string, unknown>; spec: object };
  const { uid, resourceVersion, creationTimestamp, namespace, ...rest } = metadata;
  if (nodeName === null) return { apiVersion: 'v1', kind: 'Pod', metadata: rest, spec };
  // bound ones fill five devices of each node by halves; those that come and go share the other three with filter's
  const index = serial < boundPods ? Math.floor(serial / nodes) % FILLED : FILLED + (serial % (DEVICES - FILLED));
  const share = { uuid: deviceUuid(nodeName, index), index, mib: Math.floor(GPU_MODELS.h100.mib / 2), milli: 500 };
  const annotations = {
    ...(rest.annotations as object),
    ...bindAnnotations({ containers: [{ name: 'main', slot: 'c0', sidecar: false, devices: [share] }] }),
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...rest, annotations },
    spec: { ...spec, nodeName },
    status: { phase: 'Running', startTime: '2026-11-24T10:00:00Z' },
  };
}

for (let at = 0; at < nodes; at++)
  await post(
    '/api/v1/nodes',
    gpuNode({ name: nameOf(at), model: GPU_MODELS.h100, count: DEVICES, source: 'annotation' }).node,
  );
for (let at = 0; at < boundPods; at++) await post(podsPath, pod(at, nameOf(at)));

let serial = boundPods;
let ticking: NodeJS.Timeout | null = null;
answer(
  {
    url: () => server.url,
    cpu: () => process.cpuUsage(),
    /** names and uids of so many new pods without a node */
    pending: async (count: number) => {
      const made: { name: string; uid: string }[] = [];
      for (let at = 0; at < count; at++) made.push((await post(podsPath, pod(serial++, null))).metadata);
      return made.map(({ name, uid }) => ({ name, uid }));
    },
    /** so many bound pods a second from now on, each of them gone a second later */
    churn: (perSecond: number) => {
      const gone: string[] = [];
      let due = 0;
      ticking = setInterval(() => {
        for (due += (perSecond * TICK_MS) / 1000; due >= 1; due--) {
          const one = serial++;
          void post(podsPath, pod(one, nameOf(one))).then(({ metadata }) => gone.push(metadata.name));
          if (gone.length > perSecond)
            void api.handle({
              method: 'DELETE',
              path: `${podsPath}/${gone.shift()}?gracePeriodSeconds=0`,
              contentType: '',
              body: Buffer.alloc(0),
            });
        }
      }, TICK_MS);
    },
  },
  async () => {
    if (ticking !== null) clearInterval(ticking);
    await server.close();
  },
);
