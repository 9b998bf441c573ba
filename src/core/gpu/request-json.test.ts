import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyRequest, fraction, memory, one, requestOf, WHOLE } from '../../../test/build/gpu.ts';
import { decimalOfMilli, mibOfQuantity, milliOfDecimal } from './amounts.ts';
import { gpuMilliOf } from './gpu-milli.ts';
import { DEVICE_POLICIES, type GpuRequest, NODE_POLICIES } from './request.ts';
import { decodeRequest, encodeRequest, type PodContainer } from './request-json.ts';
import { shareOnEmpty } from './share.ts';

const pod: readonly PodContainer[] = [
  { name: 'main', slot: 'c0', role: 'app' },
  { name: 'other', slot: 'c1', role: 'app' },
  { name: 'load', slot: 'i0', role: 'init' },
  { name: 'proxy', slot: 'i1', role: 'sidecar' },
];
const read = (main: unknown) => decodeRequest(JSON.stringify({ containers: { main } }), pod);

describe('numbers that people write', () => {
  it.each<[string | number, number | null]>([
    ['0.3', 300],
    [0.29, 290],
    ['0.29', 290],
    [0.57, 570],
    [1, 1000],
    ['1.0', 1000],
    ['.5', 500],
    ['1.', 1000],
    ['0.0009', 0],
    ['0.1239', 123],
    [' 0.5 ', 500],
    ['12.25', 12250],
    ['NaN', null],
    [Number.NaN, null],
    [Number.POSITIVE_INFINITY, null],
    ['-0.5', null],
    [-0.5, null],
    ['+1', null],
    ['1e3', null],
    [1e-7, null],
    ['0x10', null],
    ['', null],
    ['.', null],
    ['1,5', null],
    ['0.5 0.5', null],
    ['9'.repeat(40), null],
  ])('%s as decimal is %s milli', (text, milli) => {
    expect(milliOfDecimal(text)).toBe(milli);
  });

  it('every milli has a decimal text that is read back', () => {
    for (let milli = 0; milli <= 2000; milli++) {
      expect(milliOfDecimal(decimalOfMilli(milli))).toBe(milli);
      expect(milliOfDecimal(milli / 1000)).toBe(milli);
    }
  });

  it.each<[string | number, number | null]>([
    [8192, 8192],
    ['8192', 8192],
    ['8Gi', 8192],
    ['1.5Gi', 1536],
    ['8G', 7630],
    ['1M', 1],
    ['1Ki', 1],
    ['1048577k', 1001],
    ['1Ti', 1048576],
    ['0', 0],
    ['0Gi', 0],
    ['8.5', null],
    [8.5, null],
    ['-8Gi', null],
    ['8gi', null],
    ['8GiB', null],
    ['Gi', null],
    ['', null],
    [Number.NaN, null],
    ['1e3', null],
    ['8m', null],
  ])('%s as memory is %s MiB', (text, mib) => {
    expect(mibOfQuantity(text)).toBe(mib);
  });
});

