/** Starts the embedded cluster, serves it until SIGTERM or SIGINT, saves it when asked. */
import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NODE_DEVICES } from '../../core/names.ts';
import { type Certificate, issueServing, makeAuthority } from '../../kube/authority.ts';
import { nodeClock, nodeRng } from '../../kube/node-adapter.ts';
import { connect } from '../../kube/undici-adapter.ts';
import { WebhookCaller } from '../../kube/webhook-adapter.ts';
import type { User } from '../../sim/api/access/user.ts';
import type { ServiceResolver } from '../../sim/api/admission/webhooks.ts';
import { arrayAt, type JsonObject, objectAt, storeKey, textAt } from '../../sim/api/object.ts';
import { resourceId } from '../../sim/api/resources.ts';
import { type ApiServer, listen } from '../../sim/api/server.ts';
import type { Store } from '../../sim/api/store.ts';
import { Cluster, type SchedulerSpec } from '../../sim/cluster.ts';
import { readNodeList } from '../../sim/node-list.ts';
import { restore } from '../../sim/save.ts';
import { shippedExtenders } from '../../sim/scheduler/shipped-extenders.ts';
import { UsageError } from '../errors.ts';
import { checkWritable, nodesFrom, saveFrom, writeKubeconfig, writeSave } from './files.ts';
import type { ClusterCommandOptions } from './options.ts';

const HOSTS = ['127.0.0.1', 'localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'];

export type RunningCluster = { readonly url: string; readonly kubeconfig: string; stop(): Promise<void> };

/** Keys and the administrator's token; they stay the same over save and load, so that a kubeconfig goes on working. */
type Kept = { readonly token: string; readonly serviceAccountKey: string; readonly authority: Certificate };

