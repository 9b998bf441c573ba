import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { SliceDevice, SliceObject } from '../projection/slice.ts';
import { inventoryOf } from './inventory.ts';

const gfd = (count: unknown, memory: unknown, product = 'T4') =>
  ({ 'nvidia.com/gpu.count': count, 'nvidia.com/gpu.memory': memory, 'nvidia.com/gpu.product': product }) as Record<
    string,
    string
  >;
const node = (annotation: unknown, labels: Record<string, string> = {}) => ({
  name: 'n1',
  labels,
  devicesAnnotation: annotation === null || typeof annotation === 'string' ? annotation : JSON.stringify(annotation),
});
const inSlice = (uuid: string | null, index: number | null, mib: number | null = 100): SliceDevice => ({
  name: `gpu-${uuid}`,
  uuid,
  model: 'T4',
  mib,
  index,
  numa: null,
  healthy: true,
});
const slice = (
  name: string,
  generation: number,
  sliceCount: number,
  devices: SliceDevice[],
  pool = 'n1',
): SliceObject => ({
  uid: name,
  name,
  node: 'n1',
  pool,
  generation,
  sliceCount,
  devices,
  migDevices: 0,
});
const uuids = (inventory: ReturnType<typeof inventoryOf>) => inventory.devices.map((device) => device.uuid);

describe('the annotation', () => {
  test('reads whole, sorted by index, links moved along', () => {
    const { devices, source, faults } = inventoryOf(
      node([
        { uuid: 'GPU-c', index: 2, mib: 10, model: 'A', numa: 1, links: [0, 5, 7], healthy: false },
        { uuid: 'GPU-a', index: 0, mib: 20, links: [5, 0, 9] },
        { index: 1, mib: 30, links: [7, 9, 0] },
      ]),
      [],
    );
    expect({ source, faults }).toEqual({ source: 'annotation', faults: [] });
    expect(devices).toEqual([
      { uuid: 'GPU-a', index: 0, mib: 20, model: '', numa: null, links: [0, 9, 5], healthy: true },
      { uuid: null, index: 1, mib: 30, model: '', numa: null, links: [9, 0, 7], healthy: true },
      { uuid: 'GPU-c', index: 2, mib: 10, model: 'A', numa: 1, links: [5, 7, 0], healthy: false },
    ]);
  });

  const good = { uuid: 'GPU-a', index: 0, mib: 10 };
  test.each<[string, unknown, string]>([
    ['not JSON', '[{', 'not JSON'],
    ['not a list', { devices: [] }, 'not a list'],
    ['an entry that is no object', [7], '[0]: index'],
    ['a uuid twice', [good, { ...good, index: 1 }], '[1]: uuid GPU-a appears twice'],
    ['an index twice', [good, { ...good, uuid: 'GPU-b' }], '[1]: index 0 appears twice'],
    ['no memory', [{ ...good, mib: 0 }], '[0]: memory'],
    ['memory as text', [{ ...good, mib: '10' }], '[0]: memory'],
    ['memory beyond reason', [{ ...good, mib: 2 ** 40 }], '[0]: memory'],
    ['an index with a fraction', [{ ...good, index: 0.5 }], '[0]: index'],
    ['an index below zero', [{ ...good, index: -1 }], '[0]: index'],
    ['a uuid that would split in a list', [{ ...good, uuid: 'GPU-a,GPU-b' }], '[0]: uuid'],
    ['a model that is no text', [{ ...good, model: 7 }], '[0]: model'],
    ['a NUMA node below zero', [{ ...good, numa: -1 }], '[0]: numa'],
    ['health that is no yes or no', [{ ...good, healthy: 'yes' }], '[0]: healthy'],
    ['links to devices that are not there', [{ ...good, links: [0, 1] }], '[0]: links'],
    ['a link that is no number', [{ ...good, links: ['x'] }], '[0]: links'],
    ['too many devices', Array.from({ length: 65 }, (_, index) => ({ index, mib: 1 })), '65 devices'],
  ])('with %s is reported, and the next source is used', (_, annotation, what) => {
    const inventory = inventoryOf(node(annotation, gfd('1', '10')), []);
    expect(inventory).toMatchObject({ source: 'labels', faults: [{ code: 'inventory-malformed' }] });
    const message = inventory.faults[0]!.message;
    for (const part of ['node n1', 'muster.dev/devices', what, 'node agent']) expect(message).toContain(part);
    expect(inventoryOf(node(annotation), [])).toMatchObject({ devices: [], source: null });
  });

  test('64 devices are served', () => {
    const annotation = Array.from({ length: 64 }, (_, index) => ({ index, mib: 1 }));
    expect(inventoryOf(node(annotation), []).devices).toHaveLength(64);
  });
});

