/** What `deploy/` ships, read as a user's kubectl would read it: every YAML document, whatever file it is in. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import type { SchedulerConfiguration } from './control-plane.ts';
import { type Kube, type KubeObject, messageOf } from './kube.ts';

const folder = join(import.meta.dirname, '..', '..', '..', 'deploy');

type ConfigMap = KubeObject & { data?: Record<string, string> };

/** every object of deploy/ (of its top folder, as `kubectl apply -f deploy/` takes it) in the order of file names */
export function manifests(): KubeObject[] {
  return documents(folder, false).filter((each) => each.metadata?.name !== undefined);
}

/** our CustomResourceDefinitions, as `kubectl apply -f deploy/crds/` takes them */
export function definitions(): KubeObject[] {
  return documents(join(folder, 'crds'), false).filter((each) => each.metadata?.name !== undefined);
}

/**
 * The two shipped scheduler configurations, from a file of their own or from a ConfigMap: `own` for a process of its own,
 * `profile` for a second profile inside an existing kube-scheduler (told by managedResources).
 */
export function schedulerConfigurations(): { own: SchedulerConfiguration; profile: SchedulerConfiguration } {
  const isScheduler = (each: unknown): each is SchedulerConfiguration =>
    typeof each === 'object' && each !== null && 'kind' in each && each.kind === 'KubeSchedulerConfiguration';
  const inMaps = manifests()
    .filter((each): each is ConfigMap => each.kind === 'ConfigMap')
    .flatMap(({ data }) => Object.values(data ?? {}).map((text) => parse(text) as unknown));
  const found = [...documents(folder, true), ...inMaps].filter(isScheduler);
  const manages = ({ extenders }: SchedulerConfiguration): boolean =>
    extenders?.some((extender) => extender.managedResources !== undefined) ?? false;
  const own = found.find((each) => !manages(each));
  const profile = found.find(manages);
  if (own === undefined || profile === undefined) {
    throw new Error(
      `deploy/ ships ${found.length} KubeSchedulerConfigurations, wanted: own process and second profile`,
    );
  }
  return { own, profile };
}

export type InstallOptions = {
  /** loopback port where the webhook is really served; without it the webhook's Service is left as shipped and leads nowhere */
  webhookPort?: number;
};

/** Applies everything in dependency order. Objects that a cluster without controllers can hold are applied as they are. */
export async function install(kube: Kube, options: InstallOptions = {}): Promise<KubeObject[]> {
  const order = [
    'CustomResourceDefinition',
    'Namespace',
    'ServiceAccount',
    'ConfigMap',
    'ClusterRole',
    'Role',
    'PriorityClass',
    'RuntimeClass',
  ];
  const rank = ({ kind }: KubeObject): number => (order.includes(kind) ? order.indexOf(kind) : order.length);
  const objects = [...definitions(), ...manifests()].sort((a, b) => rank(a) - rank(b));
  const applied: KubeObject[] = [];
  for (const object of objects) {
    try {
      applied.push(await kube.apply(reachable(object, options)));
    } catch (error) {
      throw new Error(`deploy/: ${object.kind} ${object.metadata.name} was refused: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }
  return applied;
}

/**
 * No kube-proxy runs here, so a Service leads nowhere; the API server itself follows one kind, ExternalName, to a host by name. It keeps
 * verifying the certificate against the Service's name, as in production.
 */
function reachable(object: KubeObject, { webhookPort }: InstallOptions): KubeObject {
  if (webhookPort === undefined) return object;
  if (object.kind === 'Service') {
    return { ...object, spec: { type: 'ExternalName', externalName: 'localhost' } } as KubeObject;
  }
  if (!object.kind.endsWith('WebhookConfiguration')) return object;
  const { webhooks } = object as KubeObject & { webhooks: { clientConfig: { service?: object } }[] };
  const moved = webhooks.map((webhook) => ({
    ...webhook,
    clientConfig: { ...webhook.clientConfig, service: { ...webhook.clientConfig.service, port: webhookPort } },
  }));
  return { ...object, webhooks: moved } as KubeObject;
}

type Document = KubeObject & Partial<Pick<KubeObject, 'metadata'>>;

function documents(folder: string, recursive: boolean): Document[] {
  return readdirSync(folder, { recursive, encoding: 'utf8' })
    .filter((file) => /\.ya?ml$/.test(file))
    .sort()
    .flatMap((file) => parseAllDocuments(readFileSync(join(folder, file), 'utf8')))
    .map((document) => document.toJS() as Document | null)
    .filter((each) => each !== null);
}
