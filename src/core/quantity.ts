/**
 * Kubernetes quantities ("1500m", "2Gi", "1e3", ".5") as exact integers.
 *
 * `quantityToScalar` of @kubernetes/client-node is not used: it divides by powers of ten in floating point ("1n" × 1000 is no
 * integer), throws on fractions with a suffix ("1.5Gi" reaches BigInt), takes no exponents ("1e3" has the suffix "e3" there)
 * and returns number or bigint depending on the suffix.
 *
 * The grammar is the one of k8s.io/apimachinery/pkg/api/resource: sign, decimal digits with an optional point, then nothing, a
 * suffix, or an exponent. Like there, fractions of the wanted unit round away from zero (up, for what pods ask).
 */

const QUANTITY = /^([+-]?)(\d+(?:\.\d*)?|\.\d+)(?:(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)|[eE]([+-]?\d+))?$/;
const DECIMAL = { n: -9, u: -6, m: -3, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 } as const;
const BINARY = { Ki: 10n, Mi: 20n, Gi: 30n, Ti: 40n, Pi: 50n, Ei: 60n } as const;

/** the longest text worth reading: real ones have fewer than 20 characters, and digits cost more than linear time */
const LONGEST = 64;
/** beyond it every nonzero value is clamped (or rounded to one) anyway */
const LARGEST_EXPONENT = 400;
const MAX = BigInt(Number.MAX_SAFE_INTEGER);

export class QuantityError extends Error {
  override readonly name = 'QuantityError';
  readonly code = 'quantity-malformed';

  constructor(value: unknown) {
    const shown = typeof value === 'string' ? JSON.stringify(value.slice(0, LONGEST)) : typeof value;
    super(
      `${shown} is not a Kubernetes quantity: expected a number with an optional suffix, like 500m, 2, 1.5Gi or 1e3`,
    );
  }
}

/**
 * Whole units (bytes, devices, pods), fractions rounded away from zero, clamped to ±Number.MAX_SAFE_INTEGER.
 * JSON numbers are taken too, as the API server does. Throws QuantityError.
 */
export const quantityUnits = (value: unknown): number => exact(value, 0);

/** Thousandths of a unit (CPU millicores), otherwise like `quantityUnits`. */
export const quantityMilli = (value: unknown): number => exact(value, 3);

function exact(value: unknown, scale: 0 | 3): number {
  const text = typeof value === 'number' ? String(value) : value;
  if (typeof text !== 'string' || text.length > LONGEST) throw new QuantityError(value);
  const fast = plainInteger(text);
  if (fast !== null) return scale === 0 ? fast : fast * 1000;
  const match = QUANTITY.exec(text);
  if (match === null) throw new QuantityError(value);
  const [, sign, digits, suffix, exponent] = match;
  const point = digits!.indexOf('.');
  const fractionDigits = point < 0 ? 0 : digits!.length - point - 1;
  let numerator = BigInt(point < 0 ? digits! : digits!.slice(0, point) + digits!.slice(point + 1));
  let power = scale - fractionDigits;
  if (suffix !== undefined) {
    if (suffix in BINARY) numerator <<= BINARY[suffix as keyof typeof BINARY];
    else power += DECIMAL[suffix as keyof typeof DECIMAL];
  } else if (exponent !== undefined) {
    power += Math.min(Math.max(Number(exponent), -LARGEST_EXPONENT), LARGEST_EXPONENT);
  }
  if (power >= 0) numerator *= 10n ** BigInt(power);
  else {
    const divisor = 10n ** BigInt(-power);
    numerator = (numerator + divisor - 1n) / divisor;
  }
  const size = Number(numerator > MAX ? MAX : numerator);
  return sign === '-' && size !== 0 ? -size : size;
}

/** the usual case, without a regular expression or BigInt: 1 to 12 digits */
function plainInteger(text: string): number | null {
  if (text.length === 0 || text.length > 12) return null;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code < 48 || code > 57) return null;
  }
  return Number(text);
}