describe('ResourceSlices', () => {
  test.each<[string, SliceObject[], (string | null)[]]>([
    ['one slice', [slice('a', 1, 1, [inSlice('GPU-1', 0)])], ['GPU-1']],
    [
      'slices of a pool add up',
      [slice('a', 1, 2, [inSlice('GPU-2', 1)]), slice('b', 1, 2, [inSlice('GPU-1', 0)])],
      ['GPU-1', 'GPU-2'],
    ],
    [
      'the newest generation counts',
      [slice('a', 1, 1, [inSlice('GPU-1', 0)]), slice('b', 2, 1, [inSlice('GPU-2', 0)])],
      ['GPU-2'],
    ],
    [
      'unless it is not complete',
      [slice('a', 1, 1, [inSlice('GPU-1', 0)]), slice('b', 2, 2, [inSlice('GPU-2', 0)])],
      ['GPU-1'],
    ],
    [
      'pools of a node add up',
      [slice('a', 1, 1, [inSlice('GPU-1', 0)], 'p'), slice('b', 9, 1, [inSlice('GPU-2', 1)], 'q')],
      ['GPU-1', 'GPU-2'],
    ],
    [
      'devices without a number go by position, by name of slice',
      [slice('b', 1, 2, [inSlice('GPU-2', 0)]), slice('a', 1, 2, [inSlice('GPU-1', null)])],
      ['GPU-1', 'GPU-2'],
    ],
  ])('%s', (_, slices, expected) => {
    for (const order of [slices, slices.toReversed()]) {
      const inventory = inventoryOf(node(null), order);
      expect(inventory).toMatchObject({ source: 'slices', faults: [] });
      expect(uuids(inventory)).toEqual(expected);
    }
  });

  test('without a complete generation the labels are used for the time being', () => {
    const inventory = inventoryOf(node(null, gfd('1', '100')), [slice('a', 1, 2, [inSlice('GPU-1', 0)])]);
    expect(inventory).toMatchObject({ source: 'labels', faults: [{ code: 'inventory-incomplete' }] });
    expect(inventory.faults[0]!.message).toContain('node n1, pool n1');
  });

  test.each<[string, SliceDevice[], string]>([
    ['no uuid', [inSlice(null, 0)], 'uuid'],
    ['no memory', [inSlice('GPU-1', 0, null)], 'memory'],
    ['a uuid twice', [inSlice('GPU-1', 0), inSlice('GPU-1', 1)], 'appears twice'],
  ])('with %s are reported', (_, devices, what) => {
    const { faults, source } = inventoryOf(node(null), [slice('a', 1, 1, devices)]);
    expect(source).toBeNull();
    expect(faults).toMatchObject([{ code: 'inventory-malformed' }]);
    expect(faults[0]!.message).toContain(what);
  });
});

