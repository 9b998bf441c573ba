/** What the README and docs/ promise exists: files, scripts, and the pod that it shows. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { mutatePod } from '../../src/admission/mutate.ts';
import { DemoCluster } from '../../src/cli/demo/cluster.ts';
import { startDemoExtender } from '../../src/cli/demo/extender-process.ts';
import { DEFAULT_DIALECT_OPTIONS } from '../../src/dialects/reading.ts';

import { mixedNodes } from '../../src/sim/nodes.ts';

const root = join(import.meta.dirname, '..', '..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const pages = [
  'README.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

describe.each(pages)('%s', (page) => {
  it('links only to what is there', () => {
    const targets = [...read(page).matchAll(/\]\((?!https?:)([^)#]+)/g)].map((match) => match[1]!);
    expect(targets.filter((target) => !existsSync(join(root, dirname(page), target)))).toEqual([]);
  });

  it('names only scripts that there are', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = [...read(page).matchAll(/\bnpm (?:run )?(test(?::\w+)?|(?<=run )[\w:]+)/g)].map((match) => match[1]!);
    expect(named.filter((name) => scripts[name] === undefined)).toEqual([]);
  });
});

const table = [...read('README.md').matchAll(/^\| `(muster\.dev\/[a-z-]+)`/gm)].map((match) => match[1]!);
const values: Record<string, string> = {
  'muster.dev/gpu-fraction': '0.5',
  'muster.dev/gpu-memory': '8Gi',
  'muster.dev/gpu-cores': '30',
  'muster.dev/gpu-count': '2',
  'muster.dev/gpu-model': 'H100,A100',
  'muster.dev/device-policy': 'link',
  'muster.dev/node-policy': 'spread',
  'muster.dev/request': /`(\{"containers.*\})`/.exec(read('README.md'))?.[1] ?? '',
};

type Shown = { metadata: { name: string; annotations: Record<string, string> } };
const [example] = read('README.md').match(/(?<=```yaml\n)[^`]+/)!;
const shown = parseAllDocuments(example).map((document) => document.toJS() as Shown);

function admit(annotations: Record<string, string>) {
  const pod = { ...shown[0]!, metadata: { ...shown[0]!.metadata, annotations } };
  return mutatePod(pod, 'default', {
    schedulerNames: ['muster-scheduler'],
    runtimeClassName: null,
    runtimeClassExists: () => false,
    largestDeviceMib: 81_559,
    dialects: DEFAULT_DIALECT_OPTIONS,
  });
}

it.each(table.map((key) => [key]))('the pod of the README may carry %s', (key) => {
  const alone = /policy|model/.test(key) ? { 'muster.dev/gpu-count': '1' } : {};
  expect(admit({ ...alone, [key]: values[key] ?? '' })).toMatchObject({ kind: 'patched' });
});

it('a pod that contradicts itself is refused with both lines named', () => {
  const refused = admit({ 'muster.dev/gpu-fraction': '0.5', 'muster.dev/gpu-memory': '8Gi' });
  expect(refused).toMatchObject({ kind: 'refused', message: expect.stringMatching(/gpu-fraction.*gpu-memory/s) });
});

it('the gang of the README runs on the embedded cluster: nobody before both are there', {
  timeout: 60_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'muster-readme-'));
  const cluster = await DemoCluster.start({
    nodes: mixedNodes(2),
    startExtender: startDemoExtender,
    folder,
    onExtender() {},
    onError() {},
  });
  try {
    const pods = '/api/v1/namespaces/default/pods';
    const phases = async (): Promise<(string | undefined)[]> => {
      const { body } = await cluster.user.request({ method: 'GET', path: pods, timeoutMs: 5_000 });
      return (JSON.parse(body.toString()) as { items: { status?: { phase?: string } }[] }).items.map(
        ({ status }) => status?.phase,
      );
    };
    await cluster.create(pods, shown[0]!);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(await phases()).toEqual(['Pending']);
    await cluster.create(pods, shown[1]!);
    await vi.waitFor(async () => expect(await phases()).toEqual(['Running', 'Running']), {
      timeout: 20_000,
      interval: 100,
    });
  } finally {
    await cluster.stop();
    rmSync(folder, { recursive: true });
  }
});
