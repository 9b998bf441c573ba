/** What goes in and out of the API without any socket: the HTTP server and the in-process transport both speak this. */
import type { ApiError } from './errors.ts';
import type { JsonObject } from './object.ts';

/** names in lower case, as node:http gives them */
export type RequestHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

export type ApiRequest = {
  readonly method: string;
  /** absolute path with query */
  readonly path: string;
  /** content type without parameters; '' without a body */
  readonly contentType: string;
  readonly body: Buffer | null;
  /** absent without a wire: then the answer is JSON of whole objects */
  readonly headers?: RequestHeaders;
};

/** Takes the pieces of a streamed answer. */
export type Sink = {
  write(piece: string): void;
  end(): void;
};

/** A streamed answer: `start` begins writing and returns what stops it. `stop` may be called at any time, also twice. */
export type Streamed = { start(sink: Sink): { stop(): void } };

export type ApiResponse = {
  readonly status: number;
  readonly contentType: string;
  readonly retryAfterSeconds: number | null;
  readonly body: string | Streamed;
  /** texts of Warning headers */
  readonly warnings?: readonly string[];
};

export function jsonText(status: number, text: string): ApiResponse {
  return { status, contentType: 'application/json', retryAfterSeconds: null, body: text };
}

export function json(status: number, body: JsonObject): ApiResponse {
  return jsonText(status, JSON.stringify(body));
}

export function failure(error: ApiError): ApiResponse {
  const seconds = error.details.retryAfterSeconds;
  return {
    ...json(error.code, error.toStatus()),
    retryAfterSeconds: typeof seconds === 'number' ? seconds : null,
  };
}

/** The Status that answers a write which returns no object. */
export function success(code: number, details: JsonObject = {}): ApiResponse {
  return json(code, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    ...(Object.keys(details).length > 0 ? { details } : {}),
    ...(code === 200 ? {} : { code }),
  });
}

/** RFC 7234's form, with the code that Kubernetes uses. */
export function warningHeader(text: string): string {
  return `299 - ${JSON.stringify(text)}`;
}
