/** The AdmissionReview envelope (admission.k8s.io/v1): a request read from anything, and the answer to it. */

import { mutateEphemeral } from './ephemeral.ts';
import { AdmissionError } from './errors.ts';
import { fieldOf, isBag } from './json-value.ts';
import { type MutateOptions, type Mutation, mutatePod } from './mutate.ts';

const API_VERSION = 'admission.k8s.io/v1';
/** A uid is 36 characters; it is echoed. */
const LONGEST_UID = 128;

export type ReviewAnswer = {
  readonly outcome: Mutation['kind'];
  /** the AdmissionReview to send */
  readonly review: object;
};

/**
 * `body`: the request as sent. A well-formed review of anything but a new pod or new ephemeral containers is allowed untouched.
 * Throws AdmissionError `malformed` when it is no AdmissionReview request.
 */
export function answerReview(body: Uint8Array, options: MutateOptions): ReviewAnswer {
  const { uid, request } = readReview(body);
  const mutation = mutate(request, options);
  return {
    outcome: mutation.kind,
    review: { apiVersion: API_VERSION, kind: 'AdmissionReview', response: respond(uid, mutation) },
  };
}

function mutate(request: unknown, options: MutateOptions): Mutation {
  const object = fieldOf(request, 'object');
  if (isAboutPod(request, 'CREATE', '')) return mutatePod(object, textOf(fieldOf(request, 'namespace')), options);
  if (isAboutPod(request, 'UPDATE', 'ephemeralcontainers')) {
    return mutateEphemeral(object, fieldOf(request, 'oldObject'), options);
  }
  return { kind: 'untouched' };
}

function respond(uid: string, mutation: Mutation): object {
  if (mutation.kind === 'untouched') return { uid, allowed: true };
  if (mutation.kind === 'refused') {
    return { uid, allowed: false, status: { code: 422, reason: 'Invalid', message: mutation.message } };
  }
  const patch = Buffer.from(JSON.stringify(mutation.patch)).toString('base64');
  return { uid, allowed: true, patchType: 'JSONPatch', patch };
}

function readReview(body: Uint8Array): { uid: string; request: unknown } {
  let review: unknown;
  try {
    review = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (cause) {
    throw new AdmissionError('malformed', 'body is not JSON in UTF-8; send an AdmissionReview', { cause });
  }
  if (fieldOf(review, 'kind') !== 'AdmissionReview' || fieldOf(review, 'apiVersion') !== API_VERSION) {
    throw new AdmissionError('malformed', `body is not an AdmissionReview of ${API_VERSION}`);
  }
  const request = fieldOf(review, 'request');
  const uid = textOf(fieldOf(request, 'uid'));
  if (!isBag(request) || uid === '' || uid.length > LONGEST_UID) {
    throw new AdmissionError('malformed', 'AdmissionReview has no request with a uid');
  }
  return { uid, request };
}

function isAboutPod(request: unknown, operation: string, subresource: string): boolean {
  const kind = fieldOf(request, 'kind');
  return (
    fieldOf(request, 'operation') === operation &&
    textOf(fieldOf(request, 'subResource')) === subresource &&
    textOf(fieldOf(kind, 'group')) === '' &&
    fieldOf(kind, 'version') === 'v1' &&
    fieldOf(kind, 'kind') === 'Pod'
  );
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
