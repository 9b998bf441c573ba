/**
 * ValidatingAdmissionPolicies: compiled once per stored version, evaluated per binding. Whatever goes wrong inside an expression
 * counts as the policy's `failurePolicy` says.
 */
import { AUTHORIZER } from '../../cel/authorizer.ts';
import { type CelProgram, compileCel } from '../../cel/cel.ts';
import { CelError } from '../../cel/errors.ts';
import { lazyMap } from '../../cel/value.ts';
import { forbiddenObject } from '../access/gate.ts';
import { ApiError } from '../errors.ts';
import { arrayAt, isObject, type JsonObject, type KubeObject, objectAt, textAt } from '../object.ts';
import type { Store } from '../store.ts';
import { type Condition, conditionsHold, readConditions } from './conditions.ts';
import { constraintsMatch, isExempt } from './matching.ts';
import { nameOf, type Review } from './review.ts';

const VARIABLES = {
  object: 'dyn',
  oldObject: 'dyn',
  request: 'dyn',
  namespaceObject: 'dyn',
  variables: 'dyn',
  authorizer: AUTHORIZER,
} as const;
/** as the API server bounds it */
const LONGEST_MESSAGE = 5 * 1024;

type Validation = {
  readonly program: CelProgram;
  readonly message: string;
  readonly messageProgram: CelProgram | null;
  readonly reason: string;
};

export type Policy = {
  readonly name: string;
  readonly spec: JsonObject;
  readonly conditions: readonly Condition[];
  readonly variables: ReadonlyMap<string, CelProgram>;
  readonly validations: readonly Validation[];
  readonly ignore: boolean;
};

/** Throws CelError. */
export function readPolicy(object: KubeObject): Policy {
  const spec = objectAt(object, 'spec');
  return {
    name: object.metadata.name,
    spec,
    conditions: readConditions(spec),
    variables: new Map(
      arrayAt(spec, 'variables').map((one) => [
        textAt(one, 'name'),
        compileCel(textAt(one, 'expression').trim(), VARIABLES),
      ]),
    ),
    validations: arrayAt(spec, 'validations').map((one) => {
      const messageExpression = textAt(one, 'messageExpression').trim();
      return {
        program: compileCel(textAt(one, 'expression').trim(), VARIABLES, 'bool'),
        message: textAt(one, 'message'),
        messageProgram: messageExpression === '' ? null : compileCel(messageExpression, VARIABLES, 'string'),
        reason: textAt(one, 'reason'),
      };
    }),
    ignore: textAt(spec, 'failurePolicy') === 'Ignore',
  };
}

type Denial = { readonly message: string; readonly reason: string };

/** Throws what the first binding with `Deny` says; `Warn` goes to the warnings of the request. */
export function validate(
  policy: Policy,
  bindings: readonly KubeObject[],
  review: Review,
  store: Store,
  values: () => Readonly<Record<string, unknown>>,
): void {
  if (isExempt(review) || !constraintsMatch(policy.spec.matchConstraints, store, review)) return;
  const concerned = bindings.filter((one) => constraintsMatch(objectAt(one, 'spec').matchResources, store, review));
  if (concerned.length === 0) return;
  const denials = evaluate(policy, values());
  for (const binding of concerned) {
    const actions = arrayAt(objectAt(binding, 'spec'), 'validationActions');
    const by = `ValidatingAdmissionPolicy '${policy.name}' with binding '${binding.metadata.name}'`;
    for (const { message, reason } of denials) {
      if (actions.includes('Deny')) throw refusal(review, `${by} denied request: ${message}`, reason);
      if (actions.includes('Warn')) review.route.context?.warnings.push(`Validation failed for ${by}: ${message}`);
    }
  }
}

function evaluate(policy: Policy, values: Readonly<Record<string, unknown>>): Denial[] {
  const failed = (message: string): Denial[] => (policy.ignore ? [] : [{ message, reason: '' }]);
  if (isObject(policy.spec.paramKind)) return failed('failed to configure policy: paramKind is not supported here');
  const { hold, error } = conditionsHold(policy.conditions, values);
  if (error !== null) return failed(error);
  if (!hold) return [];
  const scope: Record<string, unknown> = { ...values };
  scope.variables = lazyMap(
    Object.fromEntries([...policy.variables].map(([name, program]) => [name, () => program.run(scope)])),
  );
  return policy.validations.flatMap((validation): Denial[] => {
    const { program, reason } = validation;
    try {
      return program.run(scope) === true ? [] : [{ message: messageOf(validation, scope), reason }];
    } catch (error) {
      if (!(error instanceof CelError)) throw error;
      return failed(`expression '${program.expression}' resulted in error: ${error.message}`);
    }
  });
}

function messageOf({ message, messageProgram, program }: Validation, scope: Readonly<Record<string, unknown>>): string {
  const otherwise = message.trim() || `failed expression: ${program.expression}`;
  if (messageProgram === null) return otherwise;
  try {
    const text = String(messageProgram.run(scope)).trim();
    return text === '' || text.includes('\n') || text.length > LONGEST_MESSAGE ? otherwise : text;
  } catch (error) {
    if (!(error instanceof CelError)) throw error;
    return otherwise;
  }
}

const CODES: Readonly<Record<string, number>> = { Unauthorized: 401, Forbidden: 403, RequestEntityTooLarge: 413 };

function refusal(review: Review, message: string, given: string): ApiError {
  const { group, plural } = review.route.resource;
  const plain = forbiddenObject(group, plural, nameOf(review), message);
  const reason = given === '' ? 'Invalid' : given;
  return ApiError.of({
    code: CODES[reason] ?? 422,
    reason,
    message: plain.message,
    details: { ...plain.details, causes: [{ message }] },
  });
}
