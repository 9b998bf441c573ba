/**
 * Kubernetes' JSONPath as far as printer columns, scale paths and selectable fields use it: fields, indexes, wildcards, slices,
 * unions, recursive descent, and filters like `[?(@.type=="Ready")]`.
 */
import { isObject } from './object.ts';

type Step = (value: unknown) => unknown[];
export type JsonPath = (root: unknown) => unknown[];

const children = (value: unknown): unknown[] =>
  Array.isArray(value) ? value : isObject(value) ? Object.values(value) : [];

const field =
  (name: string): Step =>
  (value) =>
    isObject(value) && Object.hasOwn(value, name) ? [value[name]] : [];

const deep: Step = (value) => [value, ...children(value).flatMap(deep)];

function index(text: string): Step {
  const [from, to, step] = text.split(':');
  if (to === undefined) {
    const at = Number(from);
    return (value) => (Array.isArray(value) ? value.slice(at, at === -1 ? undefined : at + 1) : []);
  }
  const every = Number(step || 1);
  return (value) =>
    Array.isArray(value)
      ? value.slice(Number(from || 0), to === '' ? undefined : Number(to)).filter((_one, at) => at % every === 0)
      : [];
}

type Operand = (element: unknown, root: unknown) => unknown;

function operand(text: string): Operand {
  const trimmed = text.trim();
  if (/^(["']).*\1$/s.test(trimmed)) {
    const literal = trimmed.slice(1, -1);
    return () => literal;
  }
  if (trimmed.startsWith('@') || trimmed.startsWith('$')) {
    const path = jsonPath(trimmed.slice(1));
    return trimmed.startsWith('@') ? (element) => path(element)[0] : (_element, root) => path(root)[0];
  }
  const literal: unknown = trimmed === 'true' ? true : trimmed === 'false' ? false : Number(trimmed);
  return () => literal;
}

function compare(operator: string, left: unknown, right: unknown): boolean {
  if (operator === '==') return left === right;
  if (operator === '!=') return left !== right;
  if (
    (typeof left !== 'number' || typeof right !== 'number') &&
    (typeof left !== 'string' || typeof right !== 'string')
  )
    return false;
  if (operator === '<') return left < right;
  if (operator === '<=') return left <= right;
  return operator === '>' ? left > right : left >= right;
}

function filter(text: string): Step {
  const match = /^(.*?)\s*(==|!=|<=|>=|<|>)\s*(.*)$/s.exec(text);
  if (match === null) {
    const exists = operandPath(text);
    return (value) => children(value).filter((one) => exists(one).length > 0);
  }
  const left = operand(match[1]!);
  const right = operand(match[3]!);
  return (value) => children(value).filter((one) => compare(match[2]!, left(one, value), right(one, value)));
}

function operandPath(text: string): JsonPath {
  return jsonPath(text.trim().replace(/^[@$]/, ''));
}

function bracket(text: string): Step {
  const trimmed = text.trim();
  if (trimmed === '*') return children;
  if (trimmed.startsWith('?(') && trimmed.endsWith(')')) return filter(trimmed.slice(2, -1));
  if (/^-?\d*(:-?\d*){0,2}$/.test(trimmed)) return index(trimmed);
  const steps = trimmed.split(',').map((part) => {
    const one = part.trim();
    return /^(["']).*\1$/.test(one) ? field(one.slice(1, -1)) : index(one);
  });
  return (value) => steps.flatMap((step) => step(value));
}

/** The end of a bracket that opens at `from`, past quoted text. */
function closing(text: string, from: number): number {
  let depth = 0;
  let quote = '';
  for (let at = from; at < text.length; at += 1) {
    const one = text[at]!;
    if (quote !== '') {
      if (one === quote) quote = '';
    } else if (one === '"' || one === "'") quote = one;
    else if (one === '[') depth += 1;
    else if (one === ']') {
      depth -= 1;
      if (depth === 0) return at;
    }
  }
  return -1;
}

/** Throws SyntaxError for what it does not understand. The path gives all values found, none where nothing is. */
export function jsonPath(path: string): JsonPath {
  const text = path.startsWith('{') && path.endsWith('}') ? path.slice(1, -1) : path;
  const steps: Step[] = [];
  let at = text.startsWith('$') ? 1 : 0;
  while (at < text.length) {
    if (text.startsWith('..', at)) {
      steps.push(deep);
      at += text[at + 2] === '[' ? 2 : 1;
    } else if (text[at] === '[') {
      const end = closing(text, at);
      if (end < 0) throw new SyntaxError('unterminated array');
      steps.push(bracket(text.slice(at + 1, end)));
      at = end + 1;
    } else if (text[at] === '.') {
      const name = /^\.((?:\\.|[^.[\\])*)/.exec(text.slice(at))!;
      at += name[0].length;
      const plain = name[1]!.replaceAll(/\\(.)/g, '$1');
      if (plain === '*') steps.push(children);
      else if (plain !== '') steps.push(field(plain));
      else if (text[at] === '.') at += 0;
    } else throw new SyntaxError(`unrecognized character in path: ${text[at]}`);
  }
  return (root) => steps.reduce<unknown[]>((values, step) => values.flatMap(step), [root]);
}
