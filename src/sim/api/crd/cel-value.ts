/** A custom object as its CEL rules see it: the schema decides between int and double, names are escaped, times are times. */
import { evaluate } from '@marcbachmann/cel-js';
import { markReady, toCel } from '../../cel/value.ts';
import { isObject, textAt } from '../object.ts';
import { fieldSchema, isMap, itemSchema, type Schema, typeOf } from './schema.ts';

const RESERVED = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
);

/** A field's name as an identifier of CEL. */
export function escapedName(name: string): string {
  if (RESERVED.has(name)) return `__${name}__`;
  if (!/__|[.\-/]/.test(name)) return name;
  return name
    .replaceAll('__', '__underscores__')
    .replaceAll('.', '__dot__')
    .replaceAll('-', '__dash__')
    .replaceAll('/', '__slash__');
}

function textValue(text: string, format: string): unknown {
  try {
    if (format === 'date-time' || format === 'datetime' || format === 'date') {
      const time = new Date(text);
      return Number.isNaN(time.getTime()) ? text : time;
    }
    if (format === 'duration') return evaluate('duration(text)', { text });
    if (format === 'byte') return new Uint8Array(Buffer.from(text, 'base64'));
  } catch {
    // not of that format: the schema's own check says so
  }
  return text;
}

export function celValue(value: unknown, schema: Schema | null): unknown {
  if (schema === null) return toCel(value);
  if (typeof value === 'number') return typeOf(schema) === 'number' ? value : toCel(value);
  if (typeof value === 'string') return textValue(value, textAt(schema, 'format'));
  if (Array.isArray(value)) {
    const items = itemSchema(schema);
    return markReady(value.map((one) => celValue(one, items)));
  }
  if (!isObject(value)) return value;
  const map: Record<string, unknown> = {};
  const escapes = !isMap(schema);
  for (const [name, child] of Object.entries(value)) {
    const translated = celValue(child, fieldSchema(schema, name));
    map[name] = translated;
    if (escapes) map[escapedName(name)] = translated;
  }
  return markReady(map);
}
