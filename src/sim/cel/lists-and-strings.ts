/** The list, string, regex and set functions that Kubernetes adds to CEL. */
import { type Environment, evaluate } from '@marcbachmann/cel-js';
import { found } from './re2.ts';

type Ordered = bigint | number | string | Date;

function equal(a: unknown, b: unknown): boolean {
  return a === b || evaluate('a == b', { a, b }) === true;
}

function extreme(list: readonly Ordered[], better: (a: Ordered, b: Ordered) => boolean, name: string): Ordered {
  const first = list[0];
  if (first === undefined) throw new Error(`${name} called on empty list`);
  return list.reduce((best, one) => (better(one, best) ? one : best), first);
}

function sum(list: readonly (bigint | number)[]): bigint | number {
  if (list.length === 0) return 0n;
  if (list.every((one) => typeof one === 'bigint')) return list.reduce((total, one) => total + one, 0n);
  return list.reduce<number>((total, one) => total + Number(one), 0);
}

function formatted(template: string, values: readonly unknown[]): string {
  let at = 0;
  return template.replaceAll(
    /%(%|(?:\.(\d+))?([sdfeboxX]))/g,
    (_all, literal: string, digits: string, verb: string) => {
      if (literal === '%') return '%';
      if (at >= values.length) throw new Error(`index ${at} out of range`);
      const value = values[at];
      at += 1;
      if (verb === 'f') return Number(value).toFixed(digits === undefined ? 6 : Number(digits));
      if (verb === 'e') return Number(value).toExponential(digits === undefined ? 6 : Number(digits));
      if (verb === 'b') return BigInt(Number(value)).toString(2);
      if (verb === 'o') return BigInt(Number(value)).toString(8);
      if (verb === 'x' || verb === 'X') {
        const text =
          typeof value === 'string' ? Buffer.from(value).toString('hex') : BigInt(Number(value)).toString(16);
        return verb === 'X' ? text.toUpperCase() : text;
      }
      return shown(value);
    },
  );
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(shown).join(', ')}]`;
  if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    return `{${Object.entries(value)
      .map(([key, child]) => `${key}: ${shown(child)}`)
      .sort()
      .join(', ')}}`;
  }
  if (value instanceof Date) return value.toISOString().replace('.000Z', 'Z');
  return String(value);
}

class Sets {}

export function registerListsAndStrings(env: Environment): void {
  const includes = (list: readonly unknown[], wanted: unknown) => list.some((one) => equal(one, wanted));
  const contains = (all: readonly unknown[], some: readonly unknown[]) => some.every((one) => includes(all, one));
  env
    .registerFunction('list.isSorted(): bool', (list: Ordered[]) =>
      list.every((one, index) => index === 0 || list[index - 1]! <= one),
    )
    .registerFunction('list.sum(): dyn', sum)
    .registerFunction('list.min(): dyn', (list: Ordered[]) => extreme(list, (a, b) => a < b, 'min'))
    .registerFunction('list.max(): dyn', (list: Ordered[]) => extreme(list, (a, b) => a > b, 'max'))
    .registerFunction('list.indexOf(dyn): int', (list: unknown[], wanted: unknown) =>
      BigInt(list.findIndex((one) => equal(one, wanted))),
    )
    .registerFunction('list.lastIndexOf(dyn): int', (list: unknown[], wanted: unknown) =>
      BigInt(list.findLastIndex((one) => equal(one, wanted))),
    )
    .registerFunction(
      'string.find(string): string',
      (text: string, pattern: string) => found(text, pattern, 1)[0] ?? '',
    )
    .registerFunction('string.findAll(string): list<string>', (text: string, pattern: string) => found(text, pattern))
    .registerFunction('string.findAll(string, int): list<string>', (text: string, pattern: string, limit: bigint) =>
      found(text, pattern, limit < 0n ? undefined : Number(limit)),
    )
    .registerFunction('string.charAt(int): string', (text: string, at: bigint) => {
      const characters = [...text];
      if (at < 0n || at > BigInt(characters.length)) throw new Error(`index out of range: ${at}`);
      return characters[Number(at)] ?? '';
    })
    .registerFunction('string.replace(string, string): string', (text: string, from: string, to: string) =>
      text.replaceAll(from, () => to),
    )
    .registerFunction(
      'string.replace(string, string, int): string',
      (text: string, from: string, to: string, limit: bigint) => {
        let left = limit < 0n ? Number.POSITIVE_INFINITY : Number(limit);
        return text.replaceAll(from, () => {
          left -= 1;
          return left >= 0 ? to : from;
        });
      },
    )
    .registerFunction('string.reverse(): string', (text: string) => [...text].reverse().join(''))
    .registerFunction('string.format(list): string', formatted)
    .registerType('kubernetes.Sets', { ctor: Sets, fields: {} })
    .registerConstant('sets', 'kubernetes.Sets', new Sets())
    .registerFunction('kubernetes.Sets.contains(list, list): bool', (_: Sets, all: unknown[], some: unknown[]) =>
      contains(all, some),
    )
    .registerFunction('kubernetes.Sets.intersects(list, list): bool', (_: Sets, a: unknown[], b: unknown[]) =>
      a.some((one) => includes(b, one)),
    )
    .registerFunction(
      'kubernetes.Sets.equivalent(list, list): bool',
      (_: Sets, a: unknown[], b: unknown[]) => contains(a, b) && contains(b, a),
    );
}
