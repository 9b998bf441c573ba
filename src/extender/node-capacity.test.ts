import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../test/build/manual-clock.ts';
import { NodeInventory } from '../cluster/inventory/node-inventory.ts';
import { projectNode } from '../cluster/projection/node.ts';
import { TransportError } from '../kube/errors.ts';
import type { KubeRequest, Transport } from '../kube/ports.ts';
import { NodeCapacity } from './node-capacity.ts';

/** A node as the API server shows it, with two GPUs told by labels; `milli`: what its status says now. */
function node(name: string, milli: string | null, managed = true) {
  const amounts = milli === null ? {} : { 'muster.dev/gpu-milli': milli };
  const gpus = { 'nvidia.com/gpu.count': '2', 'nvidia.com/gpu.memory': '1000', 'nvidia.com/gpu.product': 'T4' };
  return projectNode({
    metadata: {
      name,
      uid: `uid-${name}`,
      resourceVersion: '1',
      labels: { ...gpus, ...(managed && { 'muster.dev/managed': 'true' }) },
    },
    status: { capacity: amounts, allocatable: amounts },
  })!;
}

/** `answers`: a status per write, null for none at all; 200 when they are used up. */
function setUp(answers: (number | null)[] = [], deciding = true) {
  const clock = new ManualClock();
  const sent: KubeRequest[] = [];
  const failures: string[] = [];
  const transport: Transport = {
    request: async (request) => {
      sent.push(request);
      const status = answers.length === 0 ? 200 : answers.shift()!;
      if (status === null) throw new TransportError('timeout', 'no answer');
      return { status, body: Buffer.from('{}'), retryAfterSeconds: null };
    },
    stream: async () => {
      throw new Error('nothing is watched here');
    },
    close: async () => {},
  };
  const inventory = new NodeInventory(() => {});
  const capacity = new NodeCapacity({
    transport,
    clock,
    rng: { next: () => 0.5 },
    inventory,
    mayWrite: () => deciding,
    onFailure: (name, status) => failures.push(`${name} ${status}`),
  });
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return { clock, sent, failures, inventory, capacity, settle };
}

describe('gpu-milli in the status of nodes', () => {
  it.each([
    ['is written where it is missing', node('a', null), '2000'],
    ['is corrected where it is wrong', node('a', '500'), '2000'],
    ['is taken away from a node that was given back', node('a', '2000', false), null],
  ])('%s', async (_, object, wanted) => {
    const { inventory, capacity, sent, settle } = setUp();
    inventory.upsertNode(object);
    capacity.touch('a');
    await settle();
    const amounts = { 'muster.dev/gpu-milli': wanted };
    expect(sent).toMatchObject([
      {
        method: 'PATCH',
        path: '/api/v1/nodes/a/status',
        body: { metadata: { uid: 'uid-a' }, status: { capacity: amounts, allocatable: amounts } },
      },
    ]);
  });

  it.each([
    ['the status says it already', node('a', '2000'), true],
    ['this extender does not decide', node('a', null), false],
  ])('is left alone while %s', async (_, object, deciding) => {
    const { inventory, capacity, sent, settle } = setUp([], deciding);
    inventory.upsertNode(object);
    capacity.touchAll();
    await settle();
    expect(sent).toEqual([]);
  });

  it.each([409, 404, 500, null])('is written again after a pause when the answer was %s', async (status) => {
    const { inventory, capacity, sent, clock, failures, settle } = setUp([status]);
    inventory.upsertNode(node('a', null));
    capacity.touch('a');
    await settle();
    expect(sent).toHaveLength(1);
    clock.advance(60_000);
    await settle();
    expect(sent).toHaveLength(2);
    expect(failures).toEqual(status === 500 ? ['a 500'] : status === null ? ['a 0'] : []);
  });

  it('is not written again for a node that is gone meanwhile', async () => {
    const { inventory, capacity, sent, clock, settle } = setUp([404]);
    inventory.upsertNode(node('a', null));
    capacity.touch('a');
    await settle();
    inventory.removeNode('a');
    clock.advance(60_000);
    await settle();
    expect(sent).toHaveLength(1);
  });

  it('of many nodes is written eight at a time, each once', async () => {
    const { inventory, capacity, sent, settle } = setUp();
    for (let at = 0; at < 30; at++) inventory.upsertNode(node(`n${at}`, null));
    capacity.touchAll();
    expect(sent).toHaveLength(8);
    await settle();
    expect(new Set(sent.map(({ path }) => path)).size).toBe(30);
    expect(sent).toHaveLength(30);
  });
});
