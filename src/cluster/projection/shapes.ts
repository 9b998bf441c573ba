/**
 * Reading JSON whose shape nobody promised: own fields only, a wrong type reads as absent, nothing throws, nothing recurses.
 * Keys that a plain object already answers to (`__proto__`, `constructor`) are no names of resources.
 */

import { CPU, type Resources } from '../../core/placement/resources.ts';
import { QuantityError, quantityMilli, quantityUnits } from '../../core/quantity.ts';

export type Fields = Readonly<Record<string, unknown>>;
export type Texts = Readonly<Record<string, string>>;

export const NO_TEXTS: Texts = Object.freeze({});
const NO_FIELDS: Fields = Object.freeze({});

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** {} for everything that is not an object */
export const fieldsOf = (value: unknown): Fields => (isFields(value) ? value : NO_FIELDS);

/** undefined for what a prototype offers */
export const own = (value: unknown, key: string): unknown =>
  isFields(value) && Object.hasOwn(value, key) ? value[key] : undefined;

export const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
export const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** `fallback` unless it is an integer that a double holds exactly */
export const integerOf = (value: unknown, fallback: number): number =>
  typeof value === 'number' && Number.isSafeInteger(value) ? value : fallback;

/** ms since the epoch; 0 for what is no time */
export function timeOf(value: unknown): number {
  if (typeof value !== 'string' || value.length > 64) return 0;
  const ms = Date.parse(value);
  return Number.isFinite(ms) ? ms : 0;
}

/** Text values only, everything else left out. An object that is nothing but texts is taken as it is, not copied. */
export function textsOf(value: unknown): Texts {
  if (!isFields(value)) return NO_TEXTS;
  const entries = Object.entries(value);
  if (entries.length === 0) return NO_TEXTS;
  const good = entries.filter(
    (entry): entry is [string, string] => entry[0] !== '__proto__' && typeof entry[1] === 'string',
  );
  return good.length === entries.length ? (value as Texts) : Object.fromEntries(good);
}

/** Names that kube-scheduler accounts for. */
const isAccounted = (name: string): boolean =>
  name === CPU ||
  name === 'memory' ||
  name === 'ephemeral-storage' ||
  name === 'pods' ||
  name.includes('/') ||
  name.startsWith('hugepages-') ||
  name.startsWith('attachable-volumes-');

/**
 * A ResourceList in the units of Resources. Amounts that are no quantity or below zero are left out: the API server refuses
 * them, and kube-scheduler checks the rest anyway.
 */
export function amountsOf(value: unknown): Resources {
  const amounts: Record<string, number> = {};
  for (const [name, written] of Object.entries(fieldsOf(value))) {
    if (!isAccounted(name)) continue;
    const amount = amountOf(written, name === CPU ? quantityMilli : quantityUnits);
    if (amount !== null && amount >= 0) amounts[name] = amount;
  }
  return amounts;
}

/** null for what is no quantity */
export function amountOf(written: unknown, read: (value: unknown) => number): number | null {
  try {
    return read(written);
  } catch (error) {
    if (error instanceof QuantityError) return null;
    throw error;
  }
}
