/** The same kubectl commands against the embedded API and a real one: what people see must be the same, but for times and uids. */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeClock } from '../../src/kube/node-adapter.ts';
import { Api } from '../../src/sim/api/api.ts';
import { type ApiServer, listen } from '../../src/sim/api/server.ts';
import { definition, mainVersion, olderVersion } from '../contract/crd-samples.ts';
import { binary } from './harness/binaries.ts';
import { ControlPlane } from './harness/control-plane.ts';

const directory = mkdtempSync(join(tmpdir(), 'muster-kubectl-views-'));
const file = (name: string, content: unknown) => {
  const path = join(directory, name);
  writeFileSync(path, JSON.stringify(content));
  return path;
};

const gizmo = (name: string, spec: object) => ({
  apiVersion: 'views.example.com/v1',
  kind: 'Gizmo',
  metadata: { name, namespace: 'default' },
  spec,
});
const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'one', namespace: 'default' },
  spec: { containers: [{ name: 'main', image: 'registry.k8s.io/pause' }], automountServiceAccountToken: false },
};
const crd = file('crd.json', definition('views.example.com', 'Gizmo', [mainVersion(), olderVersion()]));
const one = file('one.json', gizmo('one', { replicas: 2, size: 'small', tags: ['a', 'b'] }));
const bad = file('bad.json', gizmo('bad', { replicas: 99 }));
const strange = file('strange.json', gizmo('strange', { replicas: 1, bogus: 1 }));
const pods = file('pod.json', pod);
const status = '{"status":{"ready":1,"conditions":[{"type":"Ready","status":"True","at":"2020-01-01T00:00:00Z"}]}}';

let plane: ControlPlane;
let server: ApiServer;
let kubeconfigs: { real: string; embedded: string };

beforeAll(async () => {
  plane = await ControlPlane.start();
  server = await listen(new Api({ clock: nodeClock, newUid: randomUUID }));
  kubeconfigs = { real: plane.kubeconfig('admin'), embedded: plane.kubeconfig('admin', server.url) };
});
afterAll(async () => {
  await server?.close();
  await plane?.stop();
  rmSync(directory, { recursive: true, force: true });
});

function kubectl(side: 'real' | 'embedded', args: readonly string[]): Promise<string> {
  const all = ['--kubeconfig', kubeconfigs[side], '--cache-dir', join(directory, side), ...args];
  const options = { encoding: 'utf8' as const, timeout: 30_000 };
  return new Promise((resolve) => {
    execFile(binary('kubectl'), all, options, (_error, stdout, stderr) => resolve(alike(stdout + stderr)));
  });
}

/** Without what must differ: times, uids, versions, and the width that they give to columns. */
function alike(text: string): string {
  return text
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, 'TIME')
    .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'UID')
    .replaceAll(/(resourceVersion:|Resource Version:)\s*"?\d+"?/g, '$1 N')
    .replaceAll(/\b\d+(s|m\d+s|m)\b(?=\s*$|\s{2,})/gm, 'AGE')
    .replaceAll(/ {2,}/g, '  ')
    .replaceAll(/ +$/gm, '')
    .trim();
}

describe('kubectl shows the same', () => {
  it.each([
    ['apply of a definition', ['apply', '-f', crd]],
    ['wait for it', ['wait', '--for=condition=Established', 'crd/gizmos.views.example.com', '--timeout=20s']],
    ['definitions', ['get', 'crd', 'gizmos.views.example.com', '-o', 'wide']],
    ['the kinds of a group', ['api-resources', '--api-group=views.example.com', '-o', 'wide', '--no-headers']],
    ['its versions', ['get', '--raw', '/apis/views.example.com']],
    ['apply of an object', ['apply', '-f', one]],
    ['apply again', ['apply', '-f', one]],
    ['an object that is refused', ['apply', '-f', bad]],
    ['a field that is unknown', ['apply', '-f', strange]],
    ['a dry run on the server', ['apply', '--dry-run=server', '-f', one]],
    ['a status', ['patch', 'gizmo', 'one', '--subresource=status', '--type=merge', '-p', status]],
    ['scale', ['scale', 'gizmo', 'one', '--replicas=3']],
    ['objects by short name', ['get', 'gizmox']],
    ['objects, wide', ['get', 'gizmos', '-o', 'wide', '--show-labels']],
    ['objects by category', ['get', 'toys', '-A']],
    ['objects by field', ['get', 'gizmos', '--field-selector=spec.size=small', '--no-headers']],
    ['objects in the older version', ['get', 'gizmos.v1beta1.views.example.com', 'one']],
    ['an object as YAML', ['get', 'gizmo', 'one', '-o', 'yaml']],
    ['an object described', ['describe', 'gizmo', 'one']],
    ['a pod', ['apply', '-f', pods]],
    ['pods, wide', ['get', 'pods', '-o', 'wide']],
    ['namespaces', ['get', 'ns', 'default']],
    ['priority classes', ['get', 'pc']],
    ['what is not there', ['get', 'gizmo', 'nobody']],
    ['a kind that is not there', ['get', 'gadgets']],
    ['labels', ['label', 'gizmo', 'one', 'a=b']],
    ['annotations', ['annotate', 'gizmo', 'one', 'a=b']],
    ['deletion', ['delete', 'gizmo', 'one']],
    ['deletion of the definition', ['delete', 'crd', 'gizmos.views.example.com']],
  ])('%s', async (_what, args) => {
    const [real, embedded] = [await kubectl('real', args), await kubectl('embedded', args)];
    expect(embedded).toBe(real);
  });

  it('explain names the fields of a kind that was defined', async () => {
    const { name } = await plane.admin
      .create(definition('explained.example.com', 'Widget', [mainVersion()]) as never)
      .then(({ metadata }) => metadata);
    await kubectl('embedded', [
      'apply',
      '-f',
      file('widget.json', definition('explained.example.com', 'Widget', [mainVersion()])),
    ]);
    await kubectl('real', ['wait', '--for=condition=Established', `crd/${name}`]);
    const shown = await kubectl('embedded', ['explain', 'widgets.spec']);
    expect(shown).toContain('replicas\t<integer> -required-');
    expect(shown).toContain('ports\t<[]Object>');
  });
});
