/** Kubernetes quantities in CEL: exact, in billionths. The functions are those of k8s.io/apiserver/pkg/cel/library/quantity.go. */
import type { Environment } from '@marcbachmann/cel-js';

const FORM = /^([+-]?)(\d+)?(?:\.(\d*))?(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|[eE][+-]?\d+)?$/;
const NANO = 1_000_000_000n;
const DECIMAL: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };
const BINARY: Readonly<Record<string, bigint>> = { Ki: 10n, Mi: 20n, Gi: 30n, Ti: 40n, Pi: 50n, Ei: 60n };
const MAX_INT64 = (1n << 63n) - 1n;

export class Quantity {
  readonly nano: bigint;

  constructor(nano: bigint) {
    this.nano = nano;
  }

  /** null for what is not a quantity */
  static parse(text: string): Quantity | null {
    const match = FORM.exec(text);
    if (match === null || text.length > 64) return null;
    const [, sign, whole = '', fraction = '', suffix = ''] = match;
    if (whole === '' && fraction === '') return null;
    const digits = BigInt(whole + fraction || '0');
    const binary = BINARY[suffix];
    const exponent = binary !== undefined ? 0 : (DECIMAL[suffix] ?? Number(suffix.slice(1) || 0));
    if (Math.abs(exponent) > 100) return null;
    const scale = 9 + exponent - fraction.length;
    const scaled = (binary === undefined ? digits : digits << binary) * 10n ** BigInt(Math.max(scale, 0));
    const divisor = 10n ** BigInt(Math.max(-scale, 0));
    // fractions of a billionth round away from zero, as in Kubernetes
    const nano = (scaled + divisor - 1n) / divisor;
    return new Quantity(sign === '-' ? -nano : nano);
  }

  asInteger(): bigint {
    if (this.nano % NANO !== 0n) throw new Error('cannot convert value to integer');
    return this.nano / NANO;
  }

  toString(): string {
    const whole = this.nano / NANO;
    const rest = this.nano % NANO;
    if (rest === 0n) return String(whole);
    return `${this.nano < 0n ? '-' : ''}${String(this.nano < 0n ? -whole : whole)}.${String(rest < 0n ? -rest : rest)
      .padStart(9, '0')
      .replace(/0+$/, '')}`;
  }
}

function parsed(text: string): Quantity {
  const quantity = Quantity.parse(text);
  if (quantity === null)
    throw new Error("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
  return quantity;
}

export function registerQuantity(env: Environment): void {
  env
    .registerType('kubernetes.Quantity', { ctor: Quantity, fields: {} })
    .registerFunction('quantity(string): kubernetes.Quantity', parsed)
    .registerFunction('isQuantity(string): bool', (text: string) => Quantity.parse(text) !== null)
    .registerFunction('kubernetes.Quantity.sign(): int', (q: Quantity) => (q.nano > 0n ? 1n : q.nano < 0n ? -1n : 0n))
    .registerFunction('kubernetes.Quantity.isInteger(): bool', (q: Quantity) => {
      const whole = q.nano / NANO;
      return q.nano % NANO === 0n && whole <= MAX_INT64 && whole >= -MAX_INT64 - 1n;
    })
    .registerFunction('kubernetes.Quantity.asInteger(): int', (q: Quantity) => q.asInteger())
    .registerFunction('kubernetes.Quantity.asApproximateFloat(): double', (q: Quantity) => Number(q.nano) / 1e9)
    .registerFunction(
      'kubernetes.Quantity.add(kubernetes.Quantity): kubernetes.Quantity',
      (a: Quantity, b: Quantity) => new Quantity(a.nano + b.nano),
    )
    .registerFunction(
      'kubernetes.Quantity.add(int): kubernetes.Quantity',
      (a: Quantity, b: bigint) => new Quantity(a.nano + b * NANO),
    )
    .registerFunction(
      'kubernetes.Quantity.sub(kubernetes.Quantity): kubernetes.Quantity',
      (a: Quantity, b: Quantity) => new Quantity(a.nano - b.nano),
    )
    .registerFunction(
      'kubernetes.Quantity.sub(int): kubernetes.Quantity',
      (a: Quantity, b: bigint) => new Quantity(a.nano - b * NANO),
    )
    .registerFunction(
      'kubernetes.Quantity.isLessThan(kubernetes.Quantity): bool',
      (a: Quantity, b: Quantity) => a.nano < b.nano,
    )
    .registerFunction(
      'kubernetes.Quantity.isGreaterThan(kubernetes.Quantity): bool',
      (a: Quantity, b: Quantity) => a.nano > b.nano,
    )
    .registerFunction('kubernetes.Quantity.compareTo(kubernetes.Quantity): int', (a: Quantity, b: Quantity) =>
      a.nano < b.nano ? -1n : a.nano > b.nano ? 1n : 0n,
    )
    .registerOperator('kubernetes.Quantity == kubernetes.Quantity', (a: Quantity, b: Quantity) => a.nano === b.nano);
}
