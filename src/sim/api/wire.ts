/** What goes in and out of the API without any socket: the HTTP server and the in-process transport both speak this. */
import type { User } from './access/user.ts';
import type { ApiError } from './errors.ts';
import type { JsonObject } from './object.ts';

/** names in lower case, as node:http gives them */
export type RequestHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** `verified`: signed by the authority that this server trusts */
export type ClientCertificate = {
  readonly commonName: string;
  readonly organizations: readonly string[];
  readonly verified: boolean;
};

export type ApiRequest = {
  readonly method: string;
  /** absolute path with query */
  readonly path: string;
  /** content type without parameters; '' without a body */
  readonly contentType: string;
  readonly body: Buffer | null;
  /** absent without a wire: then the caller is trusted */
  readonly headers?: RequestHeaders;
  readonly clientCertificate?: ClientCertificate | null;
  /** who calls, where that is known already: nobody is asked then */
  readonly user?: User;
  /** what calls, without a wire that says it as User-Agent */
  readonly component?: string;
};

/** Takes the pieces of a streamed answer. */
export type Sink = {
  write(piece: string): void;
  end(): void;
  /** Calls `run` when what was written is mostly gone; what makes long answers asks before it writes more. Absent: no wire, never full. */
  whenDrained?(run: () => void): void;
};

/** A streamed answer: `start` begins writing and returns what stops it. `stop` may be called at any time, also twice. */
export type Streamed = { start(sink: Sink): { stop(): void } };

export type ApiResponse = {
  readonly status: number;
  readonly contentType: string;
  readonly retryAfterSeconds: number | null;
  readonly body: string | Streamed;
  /** texts for the user, each a `Warning` header */
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
