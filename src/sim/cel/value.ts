/**
 * JSON ↔ CEL. JSON integers are int64 in Kubernetes' CEL, everything else keeps its type. Stored objects are never changed, so
 * what was translated once is remembered for as long as the object lives.
 */
import { Optional } from '@marcbachmann/cel-js';

const translated = new WeakMap<object, object>();
/** values that are CEL already: nothing inside needs a translation */
const ready = new WeakSet<object>();

/** Says that this list or map holds CEL values already (bigint for int, number for double). Returns it. */
export function markReady<T extends object>(value: T): T {
  ready.add(value);
  return value;
}

/** A value that is CEL already, where it is not a list or map: a number that is a double, however whole. */
export class Translated {
  readonly value: unknown;

  constructor(value: unknown) {
    this.value = value;
  }
}

/** A JSON value as CEL sees it. Objects of classes (quantities, authorizers, optionals) pass unchanged. */
export function toCel(value: unknown): unknown {
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : value;
  if (typeof value !== 'object' || value === null || ready.has(value)) return value;
  if (value instanceof Translated) return value.value;
  const known = translated.get(value);
  if (known !== undefined) return known;
  if (Array.isArray(value)) {
    const list = markReady(value.map(toCel));
    translated.set(value, list);
    return list;
  }
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  const map: Record<string, unknown> = {};
  for (const [key, child] of Object.entries(value)) if (child !== undefined) map[key] = toCel(child);
  translated.set(value, markReady(map));
  return map;
}

/** A CEL result as JSON: ints become numbers, durations and timestamps texts, an empty optional null. */
export function fromCel(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (value instanceof Optional) return value.hasValue() ? fromCel(value.value()) : null;
  if (value instanceof Date) return value.toISOString().replace('.000Z', 'Z');
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (Array.isArray(value)) return value.map(fromCel);
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, child]) => [String(key), fromCel(child)]));
  if (typeof value === 'object' && value !== null) {
    if (Object.getPrototypeOf(value) !== Object.prototype) return String(value);
    return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, fromCel(child)]));
  }
  return value;
}

/**
 * A map whose entries are made when an expression first reads them and kept from then on: `variables` of admission policies.
 * What an entry throws, reading it throws, also the next time.
 */
export function lazyMap(entries: Readonly<Record<string, () => unknown>>): Record<string, unknown> {
  const map: Record<string, unknown> = {};
  for (const [key, make] of Object.entries(entries)) {
    let kept: { value: unknown } | null = null;
    Object.defineProperty(map, key, {
      enumerable: true,
      get() {
        kept ??= { value: toCel(make()) };
        return kept.value;
      },
    });
  }
  return markReady(map);
}
