import { describe, expect, it } from 'vitest';
import { jsonPath } from './json-path.ts';

const root = {
  spec: {
    n: 1,
    'a.b': 'dotted',
    list: [
      { name: 'x', v: 1 },
      { name: 'y', v: 2, on: true },
    ],
  },
  metadata: { labels: { 'example.com/a': 'A' } },
};

describe('paths', () => {
  it.each([
    ['.spec.n', [1]],
    ['{.spec.n}', [1]],
    ['$.spec.n', [1]],
    ['.spec.nothing.deeper', []],
    ['.spec.list[0].name', ['x']],
    ['.spec.list[-1].name', ['y']],
    ['.spec.list[5].name', []],
    ['.spec.list[*].name', ['x', 'y']],
    ['.spec.list[0:1].name', ['x']],
    ['.spec.list[0,1].v', [1, 2]],
    ['.spec.list[?(@.name=="y")].v', [2]],
    ['.spec.list[?(@.name == "y")].v', [2]],
    [".spec.list[?(@.name!='y')].v", [1]],
    ['.spec.list[?(@.v>1)].name', ['y']],
    ['.spec.list[?(@.on==true)].name', ['y']],
    ['.spec.list[?(@.on)].name', ['y']],
    ['.metadata.labels.example\\.com/a', ['A']],
    [".metadata.labels['example.com/a']", ['A']],
    ['.spec["a.b"]', ['dotted']],
    ['..name', ['x', 'y']],
    ['.spec.list[*].constructor', []],
  ])('%s', (path, expected) => {
    expect(jsonPath(path)(root)).toEqual(expected);
  });

  it.each(['spec', '.list[0'])('%s is no path', (path) => {
    expect(() => jsonPath(path)).toThrow(SyntaxError);
  });
});
