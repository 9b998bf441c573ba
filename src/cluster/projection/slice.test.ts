import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hostileVariants } from '../../../test/build/hostile-json.ts';
import { inventoryOf } from '../inventory/inventory.ts';
import { projectSlice } from './slice.ts';

const content = (uuid: string, minor: number, rest: object = {}) => ({
  attributes: {
    type: { string: 'gpu' },
    uuid: { string: uuid },
    productName: { string: 'NVIDIA T4' },
    minor: { int: minor },
  },
  capacity: { memory: { value: '15Gi' } },
  ...rest,
});
const slice = (devices: unknown[], spec: object = {}) => ({
  metadata: { uid: 's1', name: 'n1-gpu-abc' },
  spec: {
    driver: 'gpu.nvidia.com',
    nodeName: 'n1',
    pool: { name: 'n1', generation: 3, resourceSliceCount: 1 },
    devices,
    ...spec,
  },
});
const gpu = { name: 'gpu-0', uuid: 'GPU-1', model: 'NVIDIA T4', mib: 15360, index: 4, numa: null, healthy: true };

describe('a ResourceSlice', () => {
  test.each<[string, unknown]>([
    ['v1', { name: 'gpu-0', ...content('GPU-1', 4) }],
    ['v1beta1', { name: 'gpu-0', basic: content('GPU-1', 4) }],
  ])('of %s reads whole', (_, device) => {
    expect(projectSlice(slice([device]))).toEqual({
      uid: 's1',
      name: 'n1-gpu-abc',
      node: 'n1',
      pool: 'n1',
      generation: 3,
      sliceCount: 1,
      devices: [gpu],
      migDevices: 0,
    });
  });

  test.each<[string, object, object]>([
    [
      'a taint NoSchedule makes a device unhealthy',
      { taints: [{ key: 'xid', effect: 'NoSchedule' }] },
      { healthy: false },
    ],
    ['a taint NoExecute too', { taints: [{ key: 'xid', effect: 'NoExecute' }] }, { healthy: false }],
    ['a taint that only informs does not', { taints: [{ key: 'xid', effect: 'None' }] }, { healthy: true }],
    ['a bare amount of memory is taken', { capacity: { memory: '15Gi' } }, { mib: 15360 }],
    ['memory below a whole MiB is dropped', { capacity: { memory: { value: '1048577' } } }, { mib: 1 }],
    ['memory that is no amount is not told', { capacity: { memory: { value: 'big' } } }, { mib: null }],
    [
      'qualified attributes are the same',
      { attributes: { 'gpu.nvidia.com/uuid': { string: 'GPU-9' } } },
      { uuid: 'GPU-9', index: null },
    ],
    ['an index goes before a minor number', { attributes: { index: { int: 1 }, minor: { int: 2 } } }, { index: 1 }],
    ['the NUMA node is read', { attributes: { 'resource.kubernetes.io/numaNode': { int: 1 } } }, { numa: 1 }],
    ['an unknown NUMA node is −1 for the driver', { attributes: { numaNode: { int: -1 } } }, { numa: null }],
  ])('%s', (_, part, expected) => {
    expect(projectSlice(slice([{ name: 'gpu-0', ...content('GPU-1', 4), ...part }]))?.devices).toMatchObject([
      expected,
    ]);
  });

  test('MIG devices are counted, second views of a GPU are not', () => {
    const typed = (type: string) => ({ name: type, attributes: { type: { string: type } } });
    const read = projectSlice(
      slice([typed('mig'), typed('mig'), typed('vfio'), { name: 'gpu-0', ...content('GPU-1', 4) }]),
    );
    expect(read).toMatchObject({ migDevices: 2, devices: [gpu] });
    expect(inventoryOf({ name: 'n1', labels: {}, devicesAnnotation: null }, [read!]).migDevices).toBe(2);
  });

  test.each<[string, object]>([
    ['another driver', { driver: 'dra.net' }],
    ['several nodes', { nodeName: undefined, allNodes: true }],
  ])('of %s is none', (_, spec) => {
    expect(projectSlice(slice([], spec))).toBeNull();
  });

  test('with 200,000 devices is reported, not served', () => {
    const read = projectSlice(slice(Array.from({ length: 200_000 }, () => ({ name: 'gpu', ...content('GPU-1', 0) }))))!;
    const inventory = inventoryOf({ name: 'n1', labels: {}, devicesAnnotation: null }, [read]);
    expect(inventory).toMatchObject({ devices: [], faults: [{ code: 'inventory-malformed' }] });
  });

  test('of any shape never throws, nor does the inventory of it', () => {
    const realistic = slice([
      { name: 'gpu-0', ...content('GPU-1', 0) },
      { name: 'gpu-1', basic: content('GPU-2', 1) },
    ]);
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), hostileVariants(realistic)), (object) => {
        const read = projectSlice(object);
        if (read === null) return;
        expect(structuredClone(read)).toEqual(read);
        const { devices, faults } = inventoryOf({ name: 'n1', labels: {}, devicesAnnotation: null }, [read]);
        expect(faults.length === 0 || devices.length === 0).toBe(true);
        for (const device of devices) expect(device.mib).toBeGreaterThan(0);
      }),
      { numRuns: 500 },
    );
  });
});
