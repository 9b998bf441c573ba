/** What is wrong with an object, in the words of the real API server: `field: Invalid value: …` and a cause with its reason. */
import { ApiError, type StatusCause } from './errors.ts';
import type { Resource } from './resources.ts';

/** Go writes `<`, `>` and `&` of a JSON text as escapes. */
export function goJson(value: unknown): string {
  return JSON.stringify(value ?? null).replace(/[<>&]/g, (one) => `\\u00${one.charCodeAt(0).toString(16)}`);
}

const shown = (value: unknown) => (typeof value === 'string' ? JSON.stringify(value) : goJson(value));

export function invalidValue(field: string, value: unknown, why: string): StatusCause {
  return { reason: 'FieldValueInvalid', message: `Invalid value: ${shown(value)}: ${why}`, field };
}

export function required(field: string, why = ''): StatusCause {
  return { reason: 'FieldValueRequired', message: `Required value${why === '' ? '' : `: ${why}`}`, field };
}

export function forbidden(field: string, why: string): StatusCause {
  return { reason: 'FieldValueForbidden', message: `Forbidden: ${why}`, field };
}

export function unsupported(field: string, value: unknown, supported: readonly unknown[]): StatusCause {
  return {
    reason: 'FieldValueNotSupported',
    message: `Unsupported value: ${shown(value)}: supported values: ${supported.map(shown).join(', ')}`,
    field,
  };
}

export function duplicate(field: string, value: unknown): StatusCause {
  return { reason: 'FieldValueDuplicate', message: `Duplicate value: ${shown(value)}`, field };
}

/** 422 with all causes. */
export function invalidObject(
  resource: Pick<Resource, 'kind' | 'group'>,
  name: string,
  causes: readonly StatusCause[],
): ApiError {
  const { kind, group } = resource;
  const texts = causes.map(({ field, message }) => (field === undefined ? message : `${field}: ${message}`));
  const text = texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`;
  const qualifiedKind = group === '' ? kind : `${kind}.${group}`;
  return new ApiError('Invalid', `${qualifiedKind} "${name}" is invalid: ${text}`, {
    ...(name === '' ? {} : { name }),
    ...(group === '' ? {} : { group }),
    kind,
    causes: [...causes],
  });
}
