import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { GPU_MILLI, SCHEDULER_NAME } from '../core/names.ts';

const folder = join(import.meta.dirname, '..', '..', 'deploy');
const read = (file: string): string => readFileSync(join(folder, file), 'utf8');

type Rule = { apiGroups: string[]; resources: string[]; resourceNames?: string[]; verbs: string[] };
type Reference = { kind: string; name: string; namespace?: string };
type Manifest = {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string> };
  rules?: Rule[];
  roleRef?: Reference;
  subjects?: Reference[];
  data?: Record<string, string>;
  spec?: Record<string, unknown>;
  webhooks?: Record<string, unknown>[];
};

function documentsOf(file: string): Manifest[] {
  return parseAllDocuments(read(file)).map((document) => {
    expect(document.errors, file).toEqual([]);
    return document.toJS() as Manifest;
  });
}

/** What `kubectl apply -f deploy/` applies: not the folders below. */
const files = readdirSync(folder)
  .filter((file) => file.endsWith('.yaml'))
  .sort();
const secondProfile = readdirSync(join(folder, 'second-profile'))
  .filter((file) => file.endsWith('.yaml'))
  .map((file) => join('second-profile', file));
const shipped = files.flatMap(documentsOf);
const only = (kind: string, name?: string): Manifest => {
  const found = shipped.filter((each) => each.kind === kind && (name === undefined || each.metadata.name === name));
  expect(found, `${kind} ${name ?? ''}`).toHaveLength(1);
  return found[0]!;
};

/** Roles that every cluster has. */
const BUILT_IN = ['system:kube-scheduler', 'system:volume-scheduler', 'extension-apiserver-authentication-reader'];

