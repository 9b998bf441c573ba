import { describe, expect, it } from 'vitest';
import { parseObject } from './json.ts';

const many = '['.repeat(2000);

describe('a body with many brackets', () => {
  it.each([
    ['in a text', `{"a":"${many}"}`],
    ['behind an escaped quote in a text', `{"a":"\\"${many}"}`],
    ['behind an escaped backslash and an escaped quote', `{"a":"\\\\\\"${many}"}`],
    ['side by side', `{"a":[${'{"b":[]},'.repeat(2000)}{}]}`],
  ])('is read where they are %s', (_, text) => {
    expect(parseObject(Buffer.from(text))).toEqual(JSON.parse(text));
  });

  it.each([
    ['at the end', `{"a":${many}`],
    ['behind a text that ends in a backslash', `{"a":"\\\\","b":${many}`],
    ['behind a text with brackets that close', `{"a":"${']'.repeat(2000)}","b":${many}`],
  ])('is refused where they nest %s', (_, text) => {
    expect(() => parseObject(Buffer.from(text))).toThrow('nested deeper');
  });
});
