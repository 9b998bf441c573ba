/** `matchConditions`: CEL expressions that all must hold for a configuration to look at a request. */
import { AUTHORIZER } from '../../cel/authorizer.ts';
import { type CelProgram, compileCel } from '../../cel/cel.ts';
import { CelError } from '../../cel/errors.ts';
import { arrayAt, textAt } from '../object.ts';

export const REQUEST_VARIABLES = {
  object: 'dyn',
  oldObject: 'dyn',
  request: 'dyn',
  authorizer: AUTHORIZER,
} as const;

export type Condition = { readonly name: string; readonly program: CelProgram };

/** Throws CelError. */
export function readConditions(parent: unknown): Condition[] {
  return arrayAt(parent, 'matchConditions').map((one) => ({
    name: textAt(one, 'name'),
    program: compileCel(textAt(one, 'expression'), REQUEST_VARIABLES, 'bool'),
  }));
}

/** A condition that is false wins over one that fails. `error` is the text of the first failure. */
export function conditionsHold(
  conditions: readonly Condition[],
  values: Readonly<Record<string, unknown>>,
): { readonly hold: boolean; readonly error: string | null } {
  let error: string | null = null;
  for (const { name, program } of conditions) {
    try {
      if (program.run(values) === false) return { hold: false, error: null };
    } catch (failed) {
      if (!(failed instanceof CelError)) throw failed;
      error ??= `matchCondition "${name}": expression '${program.expression}' resulted in error: ${failed.message}`;
    }
  }
  return { hold: error === null, error };
}
