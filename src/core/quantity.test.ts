import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { QuantityError, quantityMilli, quantityUnits } from './quantity.ts';

const MAX = Number.MAX_SAFE_INTEGER;

describe('a quantity', () => {
  it.each([
    // text, whole units, thousandths
    ['0', 0, 0],
    ['1', 1, 1_000],
    ['500m', 1, 500],
    ['1500m', 2, 1_500],
    ['0.5', 1, 500],
    ['.5', 1, 500],
    ['5.', 5, 5_000],
    ['0.1', 1, 100],
    ['1n', 1, 1],
    ['1000001n', 1, 2],
    ['100u', 1, 1],
    ['2k', 2_000, 2_000_000],
    ['1M', 1_000_000, 1_000_000_000],
    ['1.5Gi', 1_610_612_736, 1_610_612_736_000],
    ['0.1Ki', 103, 102_400],
    ['1Ti', 2 ** 40, 2 ** 40 * 1_000],
    ['1e3', 1_000, 1_000_000],
    ['1E3', 1_000, 1_000_000],
    ['12e-1', 2, 1_200],
    ['1e+2', 100, 100_000],
    ['+3', 3, 3_000],
    ['-3', -3, -3_000],
    ['-0', 0, 0],
    ['-1500m', -2, -1_500],
    ['007', 7, 7_000],
    ['999999999999', 999_999_999_999, 999_999_999_999_000],
    ['9007199254740991', MAX, MAX],
    ['9007199254740992', MAX, MAX],
    ['8E', MAX, MAX],
    ['1E', MAX, MAX],
    ['7Ei', MAX, MAX],
    ['-7Ei', -MAX, -MAX],
    ['1e300', MAX, MAX],
    ['1e999999999', MAX, MAX],
    ['0e999999999', 0, 0],
    ['1e-999999999', 1, 1],
  ])('%s is %i units and %i thousandths', (text, units, milli) => {
    expect(quantityUnits(text)).toBe(units);
    expect(quantityMilli(text)).toBe(milli);
  });

  it('may be a JSON number, as the API server takes it', () => {
    expect(quantityUnits(3)).toBe(3);
    expect(quantityMilli(0.1)).toBe(100);
    expect(quantityUnits(1e21)).toBe(MAX);
  });

  it.each([
    '',
    ' ',
    '1 ',
    ' 1',
    '.',
    '-',
    '+',
    '1K',
    '1ki',
    '1KI',
    'Ki',
    '1mi',
    '1e',
    '1e1.5',
    '1.2.3',
    '0x10',
    '1_000',
    '1,5',
    '1mm',
    '--1',
    'Infinity',
    'NaN',
    '١',
    '1e3Ki',
    '9'.repeat(65),
  ])('%j is refused with a text that shows it', (text) => {
    expect(() => quantityUnits(text)).toThrow(QuantityError);
    expect(() => quantityMilli(text)).toThrow(JSON.stringify(text.slice(0, 64)));
  });

  it.each([[undefined], [null], [{}], [[]], [true], [Number.NaN], [Number.POSITIVE_INFINITY]])(
    '%j is refused',
    (value) => {
      expect(() => quantityUnits(value)).toThrow(QuantityError);
    },
  );
});

/** every suffix as an exact fraction, spelled out so that nothing is shared with the parser */
const FACTORS: Record<string, [numerator: bigint, denominator: bigint]> = {
  n: [1n, 1_000_000_000n],
  u: [1n, 1_000_000n],
  m: [1n, 1_000n],
  '': [1n, 1n],
  k: [1_000n, 1n],
  M: [1_000_000n, 1n],
  G: [1_000_000_000n, 1n],
  T: [1_000_000_000_000n, 1n],
  P: [1_000_000_000_000_000n, 1n],
  E: [1_000_000_000_000_000_000n, 1n],
  Ki: [1_024n, 1n],
  Mi: [1_048_576n, 1n],
  Gi: [1_073_741_824n, 1n],
  Ti: [1_099_511_627_776n, 1n],
  Pi: [1_125_899_906_842_624n, 1n],
  Ei: [1_152_921_504_606_846_976n, 1n],
};

const anyQuantity = fc.record({
  negative: fc.boolean(),
  whole: fc.bigInt({ min: 0n, max: 10n ** 18n }),
  fraction: fc.stringMatching(/^\d{0,12}$/),
  suffix: fc.constantFrom(...Object.keys(FACTORS)),
});

function oracle(value: { negative: boolean; whole: bigint; fraction: string; suffix: string }, per: bigint): number {
  const [up, down] = FACTORS[value.suffix]!;
  const scale = 10n ** BigInt(value.fraction.length);
  const top = (value.whole * scale + BigInt(value.fraction || '0')) * up * per;
  const bottom = scale * down;
  const rounded = top / bottom + (top % bottom > 0n ? 1n : 0n);
  const size = rounded > BigInt(MAX) ? MAX : Number(rounded);
  return value.negative && size > 0 ? -size : size;
}

describe('for every quantity', () => {
  it('units and thousandths are those of exact fractions, rounded away from zero', () => {
    fc.assert(
      fc.property(anyQuantity, (value) => {
        const text = `${value.negative ? '-' : ''}${value.whole}.${value.fraction}${value.suffix}`;
        expect(quantityUnits(text)).toBe(oracle(value, 1n));
        expect(quantityMilli(text)).toBe(oracle(value, 1_000n));
      }),
      { numRuns: 1_000 },
    );
  });

  it('an exponent means the same as the zeros it stands for', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 999_999 }), fc.integer({ min: 0, max: 9 }), (digits, exponent) => {
        expect(quantityUnits(`${digits}e${exponent}`)).toBe(quantityUnits(`${digits}${'0'.repeat(exponent)}`));
      }),
    );
  });

  it('any text gives an integer or a QuantityError', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          expect(Number.isSafeInteger(quantityMilli(text))).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(QuantityError);
        }
      }),
    );
  });
});
