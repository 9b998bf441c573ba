/** Every refusal of the embedded API: HTTP code, Kubernetes reason, and the Status body that clients parse. */
import type { JsonObject } from './object.ts';

export type StatusReason =
  | 'AlreadyExists'
  | 'BadRequest'
  | 'Conflict'
  | 'Expired'
  | 'Forbidden'
  | 'InternalError'
  | 'Invalid'
  | 'MethodNotAllowed'
  | 'NotAcceptable'
  | 'NotFound'
  | 'RequestEntityTooLarge'
  | 'Timeout'
  | 'TooManyRequests'
  | 'UnsupportedMediaType';

const CODES: Record<StatusReason, number> = {
  AlreadyExists: 409,
  BadRequest: 400,
  Conflict: 409,
  Expired: 410,
  Forbidden: 403,
  InternalError: 500,
  Invalid: 422,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  NotFound: 404,
  RequestEntityTooLarge: 413,
  Timeout: 504,
  TooManyRequests: 429,
  UnsupportedMediaType: 415,
};

export type StatusCause = { reason: string; message: string; field?: string };

export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly reason: StatusReason;
  readonly code: number;
  readonly details: JsonObject;

  constructor(reason: StatusReason, message: string, details: JsonObject = {}) {
    super(message);
    this.reason = reason;
    this.code = CODES[reason];
    this.details = details;
  }

  /** The `Status` object that goes over the wire. */
  toStatus(): JsonObject {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: this.message,
      reason: this.reason,
      ...(Object.keys(this.details).length > 0 ? { details: this.details } : {}),
      code: this.code,
    };
  }
}

/** `kind` in these messages is the plural with its group, e.g. `poddisruptionbudgets.policy`, as Kubernetes writes it. */
export function notFound(kind: string, name: string): ApiError {
  return new ApiError('NotFound', `${kind} "${name}" not found`, { name, kind });
}

export function alreadyExists(kind: string, name: string): ApiError {
  return new ApiError('AlreadyExists', `${kind} "${name}" already exists`, { name, kind });
}

export function conflict(kind: string, name: string, why: string): ApiError {
  return new ApiError('Conflict', `Operation cannot be fulfilled on ${kind} "${name}": ${why}`, { name, kind });
}

export function invalid(kind: string, name: string, causes: readonly StatusCause[]): ApiError {
  const text = causes.map((cause) => (cause.field ? `${cause.field}: ${cause.message}` : cause.message)).join(', ');
  return new ApiError('Invalid', `${kind} "${name}" is invalid: ${text}`, { name, kind, causes: [...causes] });
}

export function badRequest(message: string): ApiError {
  return new ApiError('BadRequest', message);
}

export const OBJECT_MODIFIED =
  'the object has been modified; please apply your changes to the latest version and try again';
