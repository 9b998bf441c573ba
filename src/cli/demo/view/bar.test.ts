import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { colourBar, plainBar, type Segment } from './bar.ts';
import { colourOf } from './teams.ts';

const segment = (team: string, size: number, whole = false): Segment => ({ team, size, whole });

/** Cells of a coloured bar as [front, back, character]. */
function cells(bar: string): [number, number, string][] {
  return bar.split('\x1b[').flatMap((part) => {
    const match = /^38;5;(\d+);48;5;(\d+)m(.+)$/.exec(part);
    return match
      ? [...match[3]!].map((character): [number, number, string] => [Number(match[1]), Number(match[2]), character])
      : [];
  });
}

describe('a device bar', () => {
  it.each<[string, Segment[], boolean, string]>([
    ['nothing', [], false, '····'],
    ['half of it', [segment('audio', 0.5)], false, 'aa··'],
    ['two pods', [segment('audio', 0.5), segment('chat', 0.25)], false, 'aac·'],
    ['all of it in shares', [segment('audio', 0.25), segment('maps', 0.75)], false, 'ammm'],
    ['a whole device', [segment('vision', 1, true)], false, 'VVVV'],
    ['a pod of nobody', [segment('', 0.5)], false, 'xx··'],
    ['more than there is', [segment('audio', 0.9), segment('chat', 0.2)], true, '!!!!'],
  ])('shows %s without colours', (_what, segments, over, expected) => {
    expect(plainBar(segments, 4, over)).toBe(expected);
  });

  it('draws two shares that meet inside a cell as one in front of the other', () => {
    const [audio, chat] = [colourOf('audio'), colourOf('chat')];
    expect(cells(colourBar([segment('audio', 0.25), segment('chat', 0.75)], 2, false))).toEqual([
      [audio, chat, '▌'],
      [chat, chat, '█'],
    ]);
  });

  it('tells a whole device from shares that fill one', () => {
    const text = (segments: Segment[]) => stripVTControlCharacters(colourBar(segments, 3, false));
    expect(text([segment('audio', 1, true)])).toBe('■■■');
    expect(text([segment('audio', 1)])).toBe('███');
  });

  it('turns red all over when it is over 100 %', () => {
    expect(cells(colourBar([segment('audio', 0.9), segment('chat', 0.2)], 2, true))).toEqual([
      [231, 196, '!'],
      [231, 196, '!'],
    ]);
  });

  it('is as wide as it should be, whatever the shares', () => {
    const shares = fc.array(
      fc.record({
        team: fc.constantFrom('audio', 'chat', ''),
        size: fc.double({ min: 0, max: 1, noNaN: true }),
        whole: fc.boolean(),
      }),
    );
    fc.assert(
      fc.property(shares, fc.integer({ min: 1, max: 20 }), fc.boolean(), (segments, width, over) => {
        expect(cells(colourBar(segments, width, over))).toHaveLength(width);
        expect([...plainBar(segments, width, over)]).toHaveLength(width);
      }),
    );
  });
});
