import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ContainerAmounts, effectiveNeeds } from './needs.ts';
import type { Resources } from './resources.ts';

const app = (cpu: number): ContainerAmounts => ({ role: 'app', amounts: { cpu } });
const init = (cpu: number): ContainerAmounts => ({ role: 'init', amounts: { cpu } });
const sidecar = (cpu: number): ContainerAmounts => ({ role: 'sidecar', amounts: { cpu } });
const needs = (containers: ContainerAmounts[], overhead: Resources = {}) =>
  effectiveNeeds({ containers, podLevel: null, overhead });

describe('effective needs', () => {
  test.each<[string, ContainerAmounts[], number]>([
    ['app containers add up', [app(1), app(2)], 3],
    ['the largest init container counts, not their sum', [init(5), init(4), app(2)], 5],
    ['init containers below the apps do not count', [init(2), app(3)], 3],
    ['a sidecar runs beside the apps', [sidecar(1), app(2)], 3],
    ['an init container runs beside the sidecars started before it', [sidecar(1), init(5), app(2)], 6],
    ['a sidecar started later does not run beside it', [init(5), sidecar(1), app(2)], 5],
    ['KEP-753: sidecars before and after', [init(3), sidecar(2), init(4), sidecar(1), app(2)], 6],
    ['all sidecars count in the end', [sidecar(2), init(1), sidecar(3), app(4)], 9],
  ])('%s', (_, containers, cpu) => {
    expect(needs(containers)).toEqual({ cpu, pods: 1 });
  });

  test('each resource has its own worst moment', () => {
    const containers: ContainerAmounts[] = [
      { role: 'init', amounts: { cpu: 9, memory: 1 } },
      { role: 'app', amounts: { cpu: 1, memory: 7, 'a/b': 2 } },
    ];
    expect(needs(containers)).toEqual({ cpu: 9, memory: 7, 'a/b': 2, pods: 1 });
  });

  test.each<[string, Resources, Resources, Resources]>([
    ['a pod-level request replaces the sum, also downwards', { cpu: 3 }, {}, { cpu: 3, memory: 50, 'a/b': 4 }],
    ['a pod-level limit alone does not touch what containers ask', {}, { cpu: 99 }, { cpu: 10, memory: 50, 'a/b': 4 }],
    [
      'a pod-level limit alone is the request where none asks',
      {},
      { 'hugepages-2Mi': 8 },
      { cpu: 10, memory: 50, 'a/b': 4, 'hugepages-2Mi': 8 },
    ],
    [
      'only CPU, memory and huge pages exist there',
      { 'a/b': 1, 'ephemeral-storage': 5 },
      {},
      { cpu: 10, memory: 50, 'a/b': 4 },
    ],
  ])('%s', (_, requests, limits, expected) => {
    const containers: ContainerAmounts[] = [{ role: 'app', amounts: { cpu: 10, memory: 50, 'a/b': 4 } }];
    expect(effectiveNeeds({ containers, podLevel: { requests, limits }, overhead: {} })).toEqual({
      ...expected,
      pods: 1,
    });
  });

  test('overhead comes on top of pod-level amounts too', () => {
    const pod = {
      containers: [app(10)],
      podLevel: { requests: { cpu: 3 }, limits: {} },
      overhead: { cpu: 1, memory: 2 },
    };
    expect(effectiveNeeds(pod)).toEqual({ cpu: 4, memory: 2, pods: 1 });
  });

  test('sums stop where integers end', () => {
    expect(needs([app(Number.MAX_SAFE_INTEGER), app(5)]).cpu).toBe(Number.MAX_SAFE_INTEGER);
  });

  test('the need is what the worst moment of the life of the pod takes', () => {
    const role = fc.constantFrom('app', 'init', 'sidecar');
    const container = fc.record({ role, amounts: fc.record({ cpu: fc.nat(1000) }) });
    fc.assert(
      fc.property(fc.array(container, { maxLength: 8 }), (containers) => {
        const starting = containers.filter((c) => c.role !== 'app');
        const moments = starting.map((now, at) =>
          starting
            .slice(0, at)
            .filter((c) => c.role === 'sidecar')
            .reduce((sum, c) => sum + c.amounts.cpu, now.amounts.cpu),
        );
        const running = containers.filter((c) => c.role !== 'init').reduce((sum, c) => sum + c.amounts.cpu, 0);
        expect(needs(containers).cpu ?? 0).toBe(Math.max(running, ...moments));
      }),
    );
  });
});
