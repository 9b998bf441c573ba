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
  | 'Unauthorized'
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
  Unauthorized: 401,
  UnsupportedMediaType: 415,
};

export type StatusCause = { reason: string; message: string; field?: string };

export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** one of ours, or what a webhook or a policy gave */
  readonly reason: string;
  readonly code: number;
  readonly details: JsonObject;
  readonly #detailed: boolean;

  /** @param details sent also when empty; left out when not given */
  constructor(reason: StatusReason, message: string, details?: JsonObject) {
    super(message);
    this.reason = reason;
    this.code = CODES[reason];
    this.details = details ?? {};
    this.#detailed = details !== undefined;
  }

  /** With code and reason of somebody else's choice: admission webhooks and policies. */
  static of(status: { code: number; reason: string; message: string; details?: JsonObject }): ApiError {
    const error = new ApiError('Forbidden', status.message, status.details);
    return Object.assign(error, { code: status.code, reason: status.reason });
  }

  /** The `Status` object that goes over the wire. */
  toStatus(): JsonObject {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: this.message,
      ...(this.reason === '' ? {} : { reason: this.reason }),
      ...(this.#detailed ? { details: this.details } : {}),
      code: this.code,
    };
  }
}

/** `kind` in these messages (but for `invalid`: `Deployment.apps`) is the plural with its group, e.g. `poddisruptionbudgets.policy`, as Kubernetes writes it. */
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
  const texts = causes.map((cause) => (cause.field ? `${cause.field}: ${cause.message}` : cause.message));
  const text = texts.length > 1 ? `[${texts.join(', ')}]` : texts[0];
  const dot = kind.indexOf('.');
  return new ApiError('Invalid', `${kind} "${name}" is invalid: ${text}`, {
    ...(name === '' ? {} : { name }),
    ...(dot < 0 ? {} : { group: kind.slice(dot + 1) }),
    kind: dot < 0 ? kind : kind.slice(0, dot),
    causes: [...causes],
  });
}

export function badRequest(message: string): ApiError {
  return new ApiError('BadRequest', message);
}

export const OBJECT_MODIFIED =
  'the object has been modified; please apply your changes to the latest version and try again';
