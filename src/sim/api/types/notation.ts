/**
 * Reads the lines of built-in.ts.
 *
 *   @apps/v1/Deployment Deployment      the type of a kind
 *   Name field:type field!:type …       a struct; `!` is always written, `!!` as an empty struct; `=TCP` after a type is its default
 *
 * Types: s i b n q t x (text, integer, boolean, number, quantity, time, integer or text), * (free form), Name (struct), {T} (map),
 * [T] (list). `#` after a struct or map: atomic. In a list `|a,b` are its keys, `|*` makes it a set, `~k` is the key of strategic merge
 * (`~` alone: a set there), `^` retains keys.
 */
import type { Field, Scalar, Struct, Type } from './type.ts';

const SCALARS: Readonly<Record<string, Scalar>> = {
  s: 'text',
  i: 'integer',
  b: 'boolean',
  n: 'number',
  q: 'quantity',
  t: 'time',
  x: 'integer-or-text',
};
const LIST = /^\[(.*?)(?:\|([\w,*]+))?(?:~(\w*))?(\^)?\]$/;
const FIELD = /^([^:!]+)(!{0,2}):([^=]+)(?:=(.*))?$/;

export type Types = { readonly byKind: ReadonlyMap<string, Type>; readonly structs: ReadonlyMap<string, Struct> };

/**
 * Structs may contain themselves, so they are made first and filled after.
 * @param also by struct, fields that are always written beside those that are marked
 */
export function readTypes(text: string, also: Readonly<Record<string, readonly string[]>>): Types {
  const lines = text.split('\n').filter((line) => line !== '');
  const structs = new Map<string, Struct & { fields: Map<string, Field> }>();
  const bodies = lines.filter((line) => !line.startsWith('@')).map((line) => line.split(' '));
  for (const [name = ''] of bodies) structs.set(name, { name, fields: new Map(), rest: null });

  const typeOf = (written: string): Type => {
    const scalar = SCALARS[written];
    if (scalar) return { kind: 'scalar', scalar };
    if (written === '*') return { kind: 'any', atomic: true };
    const list = LIST.exec(written);
    if (list) {
      const [, of = '', keys, patchKey, retain] = list;
      return {
        kind: 'list',
        of: typeOf(of),
        keys: keys === undefined || keys === '*' ? null : keys.split(','),
        set: keys === '*',
        patchKey: patchKey ?? null,
        retainKeys: retain !== undefined,
      };
    }
    const retainKeys = written.endsWith('^');
    const plain = retainKeys ? written.slice(0, -1) : written;
    const atomic = plain.endsWith('#');
    const name = atomic ? plain.slice(0, -1) : plain;
    if (name.startsWith('{')) return { kind: 'map', of: typeOf(name.slice(1, -1)), atomic };
    const struct = structs.get(name);
    if (struct === undefined) throw new Error(`no type ${written}`);
    return { kind: 'struct', struct, atomic, retainKeys };
  };

  for (const [name = '', ...fields] of bodies) {
    for (const written of fields) {
      const [, field = '', marks = '', type = '', fallback] = FIELD.exec(written) ?? [];
      const marked = marks === '!' || also[name]?.includes(field);
      const always = marks === '!!' ? 'struct' : marked ? 'empty' : 'no';
      structs.get(name)?.fields.set(field, { type: typeOf(type), always, fallback: fallback ?? null });
    }
  }
  const byKind = new Map(
    lines
      .filter((line) => line.startsWith('@'))
      .map((line) => line.slice(1).split(' '))
      .map(([kind = '', name = '']) => [kind, typeOf(name)]),
  );
  return { byKind, structs };
}
