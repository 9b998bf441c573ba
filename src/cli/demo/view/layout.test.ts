import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { layoutOf } from './layout.ts';

/** Lines that the panels take, one above the other. */
function taken(layout: ReturnType<typeof layoutOf>): number {
  const list = (lines: number) => (lines > 0 ? lines + 1 : 0);
  const { waiting, events } = layout;
  const lists = layout.beside ? Math.max(list(waiting), list(events)) : list(waiting) + list(events);
  return 3 + layout.nodes + lists + Number(layout.legend) + Number(layout.kubectl) + (layout.air ? 2 : 0);
}

describe('the layout', () => {
  it('fits the screen and shows at least one node, whatever the size', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 20, max: 300 }),
        fc.integer({ min: 5, max: 120 }),
        fc.integer({ min: 1, max: 500 }),
        (columns, rows, nodes) => {
          const layout = layoutOf(columns, rows, nodes);
          expect(layout.lines).toBe(rows - 1);
          expect(taken(layout)).toBeLessThanOrEqual(layout.lines);
          expect(layout.nodes).toBeGreaterThan(0);
          expect(layout.nodes).toBeLessThanOrEqual(nodes);
          expect(layout.waiting).toBeGreaterThanOrEqual(0);
          expect(layout.events).toBeGreaterThanOrEqual(0);
        },
      ),
    );
  });

  it.each([
    [80, 24, { nodes: 12, waiting: 2, events: 2, beside: false, legend: true, kubectl: true, air: false }],
    [200, 60, { nodes: 12, waiting: 39, events: 39, beside: true, legend: true, kubectl: true, air: true }],
    [40, 10, { nodes: 3, waiting: 0, events: 1, beside: false, legend: false, kubectl: true, air: false }],
  ])('in a terminal of %i × %i shows the twelve nodes of the default', (columns, rows, expected) => {
    expect(layoutOf(columns, rows, 12)).toMatchObject(expected);
  });
});
