import { describe, expect, it } from 'vitest';
import { printable } from './printable.ts';

describe('printable', () => {
  it.each([
    ['plain text stays', 'A100 80GB, größer als 大', 'A100 80GB, größer als 大'],
    ['an emoji stays', '🙂', '🙂'],
    ['a line break', 'a\nb', 'a\\u000ab'],
    ['an escape sequence', '\u001b[31m', '\\u001b[31m'],
    ['a C1 control', '\u009b31m', '\\u009b31m'],
    ['a turn of direction', '\u202eexe', '\\u202eexe'],
    ['a zero-width joiner', 'a\u200db', 'a\\u200db'],
    ['an unseen one outside the basic plane', '\u{e0041}', '\\udb40\\udc41'],
  ])('%s', (_, text, expected) => expect(printable(text)).toBe(expected));
});
