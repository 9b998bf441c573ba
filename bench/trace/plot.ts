/** Allocation over arrival as an SVG text: one line per policy, the diagonal is what perfect packing would allocate. */
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';

/** Below this much arrived demand everything fits, and the lines are one. */
const FROM = 70;

export type Curve = { readonly name: string; readonly curve: readonly number[] };

/** What linkedom's elements can do and is used here; there are no DOM types in this project. */
type Figure = {
  querySelector(selector: string): { remove(): void } | null;
  setAttribute(name: string, value: string): void;
  readonly outerHTML: string;
};

export function plotCurves(title: string, curves: readonly Curve[]): string {
  const { document } = parseHTML('<html><body></body></html>');
  const points = curves.flatMap(({ name, curve }) =>
    curve.map((allocated, arrived) => ({ name, arrived, allocated })).filter(({ arrived }) => arrived >= FROM),
  );
  const last = Math.max(...points.map(({ arrived }) => arrived));
  const ends = points.filter(({ arrived }) => arrived === last);
  const figure = Plot.plot({
    document,
    width: 760,
    height: 460,
    marginRight: 70,
    grid: true,
    style: { background: 'white', fontSize: '12px' },
    x: { label: `GPU demand arrived, % of all GPUs (${title})`, domain: [FROM, last] },
    y: { label: 'GPUs allocated, %', domain: [FROM, 100] },
    color: { scheme: 'Observable10' },
    marks: [
      Plot.line(
        [
          [FROM, FROM],
          [100, 100],
        ],
        { stroke: '#bbb', strokeDasharray: '4 4' },
      ),
      Plot.line(points, { x: 'arrived', y: 'allocated', stroke: 'name', strokeWidth: 1.8 }),
      Plot.text(ends, { x: 'arrived', y: 'allocated', text: 'name', fill: 'name', textAnchor: 'start', dx: 6 }),
    ],
  }) as unknown as Figure;
  // it only says how a page lays the figure out
  figure.querySelector('style')?.remove();
  figure.setAttribute('role', 'img');
  figure.setAttribute('aria-label', `GPUs allocated over GPU demand arrived, ${title}`);
  figure.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  return `${figure.outerHTML}\n`;
}
