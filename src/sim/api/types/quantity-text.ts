/**
 * A quantity as Kubernetes writes it: the largest suffix that needs no fraction, of the family that was used. `8000` is `8k`,
 * `0.5` is `500m`, `1024Mi` is `1Gi`. (src/core/quantity.ts reads values; this one only keeps the text canonical.)
 */
const QUANTITY = /^([+-]?)(\d+(?:\.\d*)?|\.\d+)(?:(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)|[eE]([+-]?\d+))?$/;
const DECIMAL = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'];
const BINARY = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
/** nothing finer than a billionth is kept, in lists of resources nothing finer than a thousandth; powers of ten */
export const BILLIONTHS = -9;
export const THOUSANDTHS = -3;
const LONGEST = 64;
const LARGEST_EXPONENT = 100;
const CACHED = 4096;

const known = { [BILLIONTHS]: new Map<string, string>(), [THOUSANDTHS]: new Map<string, string>() };

/** Null when it is no quantity. @param finest what is finer is rounded up */
export function quantityText(value: unknown, finest: -9 | -3): string | null {
  const text = typeof value === 'number' ? String(value) : value;
  if (typeof text !== 'string' || text.length > LONGEST) return null;
  const cache = known[finest];
  const cached = cache.get(text);
  if (cached !== undefined) return cached;
  const made = canonical(text, finest);
  if (made !== null) {
    if (cache.size >= CACHED) cache.clear();
    cache.set(text, made);
  }
  return made;
}

function canonical(text: string, finest: -9 | -3): string | null {
  const match = QUANTITY.exec(text);
  if (match === null) return null;
  const [, sign = '', digits = '', suffix, exponent] = match;
  const point = digits.indexOf('.');
  let mantissa = BigInt(point < 0 ? digits : digits.slice(0, point) + digits.slice(point + 1));
  let power = point < 0 ? 0 : -(digits.length - point - 1);
  const minus = sign === '-' && mantissa !== 0n ? '-' : '';
  if (mantissa === 0n) return '0';
  const binary = BINARY.indexOf(suffix ?? '');
  if (binary > 0) {
    const whole = mantissa * 1024n ** BigInt(binary);
    const divisor = 10n ** BigInt(-power);
    if (whole % divisor === 0n) return minus + inBinary(whole / divisor);
    // a fraction of a byte is written with a decimal suffix
    mantissa = whole;
  } else if (exponent !== undefined) {
    const given = Number(exponent);
    if (Math.abs(given) > LARGEST_EXPONENT) return null;
    power += given;
  } else if (suffix !== undefined) {
    power += (DECIMAL.indexOf(suffix) - 3) * 3;
  }
  if (power < finest) {
    const divisor = 10n ** BigInt(finest - power);
    mantissa = (mantissa + divisor - 1n) / divisor;
    power = finest;
  }
  while (mantissa % 10n === 0n) {
    mantissa /= 10n;
    power += 1;
  }
  const third = Math.min(Math.floor(power / 3) * 3, exponent === undefined ? 18 : LARGEST_EXPONENT);
  mantissa *= 10n ** BigInt(power - third);
  if (exponent !== undefined) return `${minus}${mantissa}${third === 0 ? '' : `e${third}`}`;
  return `${minus}${mantissa}${DECIMAL[third / 3 + 3]}`;
}

function inBinary(bytes: bigint): string {
  let value = bytes;
  let step = 0;
  while (value % 1024n === 0n && step < BINARY.length - 1) {
    value /= 1024n;
    step += 1;
  }
  return `${value}${BINARY[step]}`;
}
