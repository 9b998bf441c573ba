/**
 * Kubernetes' CEL: an expression is compiled once, with the names it may use, and run with their values. The language is
 * @marcbachmann/cel-js; this room adds what Kubernetes adds to it, JSON's integers as int64, and cel-go's words for errors.
 *
 *   const rule = compileCel('self.replicas <= params.max', ['self', 'params'], 'bool');
 *   rule.run({ self: { replicas: 3 }, params: { max: 5 } }) === true
 */
import {
  type ASTNode,
  Environment,
  EvaluationError,
  Optional,
  ParseError,
  TypeError as TypeCheckError,
} from '@marcbachmann/cel-js';
import { registerAuthorizer } from './authorizer.ts';
import { CelError } from './errors.ts';
import { registerListsAndStrings } from './lists-and-strings.ts';
import { registerMacros } from './macros.ts';
import { registerNetwork } from './network.ts';
import { registerQuantity } from './quantity.ts';
import { fromCel, toCel } from './value.ts';

/** Names that an expression may use: a list (all `dyn`), or name → CEL type (`dyn`, `optional<dyn>`, `map`, AUTHORIZER …). */
export type CelVariables = readonly string[] | Readonly<Record<string, string>>;

export type Selection = { readonly path: readonly string[]; readonly offset: number };

export type CelProgram = {
  readonly expression: string;
  /** the declared names that the expression uses */
  readonly uses: ReadonlySet<string>;
  /** each `name.field.field` of the expression, with where its last field's dot stands */
  readonly selections: readonly Selection[];
  /**
   * Values are JSON, `lazyMap`s, or values of this room. A name whose type is optional may be missing. Returns JSON.
   * Throws CelError `cel-run`.
   */
  run(values: Readonly<Record<string, unknown>>): unknown;
};

const BASE = new Environment({ enableOptionalTypes: true, homogeneousAggregateLiterals: false });
for (const register of [
  registerQuantity,
  registerListsAndStrings,
  registerNetwork,
  registerMacros,
  registerAuthorizer,
]) {
  register(BASE);
}

/** RE2 allows flags before a whole pattern, JavaScript only around a part: `(?i)ab` → `(?i:ab)`. */
const FLAGGED_MATCHES = /\.matches\(\s*(r?)(["'])\(\?([ims]+)\)((?:(?!\2)[^\\]|\\.)*)\2\s*\)/g;

const environments = new Map<string, Environment>();

/** Making an environment costs more than compiling an expression, and few sets of names occur. */
function environmentOf(variables: Readonly<Record<string, string>>): Environment {
  const signature = JSON.stringify(variables);
  let env = environments.get(signature);
  if (env === undefined) {
    env = BASE.clone();
    for (const [name, type] of Object.entries(variables)) env.registerVariable(name, type);
    environments.set(signature, env);
  }
  return env;
}

/** The names in an expression, also those that macros bind. */
function namesIn(node: unknown, found: Set<string>): Set<string> {
  if (Array.isArray(node)) for (const child of node) namesIn(child, found);
  else if (typeof node === 'object' && node !== null && 'op' in node && 'args' in node) {
    const { op, args } = node as ASTNode;
    if (op === 'id') found.add(args);
    else namesIn(args, found);
  }
  return found;
}

/** `name.field.field` as its names; null for anything else */
function selected(node: ASTNode): string[] | null {
  if (node.op === 'id') return [node.args];
  if (node.op !== '.') return null;
  const parent = selected(node.args[0]);
  return parent === null ? null : [...parent, node.args[1]];
}

function selectionsIn(node: unknown, found: Selection[]): Selection[] {
  if (Array.isArray(node)) for (const child of node) selectionsIn(child, found);
  else if (typeof node === 'object' && node !== null && 'op' in node && 'args' in node) {
    const one = node as ASTNode;
    const path = one.op === '.' ? selected(one) : null;
    if (path !== null && one.op === '.') found.push({ path, offset: one.args[0].end });
    if (one.op !== 'id') selectionsIn(one.args, found);
  }
  return found;
}

function summaryOf(error: unknown): string {
  if (error instanceof ParseError || error instanceof TypeCheckError || error instanceof EvaluationError) {
    const { summary, code } = error;
    if (code === 'no_such_key') return summary.replace(/^No such key: /, 'no such key: ');
    if (code === 'unknown_variable')
      return `undeclared reference to '${summary.replace(/^Unknown variable: /, '')}' (in container '')`;
    if (error instanceof ParseError) return `Syntax error: ${summary}`;
    return summary;
  }
  return error instanceof Error ? error.message : String(error);
}

/** `ERROR: <input>:1:3: …` with the line and a caret, as cel-go prints it. */
function located(expression: string, error: unknown): string {
  const start = error instanceof ParseError || error instanceof TypeCheckError ? (error.range?.start ?? 0) : 0;
  return compileMessage(expression, start, summaryOf(error));
}

/** What cel-go says of a fault at an offset of an expression. */
export function compileMessage(expression: string, start: number, what: string): string {
  const before = expression.slice(0, start).split('\n');
  const column = before.at(-1)!.length;
  const line = expression.split('\n')[before.length - 1] ?? '';
  return `compilation failed: ERROR: <input>:${before.length}:${column + 1}: ${what}\n | ${line}\n | ${'.'.repeat(column)}^`;
}

/** @param result what the expression must give. Throws CelError `cel-compile`. */
export function compileCel(
  expression: string,
  variables: CelVariables,
  result: 'bool' | 'string' | 'any' = 'any',
): CelProgram {
  const declared = Array.isArray(variables)
    ? Object.fromEntries((variables as readonly string[]).map((name) => [name, 'dyn']))
    : (variables as Readonly<Record<string, string>>);
  const fail = (error: unknown) => new CelError('cel-compile', located(expression, error), error);
  let parsed: ReturnType<Environment['parse']>;
  try {
    parsed = environmentOf(declared).parse(expression.replaceAll(FLAGGED_MATCHES, '.matches($1$2(?$3:$4)$2)'));
  } catch (error) {
    throw fail(error);
  }
  const { valid, type = 'dyn', error } = parsed.check();
  if (!valid) throw fail(error);
  if (result !== 'any' && type !== result && !type.startsWith('dyn'))
    throw new CelError('cel-compile', `must evaluate to ${result}`);
  const used = namesIn(parsed.ast, new Set());
  const names = Object.keys(declared).filter((name) => used.has(name));
  const optional = new Set(names.filter((name) => declared[name]!.startsWith('optional')));
  return {
    expression,
    uses: new Set(names),
    selections: selectionsIn(parsed.ast, []),
    run(values) {
      const context: Record<string, unknown> = {};
      for (const name of names) {
        const value = toCel(values[name]);
        context[name] = optional.has(name) && !(value instanceof Optional) ? Optional.of(value) : value;
      }
      let answer: unknown;
      try {
        answer = fromCel(parsed(context));
      } catch (failed) {
        if (failed instanceof CelError) throw failed;
        throw new CelError('cel-run', summaryOf(failed), failed);
      }
      if (result !== 'any' && typeof answer !== (result === 'bool' ? 'boolean' : 'string'))
        throw new CelError('cel-run', `expression '${expression}' resulted in other than ${result}`);
      return answer;
    },
  };
}
