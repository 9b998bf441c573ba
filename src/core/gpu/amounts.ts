/**
 * Numbers that people write, read exactly: decimal text digit by digit, never through floating point (0.29 · 1000 is
 * 289.99… there). Used for every dialect.
 */

const DECIMAL = /^(\d{1,12})(?:\.(\d{0,20}))?$|^\.(\d{1,20})$/;

/**
 * Thousandths of a decimal number ≥ 0 without sign and exponent (`0.5`, `.5`, `1`), further digits floored. A number is read
 * through its shortest decimal text. null: not such a number.
 */
export function milliOfDecimal(text: string | number): number | null {
  const match = DECIMAL.exec(String(text).trim());
  if (match === null) return null;
  const digits = (match[2] ?? match[3] ?? '').slice(0, 3).padEnd(3, '0');
  return Number(match[1] ?? '0') * 1000 + Number(digits);
}

/** Shortest decimal text of thousandths: 500 → `0.5`, 1000 → `1`. */
export function decimalOfMilli(milli: number): string {
  const whole = Math.floor(milli / 1000);
  const rest = milli % 1000;
  return rest === 0 ? `${whole}` : `${whole}.${String(rest).padStart(3, '0').replace(/0+$/, '')}`;
}

const QUANTITY = /^(\d{1,18})(?:\.(\d{0,9}))?(Ki|Mi|Gi|Ti|Pi|k|K|M|G|T|P)?$/;
const BYTES: Readonly<Record<string, bigint>> = {
  Ki: 1024n,
  Mi: 1024n ** 2n,
  Gi: 1024n ** 3n,
  Ti: 1024n ** 4n,
  Pi: 1024n ** 5n,
  k: 1000n,
  K: 1000n,
  M: 1000n ** 2n,
  G: 1000n ** 3n,
  T: 1000n ** 4n,
  P: 1000n ** 5n,
};

/**
 * MiB of a memory amount: a bare integer is MiB, a Kubernetes quantity with a suffix (`8Gi`, `8000M`, `1.5Gi`) is rounded up
 * to whole MiB. Can be 0 or larger than any device (then it is not exact beyond 2^53): callers judge. null: not an amount.
 */
export function mibOfQuantity(text: string | number): number | null {
  const match = QUANTITY.exec(String(text).trim());
  if (match === null) return null;
  const [, whole = '0', fraction = '', suffix] = match;
  if (suffix === undefined) return String(text).includes('.') ? null : Number(whole);
  const scale = 10n ** BigInt(fraction.length);
  const scaledBytes = BigInt(whole + fraction) * BYTES[suffix]!;
  const scaledMib = scale * 1024n ** 2n;
  return Number((scaledBytes + scaledMib - 1n) / scaledMib);
}
