/**
 * `x-kubernetes-validations` of a schema: compiled once per definition, run per write. A rule that names `oldSelf` is a
 * transition rule: it runs only where the old object has a value at the same place.
 */
import { isDeepStrictEqual } from 'node:util';
import { type CelProgram, compileCel, compileMessage } from '../../cel/cel.ts';
import { CelError } from '../../cel/errors.ts';
import { Translated } from '../../cel/value.ts';
import type { StatusCause } from '../errors.ts';
import { goJson, required } from '../faults.ts';
import { arrayAt, isObject, textAt } from '../object.ts';
import { celValue, escapedName } from './cel-value.ts';
import {
  fieldPath,
  fieldSchema,
  isMap,
  itemSchema,
  keepsUnknown,
  LIST_KEYS,
  LIST_TYPE,
  propertiesOf,
  RULES,
  type Schema,
  typeOf,
} from './schema.ts';

type Rule = {
  readonly program: CelProgram;
  readonly message: CelProgram | null;
  readonly text: string;
  readonly reason: string;
  /** '' or `.replicas` */
  readonly fieldPath: string;
  readonly transition: boolean;
  readonly optionalOld: boolean;
};

/** The parts of a schema that have rules; null where there are none at and below. */
export type RuleTree = {
  readonly schema: Schema;
  readonly rules: readonly Rule[];
  readonly properties: ReadonlyMap<string, RuleTree>;
  readonly values: RuleTree | null;
  readonly items: RuleTree | null;
};

/** @param faults gets what does not compile; then the tree is of no use. @param path of the schema within the definition */
export function compileRules(schema: Schema, path: string, faults: StatusCause[]): RuleTree | null {
  const rules = arrayAt(schema, RULES).flatMap((given, index) => {
    const rule = compileRule(given, schema, `${path}.${RULES}[${index}]`, faults);
    return rule === null ? [] : [rule];
  });
  const properties = new Map<string, RuleTree>();
  for (const [name, one] of propertiesOf(schema)) {
    const tree = compileRules(one, `${path}.properties[${name}]`, faults);
    if (tree !== null) properties.set(name, tree);
  }
  const { additionalProperties } = schema;
  const values = isObject(additionalProperties)
    ? compileRules(additionalProperties, `${path}.additionalProperties`, faults)
    : null;
  const itemsSchema = itemSchema(schema);
  const items = itemsSchema === null ? null : compileRules(itemsSchema, `${path}.items`, faults);
  if (rules.length === 0 && properties.size === 0 && values === null && items === null) return null;
  return { schema, rules, properties, values, items };
}

function compileRule(given: unknown, schema: Schema, path: string, faults: StatusCause[]): Rule | null {
  const rule = textAt(given, 'rule');
  if (rule.trim() === '') {
    faults.push(required(`${path}.rule`, 'rule is not specified'));
    return null;
  }
  const optionalOld = isObject(given) && given.optionalOldSelf === true;
  const variables = { self: 'dyn', oldSelf: optionalOld ? 'optional<dyn>' : 'dyn' };
  const compile = (expression: string, field: string, result: 'bool' | 'string'): CelProgram | null => {
    try {
      const program = compileCel(expression, variables, result);
      for (const { path: selection, offset } of program.selections) {
        if (isUndefinedField(selection, schema))
          throw new CelError(
            'cel-compile',
            compileMessage(expression, offset, `undefined field '${selection.at(-1)}'`),
          );
      }
      return program;
    } catch (error) {
      if (!(error instanceof CelError)) throw error;
      const why = error.message.startsWith('must evaluate')
        ? `cel expression must evaluate to a ${result}`
        : error.message;
      faults.push({
        reason: 'FieldValueInvalid',
        message: `Invalid value: ${goJson(goRule(given))}: ${why}`,
        field: `${path}.${field}`,
      });
      return null;
    }
  };
  const program = compile(rule, 'rule', 'bool');
  const messageExpression = textAt(given, 'messageExpression');
  const message = messageExpression === '' ? null : compile(messageExpression, 'messageExpression', 'string');
  if (program === null) return null;
  return {
    program,
    message,
    text: textAt(given, 'message').trim() || `failed rule: ${rule.trim()}`,
    reason: textAt(given, 'reason') || 'FieldValueInvalid',
    fieldPath: textAt(given, 'fieldPath').replaceAll(/\['([^']*)'\]/g, '.$1'),
    transition: program.uses.has('oldSelf'),
    optionalOld,
  };
}

