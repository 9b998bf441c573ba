import { describe, expect, it } from 'vitest';
import { AUTHORIZER, authorizer } from './authorizer.ts';
import { compileCel } from './cel.ts';
import { CelError } from './errors.ts';
import { lazyMap } from './value.ts';

const self = {
  n: 3,
  f: 1.5,
  s: 'abc',
  list: [3, 1, 2],
  names: ['b', 'a'],
  labels: { app: 'x', tier: 'y' },
  nothing: null,
  namespace: 'home',
  q: '100Mi',
};
const run = (expression: string) => compileCel(expression, ['self']).run({ self });

describe('expressions over JSON', () => {
  it.each([
    ['self.n + 1 == 4', true],
    ['self.n / 2', 1],
    ['self.f < 2', true],
    ['self.n == 3.0', true],
    ['type(self.n) == int', true],
    ['self.namespace', 'home'],
    ['has(self.missing)', false],
    ['self.?missing.?deeper.orValue("none")', 'none'],
    ['self.?n.optMap(x, x * 2).orValue(0)', 6],
    ['self.?missing.optMap(x, x * 2).orValue(0)', 0],
    ['self.?labels.optFlatMap(l, l.?app).orValue("")', 'x'],
    ['self.list[?7].orValue(9)', 9],
    ['self.nothing == null', true],
    ['self.list.all(x, x > 0) && self.list.exists(x, x == 2)', true],
    ['self.list.map(x, x * 2)', [6, 2, 4]],
    ['self.list.filter(x, x > 1).size()', 2],
    ['self.list.existsOne(x, x > 2)', true],
    ['self.list.all(i, x, x >= i - 3)', true],
    ['self.labels.all(k, v, k != v)', true],
    ['self.labels.exists(k, k == "app")', true],
    ['self.labels.transformList(k, v, k + "=" + v)', ['app=x', 'tier=y']],
    ['"app" in self.labels && 3 in self.list', true],
    ['self.list.sum() == 6 && self.list.max() == 3 && self.list.min() == 1', true],
    ['self.names.isSorted() || self.names.indexOf("a") == 1', true],
    ['sets.contains(self.list, [1, 2]) && sets.intersects([1], self.list)', true],
    ['self.s.matches("^a.c$") && self.s.find("b.") == "bc"', true],
    ['self.s.matches("(?i)^A.C$")', true],
    ['"a-b-c".findAll("[a-z]")', ['a', 'b', 'c']],
    ['"%s has %d of %s".format([self.s, self.n, self.list])', 'abc has 3 of [3, 1, 2]'],
    ['self.s.charAt(1) + self.s.replace("a", "z")', 'bzbc'],
    ['"ab1".find("[[:digit:]]+") + "ä-".find("\\\\pL")', '1ä'],
    ['dyn(self.n) == 3', true],
    ['duration("90m") > duration("1h")', true],
    ['timestamp("2026-01-01T00:00:00Z") < timestamp("2026-01-02T00:00:00Z")', true],
    ['quantity(self.q).isGreaterThan(quantity("99Mi"))', true],
    ['quantity("1.5").add(quantity("500m")).asInteger()', 2],
    ['quantity("1Gi").compareTo(quantity("1024Mi")) == 0 && quantity("1k") == quantity("1000")', true],
    ['quantity("-5").sign() == -1 && !isQuantity("5x") && !quantity("0.5").isInteger()', true],
    ['quantity("2k").sub(1000).asInteger()', 1000],
    ['url("https://example.org:80/x?a=1").getHostname()', 'example.org'],
    ['isURL("nope") || isIP("10.0.0.300")', false],
    ['ip("127.0.0.1").isLoopback() && cidr("10.0.0.0/8").containsIP("10.1.2.3")', true],
    ['cel.bind(twice, self.n * 2, twice + 1)', 7],
  ])('%s', (expression, expected) => {
    expect(run(expression)).toEqual(expected);
  });
});

describe('errors', () => {
  it.each([
    ['nobody.x', "undeclared reference to 'nobody'"],
    ['1 + "x"', 'no such overload'],
    ['self.n >', 'Syntax error'],
    ['frobnicate(self)', 'found no matching overload'],
  ])('%s does not compile', (expression, words) => {
    expect(() => compileCel(expression, ['self'])).toThrowError(
      expect.objectContaining({ code: 'cel-compile', message: expect.stringContaining(words) }),
    );
  });

  it('an expression of another type than asked for does not compile', () => {
    expect(() => compileCel('"text"', [], 'bool')).toThrowError('must evaluate to bool');
  });

  it.each([
    ['self.missing', 'no such key: missing'],
    ['1 / (self.n - 3)', 'division by zero'],
    ['self.s + 1', 'no such overload'],
    ['self.list[9]', 'index out of bounds'],
    ['quantity(self.s)', 'quantities must match'],
  ])('%s fails when it runs', (expression, words) => {
    const program = compileCel(expression, ['self']);
    expect(() => program.run({ self })).toThrowError(
      expect.objectContaining({ code: 'cel-run', message: expect.stringContaining(words) }),
    );
  });
});

describe('variables', () => {
  it('an optional name may be missing', () => {
    const rule = compileCel('oldSelf.orValue(0) < self', { self: 'dyn', oldSelf: 'optional<dyn>' }, 'bool');
    expect([rule.run({ self: 1 }), rule.run({ self: 1, oldSelf: 2 })]).toEqual([true, false]);
  });

  it('a lazy entry is made only when it is read, and once', () => {
    let made = 0;
    const variables = lazyMap({
      big: () => {
        made += 1;
        return 5;
      },
      broken: () => {
        throw new CelError('cel-run', 'broken');
      },
    });
    expect(compileCel('variables.big + variables.big', ['variables']).run({ variables })).toBe(10);
    expect(compileCel('true || variables.broken > 0', ['variables']).run({ variables })).toBe(true);
    expect(() => compileCel('variables.broken > 0', ['variables']).run({ variables })).toThrowError('broken');
    expect(made).toBe(1);
  });

  it('an authorizer asks for the user of the request or for a service account', () => {
    const asked: string[] = [];
    const value = authorizer(
      (question) => {
        asked.push(
          `${question.serviceAccount?.name ?? 'me'} ${question.verb} ${question.namespace}/${question.resource}`,
        );
        return { allowed: question.verb === 'get', reason: '' };
      },
      { resource: 'pods', namespace: 'a' },
    );
    const rule = compileCel(
      `authorizer.group('').resource('nodes').check('get').allowed()
        && authorizer.serviceAccount('x', 'robot').group('apps').resource('deployments').namespace('b').check('get').allowed()
        && !authorizer.requestResource.check('delete').allowed()`,
      { authorizer: AUTHORIZER },
      'bool',
    );
    expect(rule.run({ authorizer: value })).toBe(true);
    expect(asked).toEqual(['me get /nodes', 'robot get b/deployments', 'me delete a/pods']);
  });
});
