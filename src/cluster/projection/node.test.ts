import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hostileVariants } from '../../../test/build/hostile-json.ts';
import type { Device } from '../../core/gpu/device.ts';
import { GPU_MILLI, MANAGED, NODE_DEVICES } from '../../core/names.ts';
import { inventoryOf } from '../inventory/inventory.ts';
import { capacityPatch } from '../node-capacity.ts';
import { nodeFacts, projectNode } from './node.ts';

const REALISTIC = {
  metadata: {
    uid: 'u1',
    name: 'n1',
    resourceVersion: '42',
    labels: {
      zone: 'x',
      [MANAGED]: 'true',
      'nvidia.com/gpu.count': '2',
      'nvidia.com/gpu.memory': '1000',
      'nvidia.com/gpu.product': 'T4',
    },
    annotations: { [NODE_DEVICES]: '[{"uuid":"GPU-1","index":0,"mib":10}]' },
  },
  spec: {
    unschedulable: true,
    taints: [{ key: 'a', effect: 'NoSchedule' }, { key: 'b', value: 'c', effect: 'NoExecute' }, { key: 'broken' }],
  },
  status: {
    capacity: { cpu: '8', [GPU_MILLI]: '2k' },
    allocatable: { cpu: '7500m', memory: '10Ki', pods: '110', [GPU_MILLI]: 'many' },
    conditions: [
      { type: 'Ready', status: 'True' },
      { type: 'MemoryPressure', status: 'False' },
    ],
  },
};

describe('a node', () => {
  test('reads whole', () => {
    expect(projectNode(REALISTIC)).toEqual({
      uid: 'u1',
      resourceVersion: '42',
      name: 'n1',
      labels: REALISTIC.metadata.labels,
      taints: [
        { key: 'a', value: '', effect: 'NoSchedule' },
        { key: 'b', value: 'c', effect: 'NoExecute' },
      ],
      cordoned: true,
      ready: true,
      allocatable: { cpu: 7500, memory: 10240, pods: 110 },
      managed: true,
      devicesAnnotation: '[{"uuid":"GPU-1","index":0,"mib":10}]',
      gpuMilli: { capacity: 2000, allocatable: -1 },
    });
  });

  test.each([
    ['True', true],
    ['False', false],
    ['Unknown', false],
    [undefined, false],
  ])('with the condition Ready %s: ready %s', (status, ready) => {
    expect(projectNode({ ...REALISTIC, status: { conditions: [{ type: 'Ready', status }] } })?.ready).toBe(ready);
  });

  test('without name or uid is none', () => {
    expect(projectNode({ metadata: { name: 'n' } })).toBeNull();
    expect(projectNode({ metadata: { uid: 'n' } })).toBeNull();
  });

  test('becomes facts with the devices that its inventory names', () => {
    const node = projectNode(REALISTIC)!;
    const facts = nodeFacts(node, inventoryOf(node, []).devices);
    expect(facts.devices).toMatchObject([{ uuid: 'GPU-1', index: 0, mib: 10 }]);
    expect(facts).not.toHaveProperty('devicesAnnotation');
  });

  test('of any shape never throws, nor does what follows from it', () => {
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), hostileVariants(REALISTIC)), (object) => {
        const node = projectNode(object);
        if (node === null) return;
        expect(structuredClone(node)).toEqual(node);
        capacityPatch(node, inventoryOf(node, []).devices);
        for (const amount of Object.values(node.allocatable)) expect(Number.isSafeInteger(amount)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});

describe('gpu-milli in the status of a node', () => {
  const device = (index: number, healthy = true): Device => ({
    uuid: null,
    index,
    mib: 1,
    model: '',
    numa: null,
    links: [],
    healthy,
  });
  test.each<[string, boolean, number | null, number | null, Device[], string | null | 'none']>([
    ['is written on a managed node', true, null, null, [device(0), device(1)], '2000'],
    ['does not count unhealthy devices', true, 2000, 2000, [device(0), device(1, false)], '1000'],
    ['is left alone when right', true, 2000, 2000, [device(0), device(1)], 'none'],
    ['is written when only capacity is right', true, 2000, null, [device(0), device(1)], '2000'],
    ['is written over what is no amount', true, -1, 1000, [device(0)], '1000'],
    ['is 0 while no device is known', true, null, null, [], '0'],
    ['is absent on other nodes', false, null, null, [device(0)], 'none'],
    ['is removed when a node is given back', false, 2000, null, [device(0)], null],
  ])('%s', (_, managed, capacity, allocatable, devices, written) => {
    const node = { ...projectNode(REALISTIC)!, managed, gpuMilli: { capacity, allocatable } };
    const amounts = { [GPU_MILLI]: written };
    expect(capacityPatch(node, devices)).toEqual(
      written === 'none'
        ? null
        : {
            path: '/api/v1/nodes/n1/status',
            body: { metadata: { uid: 'u1' }, status: { capacity: amounts, allocatable: amounts } },
          },
    );
  });
});