describe('deploy/', () => {
  it('is applied in an order that works: the namespace first, the webhook after what serves it', () => {
    const kinds = shipped.map(({ kind }) => kind);
    expect(kinds[0]).toBe('Namespace');
    expect(kinds.indexOf('ServiceAccount')).toBeLessThan(kinds.indexOf('Deployment'));
    expect(kinds.indexOf('Deployment')).toBeLessThan(kinds.indexOf('MutatingWebhookConfiguration'));
  });

  it('ships no RuntimeClass: its handler exists only where the NVIDIA toolkit made it', () => {
    expect(shipped.map(({ kind }) => kind)).not.toContain('RuntimeClass');
  });

  it('binds only roles and accounts that exist', () => {
    const all = [...shipped, ...secondProfile.flatMap(documentsOf)];
    const names = (kind: string) => all.filter((each) => each.kind === kind).map(({ metadata }) => metadata.name);
    for (const binding of all.filter(({ kind }) => kind.endsWith('RoleBinding'))) {
      const { roleRef, subjects = [] } = binding;
      expect([...BUILT_IN, ...names(roleRef?.kind ?? '')], binding.metadata.name).toContain(roleRef?.name);
      for (const subject of subjects) {
        expect(names('ServiceAccount')).toContain(subject.name);
        expect(subject.namespace).toBe('muster-system');
      }
    }
  });

  it('grants no wildcard, and secrets and webhook configurations by name only', () => {
    const rules = [...shipped, ...secondProfile.flatMap(documentsOf)].flatMap((each) => each.rules ?? []);
    for (const rule of rules) {
      expect([...rule.apiGroups, ...rule.resources, ...rule.verbs]).not.toContain('*');
      const narrow = rule.resources.some((resource) => ['secrets', 'mutatingwebhookconfigurations'].includes(resource));
      if (narrow && !rule.verbs.includes('create')) expect(rule.resourceNames).toHaveLength(1);
      if (rule.verbs.includes('create') && rule.resources.includes('secrets')) expect(rule.verbs).toEqual(['create']);
    }
  });

  it('mounts the very configurations that lie in config/', async () => {
    const text = (file: string) => read(join('config', file)).replace(/^(?=.)/gm, '    ');
    const map = `# The two configurations that the pod mounts: config/scheduler-own-process.yaml and config/muster.yaml, word for word (a test
# compares them). Change them there and write this file anew with
# \`npx vitest run --project unit src/admission/manifests.test.ts -u\`.
apiVersion: v1
kind: ConfigMap
metadata:
  name: muster-scheduler
  namespace: muster-system
  labels:
    app.kubernetes.io/name: muster
    app.kubernetes.io/part-of: muster
data:
  scheduler.yaml: |
${text('scheduler-own-process.yaml')}  muster.yaml: |
${text('muster.yaml')}`;
    await expect(map).toMatchFileSnapshot('../../deploy/30-config.yaml');
    const { data } = parse(map) as Manifest;
    expect(data?.['scheduler.yaml']).toBe(read('config/scheduler-own-process.yaml'));
    expect(data?.['muster.yaml']).toBe(read('config/muster.yaml'));
  });

  it('has a webhook that cannot stop the cluster', () => {
    const { webhooks = [] } = only('MutatingWebhookConfiguration');
    expect(webhooks).toHaveLength(1);
    expect(webhooks[0]).toMatchObject({
      failurePolicy: 'Ignore',
      timeoutSeconds: 3,
      sideEffects: 'None',
      reinvocationPolicy: 'IfNeeded',
      matchConditions: [{ expression: `object.spec.schedulerName in ['${SCHEDULER_NAME}']` }],
    });
  });

  it('names one Service, Secret, port and configuration everywhere', () => {
    const muster = parse(read('config/muster.yaml')) as {
      listen: { host: string; port: number };
      health: { port: number };
      webhook: {
        port: number;
        certificates: { service: string; namespace: string; secret: string; configuration: string };
      };
      lease: { namespace: string; name: string };
    };
    const { certificates } = muster.webhook;
    expect(only('Service').metadata).toMatchObject({
      name: certificates.service,
      namespace: certificates.namespace,
    });
    expect(only('MutatingWebhookConfiguration').metadata.name).toBe(certificates.configuration);
    expect(only('MutatingWebhookConfiguration').webhooks?.[0]).toMatchObject({
      clientConfig: { service: { name: certificates.service, namespace: certificates.namespace, path: '/mutate' } },
    });
    const rules = only('Role', 'muster-extender').rules ?? [];
    expect(rules.flatMap(({ resourceNames = [] }) => resourceNames)).toEqual([certificates.secret, muster.lease.name]);
    const ports = JSON.stringify(only('Deployment').spec);
    expect(ports).toContain(`"containerPort":${muster.webhook.port}`);
    expect(ports).toContain(`"containerPort":${muster.health.port}`);
    expect(ports).toContain(`{"path":"/livez","port":${muster.health.port}}`);
    const scheduler = parse(read('config/scheduler-own-process.yaml')) as SchedulerConfiguration;
    expect(scheduler.leaderElection).toMatchObject({
      resourceNamespace: muster.lease.namespace,
      resourceName: muster.lease.name,
    });
    for (const { urlPrefix } of scheduler.extenders) expect(urlPrefix).toBe(`http://127.0.0.1:${muster.listen.port}`);
  });

  it('runs containers as nobody, without capabilities, on a read-only root', () => {
    const { template } = only('Deployment').spec as {
      template: { spec: { securityContext: object; containers: object[]; initContainers: object[] } };
    };
    expect(template.spec.securityContext).toMatchObject({
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    for (const container of [...template.spec.initContainers, ...template.spec.containers]) {
      expect(container).toMatchObject({
        securityContext: {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        },
      });
    }
  });
});

type Extender = Record<string, unknown> & {
  urlPrefix: string;
  httpTimeout: string;
  managedResources?: { name: string }[];
};
type SchedulerConfiguration = {
  apiVersion: string;
  kind: string;
  percentageOfNodesToScore?: number;
  leaderElection: object;
  profiles: { schedulerName: string; percentageOfNodesToScore?: number }[];
  extenders: Extender[];
};

const EXTENDER_FIELDS = [
  'urlPrefix',
  'filterVerb',
  'preemptVerb',
  'prioritizeVerb',
  'weight',
  'bindVerb',
  'enableHTTPS',
  'tlsConfig',
  'httpTimeout',
  'nodeCacheCapable',
  'managedResources',
  'ignorable',
];

describe.each(['own-process', 'second-profile'])('the scheduler configuration %s', (name) => {
  const configuration = parse(read(`config/scheduler-${name}.yaml`)) as SchedulerConfiguration;
  const { extenders } = configuration;

  it('passes the rules of kube-scheduler for extenders', () => {
    expect(configuration).toMatchObject({
      apiVersion: 'kubescheduler.config.k8s.io/v1',
      kind: 'KubeSchedulerConfiguration',
    });
    for (const extender of extenders) {
      expect(EXTENDER_FIELDS).toEqual(expect.arrayContaining(Object.keys(extender)));
      expect(extender).toMatchObject({ ignorable: false, nodeCacheCapable: true });
      if (extender.prioritizeVerb !== undefined) expect(extender.weight).toBeGreaterThan(0);
    }
    expect(extenders.filter(({ bindVerb }) => bindVerb !== undefined)).toHaveLength(1);
    const managed = extenders.flatMap(({ managedResources = [] }) => managedResources.map((each) => each.name));
    expect(new Set(managed).size).toBe(managed.length);
  });

  it('offers all nodes to pods of our profile', () => {
    const profile = configuration.profiles.find(({ schedulerName }) => schedulerName === SCHEDULER_NAME);
    expect(profile?.percentageOfNodesToScore ?? configuration.percentageOfNodesToScore).toBe(100);
  });
});

it('the own process sees every pod, with short decisions and a long bind', () => {
  const { extenders } = parse(read('config/scheduler-own-process.yaml')) as SchedulerConfiguration;
  expect(
    extenders.map(({ httpTimeout, bindVerb, managedResources }) => [httpTimeout, bindVerb, managedResources]),
  ).toEqual([
    ['3s', undefined, undefined],
    ['60s', 'bind', undefined],
  ]);
});

it('the second profile leaves the other profile alone: its pods cause no call, its sampling stays', () => {
  const configuration = parse(read('config/scheduler-second-profile.yaml')) as SchedulerConfiguration;
  expect(configuration.percentageOfNodesToScore).toBeUndefined();
  for (const { managedResources } of configuration.extenders) {
    expect(managedResources).toEqual([{ name: GPU_MILLI, ignoredByScheduler: false }]);
  }
});
