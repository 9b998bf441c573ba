/**
 * Macros that the library lacks and Kubernetes has: `optMap`, `optFlatMap`, `existsOne`, and the comprehensions over index (or
 * key) and value. They follow the library's own shape of a macro: the iteration variables live in a context of their own.
 */
import { type ASTNode, type Environment, Optional, type TypeDeclaration } from '@marcbachmann/cel-js';

type Scope = {
  forkWithVariable(name: string, type: TypeDeclaration): Scope;
  reuse(parent: Scope): Scope;
  setIterValue(value: unknown, evaluator: Evaluator): Scope;
};
type Checker = {
  check(node: ASTNode, scope: Scope): TypeDeclaration;
  getType(name: string): TypeDeclaration;
  createError(code: string, message: string, node: ASTNode): Error;
};
type Evaluator = { run(node: ASTNode, scope: Scope): unknown };
type MacroCall = { readonly args: readonly ASTNode[]; readonly receiver: ASTNode };

/** What an expression inside the macro means for given values of its variables. */
type Run = (...values: unknown[]) => unknown;
type Meaning = (receiver: unknown, run: readonly Run[]) => unknown;

/** @param variables how many leading arguments are names; what follows are expressions that see them */
function macro(returns: string, variables: number, meaning: Meaning) {
  return ({ args, receiver }: MacroCall) => {
    const names = args.slice(0, variables).map((arg) => (arg.op === 'id' ? arg.args : null));
    const bodies = args.slice(variables);
    let scopes: Scope[] = [];
    return {
      typeCheck(checker: Checker, _macro: unknown, scope: Scope) {
        checker.check(receiver, scope);
        scopes = [];
        let inner = scope;
        for (const [index, name] of names.entries()) {
          if (name === null)
            throw checker.createError('invalid_macro_argument', 'argument must be a simple name', args[index]!);
          inner = inner.forkWithVariable(name, checker.getType('dyn'));
          scopes.push(inner);
        }
        for (const body of bodies) checker.check(body, inner);
        return checker.getType(returns);
      },
      evaluate(evaluator: Evaluator, _macro: unknown, scope: Scope) {
        const run = bodies.map((body) => (...values: unknown[]) => {
          let inner = scope;
          for (const [index, one] of scopes.entries()) inner = one.reuse(inner).setIterValue(values[index], evaluator);
          return evaluator.run(body, inner);
        });
        return meaning(evaluator.run(receiver, scope), run);
      },
    };
  };
}

function pairs(collection: unknown): [unknown, unknown][] {
  if (Array.isArray(collection)) return collection.map((value, index) => [BigInt(index), value]);
  if (collection instanceof Map) return [...collection];
  if (typeof collection === 'object' && collection !== null) return Object.entries(collection);
  throw new Error('no such overload');
}

const optional = (value: unknown): Optional => {
  if (value instanceof Optional) return value;
  throw new Error('no such overload');
};

const existsOne: Meaning = (receiver, [test]) =>
  pairs(receiver).filter(([key, value]) => test!(key, value) === true).length === 1;

export function registerMacros(env: Environment): void {
  env
    .registerFunction(
      'dyn.optMap(ast, ast): dyn',
      macro('dyn', 1, (receiver, [body]) => {
        const given = optional(receiver);
        return given.hasValue() ? Optional.of(body!(given.value())) : given;
      }),
    )
    .registerFunction(
      'dyn.optFlatMap(ast, ast): dyn',
      macro('dyn', 1, (receiver, [body]) => {
        const given = optional(receiver);
        return given.hasValue() ? optional(body!(given.value())) : given;
      }),
    )
    .registerFunction(
      'list.existsOne(ast, ast): bool',
      macro('bool', 1, (receiver, [test]) => {
        const elements = Array.isArray(receiver) ? receiver : pairs(receiver).map(([key]) => key);
        return elements.filter((one) => test!(one) === true).length === 1;
      }),
    )
    .registerFunction(
      'list.all(ast, ast, ast): bool',
      macro('bool', 2, (receiver, [test]) => pairs(receiver).every(([key, value]) => test!(key, value) === true)),
    )
    .registerFunction(
      'list.exists(ast, ast, ast): bool',
      macro('bool', 2, (receiver, [test]) => pairs(receiver).some(([key, value]) => test!(key, value) === true)),
    )
    .registerFunction('list.existsOne(ast, ast, ast): bool', macro('bool', 2, existsOne))
    .registerFunction(
      'list.transformList(ast, ast, ast): list',
      macro('list', 2, (receiver, [body]) => pairs(receiver).map(([key, value]) => body!(key, value))),
    )
    .registerFunction(
      'list.transformList(ast, ast, ast, ast): list',
      macro('list', 2, (receiver, [test, body]) =>
        pairs(receiver)
          .filter(([key, value]) => test!(key, value) === true)
          .map(([key, value]) => body!(key, value)),
      ),
    )
    .registerFunction(
      'list.transformMap(ast, ast, ast): map',
      macro('map', 2, (receiver, [body]) => new Map(pairs(receiver).map(([key, value]) => [key, body!(key, value)]))),
    )
    .registerFunction(
      'list.transformMap(ast, ast, ast, ast): map',
      macro('map', 2, (receiver, [test, body]) => {
        const kept = pairs(receiver).filter(([key, value]) => test!(key, value) === true);
        return new Map(kept.map(([key, value]) => [key, body!(key, value)]));
      }),
    );
}
