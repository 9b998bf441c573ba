/**
 * Amounts on a pod's lines: core's exact parsers with their bounds, and a refusal that quotes the line and says what to
 * write. All of them throw AskError and nothing else.
 */
import { mibOfQuantity, milliOfDecimal } from '../core/gpu/amounts.ts';
import { MAX_COUNT, MAX_MIB } from '../core/gpu/bounds.ts';
import { WHOLE_MILLI } from '../core/gpu/request.ts';
import { malformed } from './errors.ts';

const QUANTITY = /^\+?(\d{1,18})(?:\.(\d{0,9}))?(?:(Ki|Mi|Gi|Ti|Pi|Ei|k|M|G|T|P|E)|[eE]\+?(\d{1,2}))?$/;
const BINARY = ['Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
const DECIMAL = ['k', 'M', 'G', 'T', 'P', 'E'];
const MIB_BYTES = 2n ** 20n;

/**
 * A Kubernetes quantity in its own units, exactly, as numerator over denominator. The API server rewrites 20000 as `20k`,
 * so whole numbers arrive with suffixes too. null: not a quantity ≥ 0.
 */
function quantity(text: string): { readonly over: bigint; readonly under: bigint } | null {
  const match = QUANTITY.exec(text);
  if (match === null) return null;
  const [, whole = '', fraction = '', suffix = '', exponent = '0'] = match;
  const binary = BINARY.indexOf(suffix) + 1;
  const decimal = DECIMAL.indexOf(suffix) + 1;
  const scale = 1024n ** BigInt(binary) * 1000n ** BigInt(decimal) * 10n ** BigInt(exponent);
  return { over: BigInt(whole + fraction) * scale, under: 10n ** BigInt(fraction.length) };
}

/** A whole number ≥ 0, written as Kubernetes writes quantities. */
export function wholeNumber(line: string, text: string): number {
  const read = quantity(text);
  if (read === null || read.over % read.under !== 0n) throw malformed(line, 'write a whole number, 0 or more');
  const value = read.over / read.under;
  if (value > BigInt(Number.MAX_SAFE_INTEGER))
    throw malformed(line, 'the number is absurdly large; write a smaller one');
  return Number(value);
}

/** A number of devices; 0 is left to the caller. */
export function deviceCount(line: string, text: string): number {
  const count = wholeNumber(line, text.trim());
  if (count > MAX_COUNT) throw malformed(line, `no node has more than ${MAX_COUNT} devices`);
  return count;
}

/** A number of devices on a line that has no meaning with 0. */
export function atLeastOne(line: string, text: string): number {
  const count = deviceCount(line, text);
  if (count === 0) throw malformed(line, `write a whole number from 1 to ${MAX_COUNT}`);
  return count;
}

/** 1 … 1000 thousandths of a device from a decimal fraction, more digits floored. */
export function fractionMilli(line: string, text: string, countKey: string): number {
  const milli = milliOfDecimal(text);
  if (milli === null) throw malformed(line, 'write a decimal number more than 0 and at most 1, like "0.5"');
  if (milli === 0) throw malformed(line, 'the smallest share is "0.001"');
  if (milli > WHOLE_MILLI || (milli === WHOLE_MILLI && !/^0*1(\.0*)?$/.test(text.trim()))) {
    throw malformed(
      line,
      `a share is at most "1"; for several devices write ${countKey} as well, and the share of each here`,
    );
  }
  return milli;
}

function bounded(line: string, mib: number): number {
  if (mib < 1) throw malformed(line, 'the least is 1 MiB; write more');
  if (mib > MAX_MIB) throw malformed(line, `no GPU has that much memory (the most is ${MAX_MIB} MiB); check the unit`);
  return mib;
}

/** MiB ≥ 1 from whole MiB or a quantity with a suffix, rounded up. */
export function memoryMib(line: string, text: string): number {
  const mib = mibOfQuantity(text);
  if (mib === null) throw malformed(line, 'write whole MiB like "8192" or a quantity like "8Gi"');
  return bounded(line, mib);
}

/** MiB ≥ 1 from whole MiB without a unit. */
export function plainMib(line: string, text: string): number {
  if (!/^\d{1,15}$/.test(text.trim())) throw malformed(line, 'write whole MiB without a unit, like "8192"');
  return bounded(line, Number(text.trim()));
}

/** MiB ≥ 1 from a quantity in bytes, rounded up. */
export function mibOfBytes(line: string, text: string): number {
  const read = quantity(text.trim());
  if (read === null) throw malformed(line, 'write a quantity of bytes like "8Gi"');
  const unit = read.under * MIB_BYTES;
  return bounded(line, Number((read.over + unit - 1n) / unit));
}

/** MiB from a resource in units of `unitMib` MiB; 0 is left to the caller. */
export function mibOfUnits(line: string, text: string, unitMib: number): number {
  const mib = wholeNumber(line, text) * unitMib;
  return mib === 0 ? 0 : bounded(line, mib);
}

/** 1 … 100 per cent, whole. */
export function percent(line: string, text: string): number {
  const value = /^\d{1,3}$/.test(text.trim()) ? Number(text.trim()) : 0;
  if (value < 1 || value > 100) throw malformed(line, 'write per cent of one device, a whole number from 1 to 100');
  return value;
}
