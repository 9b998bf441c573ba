/** Errors of this room. `code` is stable; `message` says what is wrong with which key and, where one can, what to do. */
export type ExtenderErrorCode =
  /** a request body that is not what the contract says */
  | 'malformed'
  /** more or deeper than is read */
  | 'too-large'
  /** a configuration that cannot be used */
  | 'config'
  /** a certificate, key or CA file that cannot be used */
  | 'tls'
  /** a file that is no readable recording */
  | 'recording';

export class ExtenderError extends Error {
  override readonly name = 'ExtenderError';
  readonly code: ExtenderErrorCode;

  constructor(code: ExtenderErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export const malformed = (message: string): ExtenderError => new ExtenderError('malformed', message);

/**
 * What kube-scheduler shows when a verb cannot answer. Constant: it patches the pod whenever the text changes, and that patch
 * wakes the pod again.
 */
export const TEXTS = {
  'not-deciding':
    'this Muster extender does not decide now: its kube-scheduler does not hold the Lease, or it has just started',
  internal: 'Muster extender failed internally; its log says why',
  'pod-unknown': 'pod is not known to Muster yet',
  'pod-terminating': 'pod is being deleted',
  'bind-in-flight': 'an earlier Binding of the pod has no known outcome yet',
  'bound-elsewhere': 'pod is bound to another node already',
  'gang-dropped': 'the plan of the gang was given up while its members gathered; waiting for a new one',
  'gang-timeout': 'the other members of the gang did not reach bind in time',
  'bind-not-found': 'pod is gone: the API server knows no such pod',
  'bind-conflict': 'the API server refused the Binding: the pod changed or is another one of that name',
  'bind-refused': 'the API server refused the Binding',
  'bind-forbidden': 'the API server does not allow the extender to bind pods; check its ClusterRole',
  'bind-busy': 'the API server had no time for the Binding',
  'bind-unsent': 'the API server could not be reached for the Binding',
  'bind-unknown': 'the outcome of the Binding is not known; it is being read back',
} as const;