/** Resolves when it serves. Throws what files and options are refused with. @param write to the user, line by line */
export async function runCluster(
  options: ClusterCommandOptions,
  write: (line: string) => void,
): Promise<RunningCluster> {
  const { tls = false, load } = options;
  const authorization = options.authorization ?? (tls ? 'rbac' : 'off');
  if (options.save !== undefined) checkWritable(options.save, 'save');
  else if (options.saveEvery !== undefined) throw new UsageError('--save-every needs --save, the file to save to');
  if (options.kubeconfig !== undefined) checkWritable(options.kubeconfig, 'kubeconfig');
  const { nodes: list = [] } = options;
  const nodes = typeof list === 'string' ? nodesFrom(list) : readNodeList(list, 'nodes');
  const save = load === undefined ? null : await saveFrom(load);
  const kept = (save === null ? null : readKept(save.kept)) ?? (await newKept());
  const admin: User = { name: 'admin', uid: '', groups: ['system:masters'], extra: {} };
  const webhooks = new WebhookCaller();
  const closing: (() => Promise<void>)[] = [() => webhooks.close()];
  const stop = async () => {
    for (const close of closing.splice(0).toReversed()) await close();
  };
  try {
    const schedulers = await schedulersOf(options, closing);
    const onError = (error: Error) => write(`error: ${error.message}`);
    const cluster: Cluster = new Cluster({
      clock: nodeClock,
      rng: nodeRng,
      newUid: randomUUID,
      nodes,
      schedulers,
      kubelet: options.kubelet,
      controllers: options.controllers,
      api: {
        managedFields: 'always',
        access: {
          authorization,
          tokens: new Map([[kept.token, admin]]),
          serviceAccountKey: kept.serviceAccountKey,
        },
        callWebhook: webhooks.call,
        resolveService: (service) => placeOf(cluster.api.store, options.service)(service),
        ...(options.maxInFlight === undefined ? {} : { maxInFlight: options.maxInFlight }),
      },
      onError,
    });
    if (save !== null && load !== undefined) restore(cluster.api.store, save, load);
    await cluster.start();
    closing.push(() => cluster.stop());
    const server = await serve(cluster, options, kept);
    closing.push(() => server.close());
    const port = new URL(server.url).port;
    const kubeconfig = options.kubeconfig ?? join(tmpdir(), `muster-cluster-${port}.kubeconfig`);
    await writeKubeconfig(kubeconfig, {
      server: server.url,
      ca: tls ? kept.authority.certificate : null,
      token: authorization === 'off' ? null : kept.token,
    });
    const saving = savingTo(options, cluster, kept, write);
    closing.push(() => saving.stop());
    for (const line of introduction(server.url, kubeconfig, options, cluster.api.store, authorization)) write(line);
    return { url: server.url, kubeconfig, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function serve(cluster: Cluster, { port, tls }: ClusterCommandOptions, kept: Kept): Promise<ApiServer> {
  const serving = tls ? await issueServing(kept.authority, HOSTS, nodeClock.now(), 'muster cluster') : null;
  try {
    if (serving === null) return await listen(cluster.api, { port });
    return await listen(cluster.api, { port, tls: { ...serving, clientCa: kept.authority.certificate } });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new UsageError(`127.0.0.1:${port} is in use by another process: say another --port, or 0 for any free one`);
  }
}

async function schedulersOf(
  options: ClusterCommandOptions,
  closing: (() => Promise<void>)[],
): Promise<SchedulerSpec[]> {
  if (!options.scheduler) return [];
  const plain: SchedulerSpec = { schedulerNames: ['default-scheduler'], extenders: [] };
  const { extender, schedulerName } = options;
  if (extender === undefined) return [{ ...plain, schedulerNames: ['default-scheduler', schedulerName] }];
  const transport = await connect({ server: extender, component: 'kube-scheduler' });
  closing.push(() => transport.close());
  const extenders = shippedExtenders(transport, new URL(extender).pathname.replace(/\/+$/, ''));
  return [plain, { schedulerNames: [schedulerName], extenders }];
}

/** No Service has an address here: `--service` says where one is, or it is an ExternalName of this machine. */
function placeOf(store: Store, given: ReadonlyMap<string, string>): ServiceResolver {
  return ({ namespace, name, port }) => {
    const told = given.get(`${namespace}/${name}`);
    if (told !== undefined) return told;
    const service = store.table(resourceId('v1', 'services')).get(storeKey(namespace, name))?.object;
    const host = textAt(objectAt(service, 'spec'), 'externalName');
    return host === 'localhost' || host.startsWith('127.') ? `${host}:${port}` : null;
  };
}

function readKept(kept: JsonObject): Kept | null {
  const authority = objectAt(kept, 'authority');
  const token = textAt(kept, 'token');
  const serviceAccountKey = textAt(kept, 'serviceAccountKey');
  const certificate = textAt(authority, 'certificate');
  const key = textAt(authority, 'key');
  if (token === '' || serviceAccountKey === '' || certificate === '' || key === '') return null;
  return { token, serviceAccountKey, authority: { certificate, key } };
}

async function newKept(): Promise<Kept> {
  const { privateKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  return {
    token: randomBytes(24).toString('base64url'),
    serviceAccountKey: privateKey,
    authority: await makeAuthority(nodeClock.now(), 'muster cluster authority'),
  };
}

/** Saves at SIGUSR1, every so often, and at the end; one at a time. */
function savingTo(
  { save: file, saveEvery }: ClusterCommandOptions,
  cluster: Cluster,
  kept: Kept,
  write: (line: string) => void,
): { stop(): Promise<void> } {
  if (file === undefined) return { stop: async () => {} };
  let turn = Promise.resolve();
  const now = (): Promise<void> => {
    turn = turn.then(async () => {
      try {
        const bytes = await writeSave(file, cluster.api.store, kept);
        write(`saved to ${file} (${mib(bytes)})`);
      } catch (error) {
        write(`error: cannot save to ${file}: ${error instanceof Error ? error.message : String(error)}`);
      }
    });
    return turn;
  };
  const onSignal = () => void now();
  process.on('SIGUSR1', onSignal);
  const every = saveEvery === undefined ? null : setInterval(onSignal, saveEvery * 1000);
  return {
    async stop() {
      process.off('SIGUSR1', onSignal);
      if (every !== null) clearInterval(every);
      await now();
    },
  };
}

const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

function introduction(
  url: string,
  kubeconfig: string,
  options: ClusterCommandOptions,
  store: Store,
  authorization: 'off' | 'rbac',
): string[] {
  const nodes = store.table(resourceId('v1', 'nodes'));
  const slices = store.table(resourceId('resource.k8s.io/v1', 'resourceslices'));
  const gpus = [
    ...nodes.keys().map((key) => gpusOf(nodes.get(key)!.object)),
    ...slices.keys().map((key) => arrayAt(slices.get(key)!.object.spec, 'devices').length),
  ].reduce((sum, count) => sum + count, 0);
  const pods = store.table(resourceId('v1', 'pods')).size;
  const parts = [
    options.controllers ? 'controllers' : null,
    options.scheduler ? 'kube-scheduler' : null,
    options.kubelet ? 'kubelets' : null,
    options.extender === undefined ? null : `extender ${options.extender} for ${options.schedulerName}`,
  ].filter((part) => part !== null);
  return [
    `muster cluster serves ${url} (authorization ${authorization}): ${nodes.size} nodes, ${gpus} GPUs, ${pods} pods`,
    `  runs: API server${parts.map((part) => `, ${part}`).join('')}`,
    `  memory: ${mib(process.memoryUsage.rss())}`,
    `  export KUBECONFIG=${kubeconfig}`,
    '  kubectl get nodes',
    ...(options.save === undefined
      ? []
      : [`  kill -USR1 ${process.pid}   # saves to ${options.save}; so does ending it`]),
  ];
}

/** Devices as the node itself tells them; those that a driver tells are in ResourceSlices. */
function gpusOf(node: JsonObject): number {
  const metadata = objectAt(node, 'metadata');
  const devices = textAt(objectAt(metadata, 'annotations'), NODE_DEVICES);
  if (devices === '') return Number(textAt(objectAt(metadata, 'labels'), 'nvidia.com/gpu.count')) || 0;
  try {
    return arrayAt({ list: JSON.parse(devices) as unknown }, 'list').length;
  } catch {
    return 0;
  }
}
