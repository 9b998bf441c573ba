/** What deploy/ ships is accepted by a real API server as it is, twice, and by kubectl. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readConfigFile } from '../../src/extender/config.ts';
import { binary } from './harness/binaries.ts';
import { ControlPlane } from './harness/control-plane.ts';
import { definitions, install, manifests, schedulerConfigurations } from './harness/deploy.ts';
import { type KubeObject, objectPath } from './harness/kube.ts';

const run = promisify(execFile);
const folder = join(import.meta.dirname, '..', '..', 'deploy');
let plane: ControlPlane;

beforeAll(async () => {
  plane = await ControlPlane.start();
});
afterAll(async () => await plane?.stop());

test('every manifest is accepted, and applying it again changes nothing', async () => {
  const first = await install(plane.admin);
  const second = await install(plane.admin);
  const versions = (objects: typeof first): unknown =>
    objects.map(({ kind, metadata }) => [
      metadata.name,
      // the API server itself writes the status of a definition, a little later
      kind === 'CustomResourceDefinition' ? metadata.generation : metadata.resourceVersion,
    ]);
  expect(versions(second)).toEqual(versions(first));
  for (const object of [...definitions(), ...manifests()])
    expect(await plane.admin.find(objectPath(object)), object.metadata.name).not.toBeNull();
});

test('kubectl apply -f deploy/ takes the top folder alone, and the second time nothing changes', async () => {
  const fresh = await ControlPlane.start();
  try {
    const kubectl = ['--kubeconfig', fresh.kubeconfig('admin'), 'apply', '--validate=strict', '-f', folder];
    const { stdout } = await run(binary('kubectl'), kubectl);
    const lines = stdout.trim().split('\n');
    expect(lines).toHaveLength(manifests().length);
    expect(lines.filter((line) => !line.endsWith(' created'))).toEqual([]);
    // not by what kubectl says: it always calls the selector of a PodDisruptionBudget "configured"
    const versions = async (): Promise<unknown> => {
      const objects = await Promise.all(manifests().map((each) => fresh.admin.get<KubeObject>(objectPath(each))));
      return objects.map(({ kind, metadata }) => [kind, metadata.name, metadata.resourceVersion]);
    };
    const before = await versions();
    await run(binary('kubectl'), kubectl);
    expect(await versions()).toEqual(before);
    expect(await fresh.admin.find('/apis/apps/v1/namespaces/muster-system/daemonsets/muster-extender')).toBeNull();
  } finally {
    await fresh.stop();
  }
});

test('the second profile takes its own folder after it', async () => {
  const second = join(folder, 'second-profile', 'extender.yaml');
  const { stdout } = await run(binary('kubectl'), [
    '--kubeconfig',
    plane.kubeconfig('admin'),
    'apply',
    '--validate=strict',
    '-f',
    second,
  ]);
  expect(stdout).toContain('daemonset.apps/muster-extender created');
});

test.for(['config/muster.yaml'])('the extender accepts the shipped settings: %s', (file) => {
  expect(() => readConfigFile(join(folder, file), { POD_NAME: 'muster-scheduler-0' })).not.toThrow();
});

test.for(['own', 'profile'] as const)('kube-scheduler starts with the shipped configuration: %s', async (which) => {
  const config = schedulerConfigurations()[which];
  const scheduler = await plane.startScheduler({ name: `as-${which}`, config });
  expect(scheduler.process.ended).toBeNull();
});
