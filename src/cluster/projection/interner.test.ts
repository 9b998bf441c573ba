import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { CLAIM, GPU_MILLI } from '../../core/names.ts';
import type { PodFacts } from '../../core/placement/pod-facts.ts';
import { PodInterner } from './interner.ts';
import { projectPod } from './pod.ts';

/** A bound fraction of a Deployment with 50 pods, as text: every string is a fresh one. */
function boundPod(n: number): PodFacts {
  const deployment = Math.floor(n / 50);
  const uid = `${String(n).padStart(8, '0')}-1111-2222-3333-444455556666`;
  const claim = {
    containers: [{ name: 'main', slot: 'c0', devices: [{ uuid: `GPU-${uid}`, index: n % 8, mib: 8192, milli: 500 }] }],
  };
  const object = {
    metadata: {
      uid,
      namespace: `team-${deployment % 40}`,
      name: `inference-${deployment}-6d4cf56db6-${n}`,
      labels: { app: `inference-${deployment}`, 'pod-template-hash': '6d4cf56db6', tier: 'gpu' },
      annotations: { [CLAIM]: JSON.stringify(claim), 'muster.dev/gpu-fraction': '0.5', note: 'x'.repeat(500) },
      creationTimestamp: '2026-01-01T00:00:00Z',
      ownerReferences: [{ uid: `rs-${deployment}`, controller: true }],
    },
    spec: {
      nodeName: `node-${n % 5000}`,
      schedulerName: 'muster-scheduler',
      nodeSelector: { zone: 'x' },
      containers: [{ name: 'main', resources: { requests: { cpu: '2', memory: '8Gi', [GPU_MILLI]: '500' } } }],
    },
    status: { phase: 'Running', startTime: '2026-01-01T00:00:05Z' },
  };
  return projectPod(JSON.parse(JSON.stringify(object)))!;
}

describe('interning', () => {
  test('changes no value', () => {
    const interner = new PodInterner();
    for (let n = 0; n < 200; n += 1) expect(interner.lean(boundPod(n))).toEqual(boundPod(n));
  });

  test('gives pods of one Deployment the same parts', () => {
    const interner = new PodInterner();
    const [one, other, stranger] = [0, 1, 60].map((n) => interner.lean(boundPod(n)));
    expect(other!.labels).toBe(one!.labels);
    expect(other!.needs).toBe(one!.needs);
    expect(other!.ask).toBe(one!.ask);
    expect(stranger!.labels).not.toBe(one!.labels);
  });

  test('forgets when its tables are full, and goes on', () => {
    const interner = new PodInterner(2);
    for (let n = 0; n < 1000; n += 7) expect(interner.lean(boundPod(n))).toEqual(boundPod(n));
  });

  test('a bound pod with a claim takes less than 1.5 KB', () => {
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc') as () => void;
    const interner = new PodInterner();
    const count = 10_000;
    const kept: PodFacts[] = [];
    for (let n = 0; n < 500; n += 1) interner.lean(boundPod(n));
    gc();
    const before = process.memoryUsage().heapUsed;
    for (let n = 0; n < count; n += 1) kept.push(interner.lean(structuredClone(boundPod(n))));
    gc();
    const bytes = (process.memoryUsage().heapUsed - before) / kept.length;
    expect(bytes).toBeGreaterThan(100);
    expect(bytes).toBeLessThan(1536);
    if (process.env.MUSTER_PRINT_MEMORY === '1') process.stdout.write(`${Math.round(bytes)} bytes per pod\n`);
  });
});