/** The value that the API server prints: its own struct, with its own field names. */
function goRule(given: unknown): object {
  const {
    rule,
    message = '',
    messageExpression = '',
    reason = null,
    fieldPath: field = '',
    optionalOldSelf = null,
  } = isObject(given) ? given : {};
  return {
    Rule: rule,
    Message: message,
    MessageExpression: messageExpression,
    Reason: reason,
    FieldPath: field,
    OptionalOldSelf: optionalOldSelf,
  };
}

/** Whether `self.a.b` names a field that the schema excludes. */
function isUndefinedField([root, ...fields]: readonly string[], schema: Schema): boolean {
  if (root !== 'self' && root !== 'oldSelf') return false;
  let at: Schema = schema;
  for (const [index, name] of fields.entries()) {
    if (typeOf(at) !== 'object' || keepsUnknown(at)) return false;
    const original = propertiesOf(at).find(([own]) => escapedName(own) === name)?.[0] ?? name;
    const next = fieldSchema(at, original);
    if (next === null) return index === fields.length - 1 && !['apiVersion', 'kind', 'metadata'].includes(name);
    at = next;
  }
  return false;
}

export function ruleFaults(tree: RuleTree | null, value: unknown, old: unknown, path: string): StatusCause[] {
  if (tree === null || value === undefined || value === null) return [];
  const faults: StatusCause[] = [];
  const unchanged = old !== undefined && isDeepStrictEqual(value, old);
  const self = tree.rules.length > 0 ? new Translated(celValue(value, tree.schema)) : null;
  for (const rule of tree.rules) {
    if (rule.transition && old === undefined && !rule.optionalOld) continue;
    if (!rule.transition && unchanged) continue;
    const values = { self, oldSelf: old === undefined ? undefined : new Translated(celValue(old, tree.schema)) };
    try {
      if (rule.program.run(values) !== true) faults.push(failed(rule, value, values, path));
    } catch (error) {
      if (!(error instanceof CelError)) throw error;
      const why = `${error.message} evaluating rule: ${rule.program.expression}`;
      const message = `Invalid value: ${JSON.stringify(typeOf(tree.schema))}: ${why}`;
      faults.push({ reason: 'FieldValueInvalid', message, field: path });
    }
  }
  if (Array.isArray(value)) {
    if (tree.items !== null) {
      for (const [index, one] of value.entries())
        faults.push(...ruleFaults(tree.items, one, oldItem(tree.schema, one, old), `${path}[${index}]`));
    }
  } else if (isObject(value)) {
    for (const [name, child] of Object.entries(value)) {
      const below = tree.properties.get(name) ?? (isMap(tree.schema) ? tree.values : null);
      faults.push(...ruleFaults(below, child, isObject(old) ? old[name] : undefined, fieldPath(path, name)));
    }
  }
  return faults;
}

/** The old element that an element of a list with keys continues; of other lists nobody knows. */
function oldItem(schema: Schema, item: unknown, old: unknown): unknown {
  if (textAt(schema, LIST_TYPE) !== 'map' || !Array.isArray(old) || !isObject(item)) return undefined;
  const keys = arrayAt(schema, LIST_KEYS).filter((key) => typeof key === 'string');
  return old.find((one) => isObject(one) && keys.every((key) => isDeepStrictEqual(one[key], item[key])));
}

function failed(rule: Rule, value: unknown, values: Readonly<Record<string, unknown>>, path: string): StatusCause {
  let text = rule.text;
  if (rule.message !== null) {
    try {
      const made = rule.message.run(values);
      if (typeof made === 'string' && made.trim() !== '' && !made.includes('\n')) text = made.trim();
    } catch (error) {
      // as in Kubernetes: a message that cannot be made falls back to the plain one
      if (!(error instanceof CelError)) throw error;
    }
  }
  const field = rule.fieldPath === '' ? path : `${path}${rule.fieldPath}`.replace(/^\./, '');
  const shown = typeof value === 'object' ? '' : `${goJson(value)}: `;
  if (rule.reason === 'FieldValueForbidden') return { reason: rule.reason, message: `Forbidden: ${text}`, field };
  if (rule.reason === 'FieldValueRequired') return { reason: rule.reason, message: `Required value: ${text}`, field };
  if (rule.reason === 'FieldValueDuplicate') return { reason: rule.reason, message: `Duplicate value: ${text}`, field };
  return { reason: 'FieldValueInvalid', message: `Invalid value: ${shown}${text}`, field };
}