describe('GPU-feature-discovery labels', () => {
  test('name devices by index', () => {
    expect(inventoryOf(node(null, gfd('2', '15360', 'Tesla-T4-SHARED')), []).devices).toEqual([
      { uuid: null, index: 0, mib: 15360, model: 'Tesla-T4', numa: null, links: [], healthy: true },
      { uuid: null, index: 1, mib: 15360, model: 'Tesla-T4', numa: null, links: [], healthy: true },
    ]);
  });

  test('that count no GPUs are a word too', () => {
    expect(inventoryOf(node(null, gfd('0', undefined)), [])).toMatchObject({
      source: 'labels',
      devices: [],
      faults: [],
    });
  });

  test.each<[string, Record<string, string>, string]>([
    ['a count that is no number', gfd('two', '10'), 'nvidia.com/gpu.count'],
    ['a count below zero', gfd('-1', '10'), 'nvidia.com/gpu.count'],
    ['too many devices', gfd('65', '10'), 'nvidia.com/gpu.count'],
    ['no memory', gfd('1', undefined), 'nvidia.com/gpu.memory'],
    ['zero memory', gfd('1', '0'), 'nvidia.com/gpu.memory'],
    ['memory beyond reason', gfd('1', '999999999'), 'memory'],
    ['MIG devices', gfd('7', '4864', 'NVIDIA-A100-SXM4-40GB-MIG-1g.5gb'), 'nvidia.com/gpu.product'],
  ])('with %s are reported', (_, labels, what) => {
    const { faults, devices } = inventoryOf(node(null, labels), []);
    expect(devices).toEqual([]);
    expect(faults).toMatchObject([{ code: 'inventory-malformed' }]);
    for (const part of ['node n1', what]) expect(faults[0]!.message).toContain(part);
  });
});

describe('several sources', () => {
  const annotation = [{ uuid: 'GPU-1', index: 0, mib: 100 }];
  const slices = [slice('a', 1, 1, [inSlice('GPU-1', 0)])];
  test.each<[string, Parameters<typeof inventoryOf>, string | null, string | null]>([
    ['the annotation goes first', [node(annotation, gfd('1', '100')), slices], 'annotation', null],
    ['then slices', [node(null, gfd('1', '100')), slices], 'slices', null],
    ['then labels', [node(null, gfd('1', '100')), []], 'labels', null],
    ['then nothing', [node(null), []], null, null],
    [
      'an empty annotation is a word too',
      [node([], gfd('1', '100')), []],
      'annotation',
      'annotation (no GPUs) is used, though labels (1 × 100 MiB)',
    ],
    [
      'a difference in number is told',
      [node(null, gfd('2', '100')), slices],
      'slices',
      'slices (1 × 100 MiB) is used, though labels (2 × 100 MiB)',
    ],
    [
      'a difference in memory is told',
      [node([{ uuid: 'GPU-1', index: 0, mib: 99 }]), slices],
      'annotation',
      'annotation (1 × 99 MiB) is used, though slices (1 × 100 MiB)',
    ],
    [
      'labels know only one memory of a mixed node',
      [
        node(
          [
            { index: 0, mib: 50 },
            { index: 1, mib: 100 },
          ],
          gfd('2', '100'),
        ),
        [],
      ],
      'annotation',
      null,
    ],
  ])('%s', (_, [about, its], source, disagreement) => {
    const inventory = inventoryOf(about, its);
    expect(inventory.source).toBe(source);
    expect(inventory.disagreement).toBe(
      disagreement === null ? null : `inventory-disagreement: node n1: ${disagreement}`,
    );
  });
});

test('whatever the annotation holds: no throw, and either devices in order or a fault', () => {
  const entry = fc.record({
    uuid: fc.constantFrom<unknown>('GPU-1', 'GPU-2', null, 7),
    index: fc.oneof(fc.integer({ min: -1, max: 3 }), fc.jsonValue()),
    mib: fc.oneof(fc.integer({ min: 0, max: 3 }), fc.jsonValue()),
  });
  const text = fc.oneof(
    fc.string(),
    fc.json(),
    fc.array(entry, { maxLength: 4 }).map((list) => JSON.stringify(list)),
  );
  fc.assert(
    fc.property(text, (annotation) => {
      const { devices, source, faults } = inventoryOf(node(annotation), []);
      expect(source === 'annotation').toBe(faults.length === 0);
      const indices = devices.map((device) => device.index);
      expect(indices).toEqual([...new Set(indices)].sort((a, b) => a - b));
      expect(devices.every((device) => device.mib >= 1)).toBe(true);
    }),
    { numRuns: 500 },
  );
});
