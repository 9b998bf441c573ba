/** What deploy/ ships is accepted by a real API server as it is, twice, and by kubectl. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readConfigFile } from '../../src/extender/config.ts';
import { binary } from './harness/binaries.ts';
import { ControlPlane } from './harness/control-plane.ts';
import { install, manifests, schedulerConfigurations } from './harness/deploy.ts';
import { objectPath } from './harness/kube.ts';

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
    objects.map(({ metadata }) => [metadata.name, metadata.resourceVersion]);
  expect(versions(second)).toEqual(versions(first));
  for (const object of manifests())
    expect(await plane.admin.find(objectPath(object)), object.metadata.name).not.toBeNull();
});

test('kubectl apply takes the folder with strict validation', async () => {
  const args = [
    '--kubeconfig',
    plane.kubeconfig('admin'),
    'apply',
    '--validate=strict',
    '--dry-run=server',
    '-f',
    folder,
  ];
  const { stdout } = await run(binary('kubectl'), args);
  expect(stdout).toContain('server dry run');
});

test.for(['config/muster.yaml'])('the extender accepts the shipped settings: %s', (file) => {
  expect(() => readConfigFile(join(folder, file), { POD_NAME: 'muster-scheduler-0' })).not.toThrow();
});

test.for(['own', 'profile'] as const)('kube-scheduler starts with the shipped configuration: %s', async (which) => {
  const config = schedulerConfigurations()[which];
  const scheduler = await plane.startScheduler({ name: `as-${which}`, config });
  expect(scheduler.process.ended).toBeNull();
});
