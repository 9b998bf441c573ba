import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { colourBar, plainBar } from './bar.ts';

/** Cells of a coloured bar as [front, back, character]. */
function cells(bar: string): [number, number, string][] {
  return bar.split('\u001b[').flatMap((part): [number, number, string][] => {
    const match = /^38;5;(\d+);48;5;(\d+)m(.)$/.exec(part);
    return match ? [[Number(match[1]), Number(match[2]), match[3]!]] : [];
  });
}

describe('a device bar', () => {
  it.each([
    ['nothing', [], '····'],
    ['half of it', [0.5], '██··'],
    ['two pods', [0.5, 0.25], '███·'],
    ['a tenth', [0.1], '▍···'],
    ['all of it', [0.3, 0.3, 0.4], '████'],
    ['more than there is', [0.9, 0.2], '!!!!'],
  ])('shows %s without colours', (_what, sizes, expected) => {
    expect(
      plainBar(
        sizes.map((size) => ({ colour: 36, size })),
        4,
      ),
    ).toBe(expected);
  });

  it('draws two shares that meet inside a cell as one in front of the other', () => {
    expect(
      cells(
        colourBar(
          [
            { colour: 36, size: 0.25 },
            { colour: 75, size: 0.75 },
          ],
          2,
        ),
      ),
    ).toEqual([
      [36, 75, '▌'],
      [75, 75, '█'],
    ]);
  });

  it('turns red all over when it is over 100 %', () => {
    expect(
      cells(
        colourBar(
          [
            { colour: 36, size: 0.9 },
            { colour: 75, size: 0.2 },
          ],
          2,
        ),
      ),
    ).toEqual([
      [196, 196, '█'],
      [196, 196, '█'],
    ]);
  });

  it('is as wide as it should be, whatever the shares', () => {
    const shares = fc.array(
      fc.record({ colour: fc.constantFrom(36, 75, 178), size: fc.double({ min: 0, max: 1, noNaN: true }) }),
    );
    fc.assert(
      fc.property(shares, fc.integer({ min: 1, max: 20 }), (segments, width) => {
        expect(cells(colourBar(segments, width))).toHaveLength(width);
        expect([...plainBar(segments, width)]).toHaveLength(width);
      }),
    );
  });
});