describe('the request annotation', () => {
  it.each<[string, object, ReturnType<typeof one>['containers'][0]['share'], number]>([
    ['count of whole devices', { count: 2 }, WHOLE, 2],
    ['fraction as text', { fraction: '0.29' }, fraction(290), 1],
    ['fraction as number', { fraction: 0.29 }, fraction(290), 1],
    ['fraction one', { fraction: 1 }, WHOLE, 1],
    ['fraction of each of several', { count: 3, fraction: '0.5' }, fraction(500), 3],
    ['further digits are floored', { fraction: '0.33399' }, fraction(333), 1],
    ['a whole number as fraction counts devices', { fraction: '2' }, WHOLE, 2],
    ['memory in MiB', { memory: 8192 }, memory(8192), 1],
    ['memory as quantity, rounded up', { memory: '8G' }, memory(7630), 1],
    ['memory and cores', { memory: '8Gi', cores: 30 }, memory(8192, 300), 1],
    ['memory in per cent', { memoryPercent: 33.3 }, { milli: 0, memory: { milli: 333 } }, 1],
    ['memory in per cent and cores', { memoryPercent: 50, cores: '25' }, { milli: 250, memory: { milli: 500 } }, 1],
    ['cores alone take all memory', { cores: 30.5 }, { milli: 305, memory: { milli: 1000 } }, 1],
  ])('%s', (_, form, share, count) => {
    const answer = read(form);
    expect(answer.ok ? answer.request.containers : answer.error).toEqual([
      { name: 'main', slot: 'c0', role: 'app', count, share },
    ]);
  });

  it('takes slots and roles from the pod, sorts by them, and reads filters and policies', () => {
    const text = JSON.stringify({
      containers: { main: { count: 1 }, proxy: { memory: 100 }, load: { fraction: 0.1 } },
      models: [' A100 '],
      excludeUuids: ['GPU-1'],
      devicePolicy: 'numa',
      devicePolicyRequired: true,
      nodePolicy: 'spread',
    });
    const answer = decodeRequest(text, pod);
    expect(answer.ok && answer.request.containers.map(({ slot, role }) => `${slot} ${role}`)).toEqual([
      'i0 init',
      'i1 sidecar',
      'c0 app',
    ]);
    expect(answer.ok && answer.request).toMatchObject({
      models: { allow: ['A100'], deny: [] },
      uuids: { allow: [], deny: ['GPU-1'] },
      devicePolicy: 'numa',
      devicePolicyRequired: true,
      nodePolicy: 'spread',
    });
  });

  it.each<[string, unknown, string[]]>([
    ['asks for nothing', {}, ['"main"', 'asks for nothing', 'set count']],
    ['count 0', { count: 0 }, ['"main"', 'count "0"', 'from 1']],
    ['count below 0', { count: -1 }, ['count "-1"']],
    ['count of one and a half', { count: 1.5 }, ['count "1.5"']],
    ['count beyond any node', { count: 1000 }, ['count "1000"', '128']],
    ['fraction 0', { fraction: 0 }, ['fraction "0"', 'at least 0.001']],
    ['fraction below a thousandth', { fraction: '0.0009' }, ['fraction "0.0009"', 'at least 0.001']],
    ['fraction below 0', { fraction: -0.5 }, ['fraction "-0.5"', 'like 0.5']],
    ['fraction NaN', { fraction: 'NaN' }, ['fraction "NaN"', 'like 0.5']],
    ['fraction above 1', { fraction: 1.5 }, ['fraction "1.5"', 'count']],
    ['fraction just above 1', { fraction: '1.0001' }, ['fraction "1.0001"', 'count']],
    ['fraction above 1 beside a count', { fraction: 2, count: 2 }, ['fraction "2"', 'count']],
    ['fraction and memory', { fraction: 0.5, memory: 1 }, ['fraction "0.5"', 'memory "1"', 'keep one']],
    ['fraction and cores', { fraction: 0.5, cores: 1 }, ['cores "1"', 'keep one']],
    ['memory twice', { memory: 5, memoryPercent: 5 }, ['memory "5"', 'memoryPercent "5"', 'keep one']],
    ['memory 0', { memory: 0 }, ['memory "0"', '8Gi']],
    ['memory beyond any device', { memory: '17Ti' }, ['memory "17Ti"', '16777216']],
    ['memory beyond everything', { memory: '999999999999999999Pi' }, ['memory']],
    ['memory in words', { memory: 'much' }, ['memory "much"', '8Gi']],
    ['memory above 100 per cent', { memoryPercent: 101 }, ['memoryPercent "101"']],
    ['memory just above 100 per cent', { memoryPercent: '100.0001' }, ['memoryPercent']],
    ['cores 0', { memory: 1, cores: 0 }, ['cores "0"']],
    ['cores above 100', { memory: 1, cores: 101 }, ['cores "101"']],
    ['an unknown key', { fractions: 1 }, ['"main"', 'fractions']],
    ['a list', [], ['"main"']],
    ['null', null, ['"main"']],
  ])('%s is refused and says where and what to do', (_, form, parts) => {
    const answer = read(form);
    const error = answer.ok ? '' : answer.error;
    for (const part of parts) expect(error).toContain(part);
    expect(error.length).toBeLessThan(400);
    expect(error).not.toContain('\n');
  });

  it.each([
    ['not JSON', '{', 'not JSON'],
    ['too long', JSON.stringify('x'.repeat(270_000)), 'longer'],
    ['no containers', '{}', 'containers'],
    ['empty containers', '{"containers":{}}', 'empty'],
    ['a container the pod lacks', '{"containers":{"man":{"count":1}}}', 'no container "man"'],
    ['a prototype as container', '{"containers":{"__proto__":{"count":1}}}', 'container'],
    ['an unknown policy', '{"containers":{"main":{"count":1}},"devicePolicy":"best"}', 'devicePolicy'],
    ['an empty model', '{"containers":{"main":{"count":1}},"models":[" "]}', 'models.0'],
    ['an unknown key', '{"containers":{"main":{"count":1}},"model":"A100"}', 'model'],
  ])('%s is refused', (_, text, part) => {
    const answer = decodeRequest(text, pod);
    expect(answer.ok ? '' : answer.error).toContain(part);
  });

  it('of more containers than a claim can hold is refused', () => {
    const many = requestOf(Array.from({ length: 65 }, () => ({ share: fraction(1) })));
    const answer = decodeRequest(encodeRequest(many), many.containers);
    expect(answer.ok ? '' : answer.error).toContain('more than 64 containers');
  });

  it('comes back as it was written', () => {
    const anyTexts = fc.array(fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9 -]{0,20}[A-Za-z0-9]$/), { maxLength: 3 });
    const anyFull = fc
      .tuple(
        anyRequest(5, 4),
        fc.record({
          models: fc.record({ allow: anyTexts, deny: anyTexts }),
          uuids: fc.record({ allow: anyTexts, deny: anyTexts }),
          devicePolicy: fc.constantFrom(null, ...DEVICE_POLICIES),
          devicePolicyRequired: fc.boolean(),
          nodePolicy: fc.constantFrom(null, ...NODE_POLICIES),
        }),
        fc.integer({ min: 0, max: 1000 }),
        fc.integer({ min: 1, max: 1000 }),
      )
      .map(
        ([request, more, milli, memoryMilli]): GpuRequest => ({
          ...request,
          ...more,
          containers: request.containers.map((need, at) =>
            at === 0 ? { ...need, share: { milli, memory: { milli: memoryMilli } } } : need,
          ),
        }),
      );
    fc.assert(
      fc.property(anyFull, (request) => {
        expect(decodeRequest(encodeRequest(request), request.containers)).toEqual({ ok: true, request });
      }),
      { numRuns: 500 },
    );
  });

  it('never throws', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.jsonValue().map((main) => JSON.stringify({ containers: { main } })),
        ),
        (text) => {
          const answer = decodeRequest(text, pod);
          expect(answer.ok || answer.error.length > 0).toBe(true);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('gpu-milli of a pod', () => {
  it.each<[string, GpuRequest, number]>([
    ['a fraction is exact', one(fraction(255)), 255],
    ['whole devices', one(WHOLE, 8), 8000],
    ['memory only is a lower bound over the largest device', one(memory(8000)), 97],
    ['memory only of several', one(memory(8000), 2), 194],
    ['memory only is never nothing', one(memory(1)), 1],
    ['memory beyond the largest device is one device', one(memory(100_000)), 1000],
    ['memory in thousandths', one({ milli: 0, memory: { milli: 333 } }), 333],
    ['compute is exact whatever the memory', one(memory(8000, 10)), 10],
    ['app containers add up', requestOf([{ share: fraction(100) }, { share: fraction(200), count: 2 }]), 500],
    [
      'an init container counts where it is larger',
      requestOf([{ role: 'init', share: WHOLE }, { share: fraction(200) }]),
      1000,
    ],
    [
      'a sidecar counts beside what starts after it',
      requestOf([
        { role: 'init', share: fraction(500) },
        { role: 'sidecar', share: fraction(100) },
        { role: 'init', share: fraction(450) },
        { share: fraction(400) },
      ]),
      550,
    ],
  ])('%s', (_, request, milli) => {
    expect(gpuMilliOf(request, 81_920)).toBe(milli);
  });
});

describe('a share on an empty device', () => {
  it('is nothing where memory is larger than the device', () => {
    expect(shareOnEmpty(memory(101), 100)).toBe(null);
    expect(shareOnEmpty(memory(100), 100)).toEqual({ mib: 100, milli: 0 });
    expect(shareOnEmpty(fraction(1), 100)).toEqual({ mib: 1, milli: 1 });
    expect(shareOnEmpty(WHOLE, 15_109)).toEqual({ mib: 15_109, milli: 1000 });
  });

  it('adds up to at most the device for any thousandths that add up to 1000', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1000, max: 2 ** 24 }), fc.integer({ min: 1, max: 999 }), (mib, milli) => {
        const sum =
          (shareOnEmpty(fraction(milli), mib)?.mib ?? 0) + (shareOnEmpty(fraction(1000 - milli), mib)?.mib ?? 0);
        expect(sum).toBeLessThanOrEqual(mib);
        expect(sum).toBeGreaterThanOrEqual(mib - 1);
      }),
    );
  });
});
