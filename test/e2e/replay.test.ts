/** What a burst on the real control plane was recorded as, replayed by the command: every answer the same to the last byte. */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, expect, test } from 'vitest';
import type { Pod } from './harness/kube.ts';
import { mixedNodes, mixedPods } from './harness/mixture.ts';
import { Stand } from './harness/stand.ts';
import { waitFor } from './harness/wait.ts';

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts');
const CANARY = 'canary-8e21';

let stand: Stand | undefined;
afterEach(async () => {
  await stand?.stop();
  stand = undefined;
});

function withSecrets(pod: Pod): Pod {
  const { annotations } = pod.metadata;
  const containers = pod.spec.containers.map((container) => ({
    ...container,
    command: ['true', CANARY],
    env: [{ name: 'TOKEN', value: CANARY }],
  }));
  return {
    ...pod,
    metadata: { ...pod.metadata, annotations: { ...annotations, 'team.example/note': CANARY } },
    spec: { ...pod.spec, containers },
  };
}

function replay(path: string, ...more: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, 'replay', path, ...more], { timeout: 60_000 }, (error, stdout, stderr) =>
      resolve({ status: error === null ? 0 : Number(error.code ?? 99), stdout, stderr }),
    );
  });
}

test('the recording of a burst, before and after kill -9 of the extender, replays clean and holds no secret', async () => {
  stand = await Stand.start({ nodes: mixedNodes(), settings: { record: {} } });
  const { muster, plane } = stand;
  const pods = mixedPods(400).map(withSecrets);
  const fetchRecording = async (name: string): Promise<string> => {
    const response = await fetch(`${muster.url}/debug/recording`);
    expect(response.status).toBe(200);
    const packed = Buffer.from(await response.arrayBuffer());
    expect(gunzipSync(packed).toString('utf8')).not.toContain(CANARY);
    const path = join(plane.directory, name);
    writeFileSync(path, packed);
    return path;
  };

  await stand.create(pods, 32);
  await waitFor(() => stand!.kubelet.started.size >= 100, {
    for: 'a quarter of the pods to run',
    timeoutMs: 90_000,
    onTimeout: () => stand!.logs(),
  });
  const first = await fetchRecording('first.ndjson.gz');
  await muster.killAndRestart();
  await muster.ready();
  await stand.bound(
    pods.map(({ metadata }) => metadata.name),
    120_000,
  );
  const second = await fetchRecording('second.ndjson.gz');

  for (const path of [first, second]) {
    const { status, stdout, stderr } = await replay(path);
    console.log(stdout.trimEnd());
    expect(stderr).toBe('');
    expect(stdout).toMatch(/: the same\n$/);
    expect(Number(/(\d+) decisions/.exec(stdout)?.[1])).toBeGreaterThan(100);
    expect(status).toBe(0);
  }
  const spread = await replay(first, '--policy', 'spread');
  expect(spread.stdout).toMatch(/line \d+ {2}filter default\//);
  expect(spread.status).toBe(1);
  await stand.finish();
}, 300_000);
