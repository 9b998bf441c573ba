/** Reading and changing JSON of unknown shape: only own fields count, changes copy the path and share the rest. */
export type Bag = Readonly<Record<string, unknown>>;

const EMPTY: Bag = {};

/** The value as an object with fields; an empty one for anything else (lists too). */
export function bagOf(value: unknown): Bag {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Bag) : EMPTY;
}

export function isBag(value: unknown): value is Bag {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** An own field; undefined where there is none. */
export function fieldOf(value: unknown, key: string): unknown {
  const bag = bagOf(value);
  return Object.hasOwn(bag, key) ? bag[key] : undefined;
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** A copy with the field set; the same object when it has that very value already. */
export function withField(value: unknown, key: string, to: unknown): Bag {
  const bag = bagOf(value);
  if (Object.hasOwn(bag, key) && bag[key] === to) return bag;
  return { ...bag, [key]: to };
}

/** A copy without the fields; the same object when it has none of them. */
export function withoutFields(value: unknown, keys: readonly string[]): Bag {
  const bag = bagOf(value);
  if (!keys.some((key) => Object.hasOwn(bag, key))) return bag;
  return Object.fromEntries(Object.entries(bag).filter(([key]) => !keys.includes(key)));
}

/** Items through `change`; the same list when none changed. */
export function mapShared(
  items: readonly unknown[],
  change: (item: unknown, at: number) => unknown,
): readonly unknown[] {
  const changed = items.map(change);
  return changed.some((item, at) => item !== items[at]) ? changed : items;
}
