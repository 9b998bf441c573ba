import { describe, expect, it } from 'vitest';
import { age, duration } from './age.ts';

const S = 1000;
const M = 60 * S;
const H = 60 * M;
const D = 24 * H;

describe('how long ago', () => {
  it.each([
    [0, '0s'],
    [-500, '0s'],
    [-5 * S, '<invalid>'],
    [119 * S, '119s'],
    [2 * M, '2m'],
    [9 * M + 59 * S, '9m59s'],
    [10 * M + 30 * S, '10m'],
    [179 * M, '179m'],
    [3 * H, '3h'],
    [7 * H + 12 * M, '7h12m'],
    [8 * H + 12 * M, '8h'],
    [47 * H, '47h'],
    [2 * D, '2d'],
    [5 * D + 3 * H, '5d3h'],
    [8 * D + 3 * H, '8d'],
    [729 * D, '729d'],
    [730 * D, '2y'],
    [800 * D, '2y70d'],
    [3000 * D, '8y'],
  ])('%i ms is %s', (ms, expected) => {
    expect(duration(ms)).toBe(expected);
  });

  it('no time is unknown', () => {
    expect([age('', 0), age('soon', 0), age('1970-01-01T00:00:00Z', 61 * S)]).toEqual([
      '<unknown>',
      '<unknown>',
      '61s',
    ]);
  });
});
