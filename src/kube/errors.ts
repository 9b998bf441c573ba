/** Errors of this room. `code` is stable and safe to match on; `message` says what happened to which call. */
export type TransportErrorCode =
  /** no answer in time: a write may have happened */
  | 'timeout'
  /** the connection broke after bytes of the request may have left: a write may have happened */
  | 'broken'
  /** nothing was sent (refused, DNS, TLS): a write did not happen */
  | 'unsent'
  /** closed or aborted by ourselves */
  | 'aborted';

export class TransportError extends Error {
  override readonly name = 'TransportError';
  readonly code: TransportErrorCode;

  constructor(code: TransportErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** true when the API server may have carried the request out although no answer came; also when we gave it up ourselves */
  get mayHaveHappened(): boolean {
    return this.code !== 'unsent';
  }
}

export type ConnectErrorCode =
  /** no kubeconfig, or one that can't be read or names nothing usable */
  | 'kubeconfig'
  /** token file, client certificate or credential plugin gave nothing usable */
  | 'credentials'
  /** plain http to something that is not this machine */
  | 'insecure';

/** Has no `cause` on purpose: parsers and credential plugins quote their input, which holds secrets. */
export class ConnectError extends Error {
  override readonly name = 'ConnectError';
  readonly code: ConnectErrorCode;

  constructor(code: ConnectErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

export type DecodeErrorCode =
  /** bytes that are not the JSON they should be */
  | 'malformed'
  /** the projection module could not be loaded */
  | 'projection'
  /** the decode worker died; a new one starts with the next call */
  | 'crashed'
  | 'closed';

export class DecodeError extends Error {
  override readonly name = 'DecodeError';
  readonly code: DecodeErrorCode;

  constructor(code: DecodeErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export type ReflectorErrorCode =
  /** no connection, or it broke; tried again after a pause */
  | 'transport'
  /** the server answered with an error status; tried again after a pause */
  | 'status'
  /** history is gone (410): everything is listed again */
  | 'expired'
  /** the stream or page was not what it should be: everything is listed again */
  | 'decode'
  /** one object could not be projected: it counts as absent */
  | 'object'
  /** no byte for longer than the server may be silent: the stream was dropped */
  | 'silent'
  /** the sink threw; the reflector goes on */
  | 'sink';

/** What a reflector reports through `onError`. None of them stops it. */
export class ReflectorError extends Error {
  override readonly name = 'ReflectorError';
  readonly code: ReflectorErrorCode;

  constructor(code: ReflectorErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
