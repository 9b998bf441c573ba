import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Client } from '../../../test/contract/client.ts';
import { nodeClock, nodeRng } from '../../kube/node-adapter.ts';
import { Api } from '../../sim/api/api.ts';
import { inProcess } from '../../sim/api/in-process.ts';
import { DeviceWatch, type KnownDevice } from './device-watch.ts';
import { drawPicture, overallFill, shortReason, summaryLine } from './picture.ts';

const DEVICES: KnownDevice[] = [0, 1].map((index) => ({ node: 'n1', index, uuid: `GPU-${index}`, mib: 1000 }));
const ROWS = [{ name: 'n1', model: 'T4', devices: DEVICES }];

let client: Client;
let watch: DeviceWatch;
beforeEach(async () => {
  const transport = inProcess(new Api({ clock: nodeClock, newUid: randomUUID }));
  client = new Client(transport);
  watch = new DeviceWatch({ transport, clock: nodeClock, rng: nodeRng, devices: DEVICES, namespace: 'default' });
  await watch.start();
});
afterEach(async () => {
  await watch.stop();
  await client.close();
});

/** A pod bound with a claim of one share. */
async function bind(name: string, share: object): Promise<void> {
  const made = await client.must('POST', '/api/v1/namespaces/default/pods', {
    metadata: { name },
    spec: { containers: [{ name: 'main', image: 'x' }] },
  });
  const claim = JSON.stringify({ containers: [{ name: 'main', slot: 'c0', sidecar: false, devices: [share] }] });
  const metadata = { name, uid: made.metadata.uid, annotations: { 'muster.dev/claim': claim } };
  await client.must('POST', `/api/v1/namespaces/default/pods/${name}/binding`, {
    metadata,
    target: { kind: 'Node', name: 'n1' },
  });
  await seen(() => watch.last.startsWith(name));
}

async function seen(check: () => boolean): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    if (check()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error('the watch did not see it within a second');
}

describe('the device watch', () => {
  it('adds up what claims say, and lets go of it when a pod has ended or is gone', async () => {
    await bind('one', { uuid: 'GPU-0', index: 0, mib: 300, milli: 300 });
    await bind('two', { uuid: 'GPU-0', index: 0, mib: 700, milli: 500 });
    expect(watch.fullest).toBe(1000);
    expect(overallFill(ROWS, watch)).toBe(500);
    await client.strategic('/api/v1/namespaces/default/pods/one/status', { status: { phase: 'Succeeded' } });
    await client.must('DELETE', '/api/v1/namespaces/default/pods/two', { gracePeriodSeconds: 0 });
    await seen(() => watch.shares(DEVICES[0]!).length === 0);
    expect(watch.faults.size).toBe(0);
    expect(watch.placed).toBe(2);
  });

  it.each([
    ['compute', { mib: 100, milli: 600 }],
    ['memory', { mib: 501, milli: 100 }],
  ])('finds a device whose %s was given away twice, even after it is over', async (_what, share) => {
    await bind('one', { uuid: 'GPU-0', index: 0, ...share });
    await bind('two', { uuid: 'GPU-0', index: 0, ...share });
    await client.must('DELETE', '/api/v1/namespaces/default/pods/two', { gracePeriodSeconds: 0 });
    expect([...watch.faults]).toEqual([expect.stringMatching(/^GPU 0 of n1 is 1\d\d\.\d % full$/)]);
    expect(summaryLine(watch, 1000)).toContain('GPU 0 of n1 is');
  });

  it('finds a claim on a device that the node does not have', async () => {
    await bind('one', { uuid: 'GPU-9', index: 0, mib: 1, milli: 1 });
    expect([...watch.faults]).toEqual([expect.stringContaining('GPU-9')]);
  });
});

describe('the picture', () => {
  const draw = (columns: number, lines: number, rows = ROWS) =>
    drawPicture({
      rows,
      watch,
      elapsedMs: 65_000,
      forSeconds: 90,
      podsPerSecond: 1.5,
      nowMs: 0,
      columns,
      lines,
      colour: false,
    });

  it('shows a row per node with a bar per device', async () => {
    await bind('one', { uuid: 'GPU-0', index: 0, mib: 500, milli: 500 });
    const lines = draw(100, 40);
    expect(lines[0]).toMatch(/^ Muster .* 01:05 \/ 01:30$/);
    expect(lines[2]).toBe(' n1 T4 █████····· ··········');
    expect(lines.some((line) => line.startsWith(' placed 1 '))).toBe(true);
  });

  it.each([
    [40, 10, 1],
    [80, 24, 60],
    [200, 12, 12],
  ])('fits a terminal of %i × %i with %i nodes', (columns, height, count) => {
    const rows = Array.from({ length: count }, (_, at) => ({ ...ROWS[0]!, name: `n${at}` }));
    const lines = draw(columns, height, rows);
    expect(lines.length).toBeLessThan(height);
    expect(lines.every((line) => [...line].length <= columns)).toBe(true);
  });
});

describe('a reason', () => {
  it.each([
    [
      '1 GPU devices are full, 10 Insufficient muster.dev/gpu-milli.',
      'too little GPU is free in sum (10 nodes), GPU devices are full (1 node)',
    ],
    ["1 node(s) didn't match Pod's node affinity/selector, 2 GPU devices are full.", 'GPU devices are full (2 nodes)'],
    [
      "12 node(s) didn't match Pod's node affinity/selector.",
      "node(s) didn't match Pod's node affinity/selector (12 nodes)",
    ],
    [
      '2 too little free CPU, memory, pods or other resources.',
      'too little free CPU, memory, pods or other resources (2 nodes)',
    ],
    ['extender decisions: status 500', 'extender decisions: status 500'],
  ])('%s is told as: %s', (message, expected) => {
    expect(shortReason(message)).toBe(expected);
  });
});
