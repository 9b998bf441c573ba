/**
 * Resources that are questions: who am I, whose token is this, may I, may they; and the tokens of service accounts. They are only
 * created, never stored.
 */
import type { Clock } from '../../../kube/ports.ts';
import { ApiError, badRequest, invalid, notFound } from '../errors.ts';
import { isObject, type JsonObject, numberAt, objectAt, storeKey, textAt, timestamp } from '../object.ts';
import { resourceId } from '../resources.ts';
import type { Store } from '../store.ts';
import { attributesOf } from './attributes.ts';
import type { Gate } from './gate.ts';
import { AUDIENCE, type BoundObject } from './tokens.ts';
import { type User, userInfo } from './user.ts';

const AUTHORIZATION = 'authorization.k8s.io/v1';
const AUTHENTICATION = 'authentication.k8s.io/v1';
const DEFAULT_TOKEN_SECONDS = 3600;
const LEAST_TOKEN_SECONDS = 600;
const LONGEST_TOKEN_SECONDS = 2 ** 32;

export type ReviewRow = {
  readonly groupVersion: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
};

const row = (groupVersion: string, kind: string, namespaced = false): ReviewRow => ({
  groupVersion,
  plural: `${kind.toLowerCase()}s`,
  kind,
  namespaced,
});

/** What discovery lists of them; their only verb is `create`. */
export const REVIEWS: readonly ReviewRow[] = [
  row(AUTHENTICATION, 'SelfSubjectReview'),
  row(AUTHENTICATION, 'TokenReview'),
  row(AUTHORIZATION, 'LocalSubjectAccessReview', true),
  row(AUTHORIZATION, 'SelfSubjectAccessReview'),
  row(AUTHORIZATION, 'SelfSubjectRulesReview'),
  row(AUTHORIZATION, 'SubjectAccessReview'),
];

const PATH = /^\/apis\/(authentication\.k8s\.io|authorization\.k8s\.io)\/v1\/(?:namespaces\/([^/]+)\/)?([a-z]+)$/;
const TOKEN_PATH = /^\/api\/v1\/namespaces\/([^/]+)\/serviceaccounts\/([^/]+)\/token$/;

export class Reviews {
  readonly #gate: Gate;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #newUid: () => string;

  constructor(options: { gate: Gate; store: Store; clock: Clock; newUid: () => string }) {
    this.#gate = options.gate;
    this.#store = options.store;
    this.#clock = options.clock;
    this.#newUid = options.newUid;
  }

  /** What answers a POST to this path with its body; null when the path is no such question. */
  at(path: string): ((user: User, body: unknown) => JsonObject) | null {
    const token = TOKEN_PATH.exec(path);
    if (token) return (_user, body) => this.#token(token[1]!, decodeURIComponent(token[2]!), body);
    const match = PATH.exec(path);
    if (!match) return null;
    const [, group = '', namespace, plural = ''] = match;
    const found = REVIEWS.find((one) => one.plural === plural && one.groupVersion === `${group}/v1`);
    if (found === undefined || found.namespaced !== (namespace !== undefined)) return null;
    return (user, body) => this.#answer(found, namespace ?? '', user, body);
  }

  #answer({ kind, groupVersion }: ReviewRow, namespace: string, user: User, body: unknown): JsonObject {
    if (isObject(body) && textAt(body, 'kind') !== '' && textAt(body, 'kind') !== kind)
      throw badRequest(`the object provided is a ${textAt(body, 'kind')}, not a ${kind}`);
    const spec = objectAt(body, 'spec');
    const metadata = namespace === '' ? {} : { namespace };
    const answer = (status: JsonObject) => ({ kind, apiVersion: groupVersion, metadata, spec, status });
    switch (kind) {
      case 'SelfSubjectReview':
        return {
          kind,
          apiVersion: groupVersion,
          metadata: { creationTimestamp: timestamp(this.#clock.now()) },
          status: { userInfo: userInfo(user) },
        };
      case 'TokenReview':
        return answer(this.#whoseToken(spec));
      case 'SelfSubjectRulesReview':
        return { ...answer(this.#rules(user, textAt(spec, 'namespace'))), spec: {} };
      case 'SelfSubjectAccessReview':
        return answer(this.#access(kind, user, spec));
      default: {
        if (namespace !== '' && textAt(objectAt(spec, 'resourceAttributes'), 'namespace') !== namespace) {
          const message = `Invalid value: must match metadata.namespace`;
          throw invalid(kind, '', [
            { reason: 'FieldValueInvalid', message, field: 'spec.resourceAttributes.namespace' },
          ]);
        }
        return answer(this.#access(kind, subjectOf(kind, spec), spec));
      }
    }
  }

  #access(kind: string, user: User, spec: JsonObject): JsonObject {
    const resource = isObject(spec.resourceAttributes);
    if (resource === isObject(spec.nonResourceAttributes)) {
      const message =
        'Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified';
      throw invalid(`${kind}.authorization.k8s.io`, '', [{ reason: 'FieldValueInvalid', message, field: 'spec' }]);
    }
    const asked = objectAt(spec, resource ? 'resourceAttributes' : 'nonResourceAttributes');
    const fields = resource ? ['group', 'version', 'resource', 'subresource', 'namespace', 'name'] : ['path'];
    const query = Object.fromEntries(fields.map((field) => [field, textAt(asked, field)]));
    const { allowed, reason } = this.#gate.decide(user, attributesOf({ ...query, verb: textAt(asked, 'verb') }));
    return { allowed, ...(reason === '' ? {} : { reason }) };
  }

  #rules(user: User, namespace: string): JsonObject {
    if (namespace === '') throw badRequest('no namespace on request');
    const filled = (fields: JsonObject) =>
      Object.fromEntries(Object.entries(fields).filter(([, value]) => Array.isArray(value) && value.length > 0));
    const rules = this.#gate.rbac.rulesOf(user, namespace);
    return {
      resourceRules: rules
        .filter((rule) => rule.resources.length > 0)
        .map(({ verbs, apiGroups, resources, resourceNames }) =>
          filled({ verbs, apiGroups, resources, resourceNames }),
        ),
      nonResourceRules: rules
        .filter((rule) => rule.nonResourceURLs.length > 0)
        .map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs })),
      incomplete: false,
    };
  }

  #whoseToken(spec: JsonObject): JsonObject {
    const token = textAt(spec, 'token');
    if (token === '') throw badRequest('token is required for TokenReview in authentication');
    const given = Array.isArray(spec.audiences) ? spec.audiences.map(String) : [];
    const audiences = given.length === 0 ? [AUDIENCE] : given;
    const user = this.#gate.authentication.ofToken(token, audiences);
    if (user === null) return { user: {}, error: 'invalid bearer token' };
    return { authenticated: true, user: userInfo(user), audiences };
  }

  #token(namespace: string, name: string, body: unknown): JsonObject {
    const account = this.#store.table(resourceId('v1', 'serviceaccounts')).get(storeKey(namespace, name))?.object;
    const { accounts } = this.#gate;
    if (account === undefined || accounts === null) throw notFound('serviceaccounts', name);
    const spec = objectAt(body, 'spec');
    const seconds = numberAt(spec, 'expirationSeconds') ?? DEFAULT_TOKEN_SECONDS;
    const fault =
      seconds < LEAST_TOKEN_SECONDS
        ? 'may not specify a duration less than 10 minutes'
        : seconds > LONGEST_TOKEN_SECONDS
          ? 'may not specify a duration larger than 2^32 seconds'
          : null;
    if (fault !== null) {
      const message = `Invalid value: ${seconds}: ${fault}`;
      throw invalid('TokenRequest.authentication.k8s.io', '', [
        { reason: 'FieldValueInvalid', message, field: 'spec.expirationSeconds' },
      ]);
    }
    const given = Array.isArray(spec.audiences) ? spec.audiences.map(String) : [];
    const audiences = given.length === 0 ? [AUDIENCE] : given;
    const bound = this.#bound(namespace, spec.boundObjectRef);
    const nowMs = this.#clock.now();
    const { uid } = account.metadata;
    const token = accounts.issue({ namespace, name, uid }, { nowMs, seconds, audiences, id: this.#newUid(), bound });
    return {
      kind: 'TokenRequest',
      apiVersion: AUTHENTICATION,
      metadata: { name, namespace, uid, creationTimestamp: timestamp(nowMs) },
      spec: { audiences, expirationSeconds: seconds, boundObjectRef: bound },
      status: { token, expirationTimestamp: timestamp(nowMs + seconds * 1000) },
    };
  }

  #bound(namespace: string, ref: unknown): BoundObject | null {
    if (!isObject(ref)) return null;
    const kind = textAt(ref, 'kind');
    const name = textAt(ref, 'name');
    if (kind !== 'Pod') throw badRequest(`cannot bind token for serviceaccount to object of type ${kind}`);
    const pod = this.#store.table(resourceId('v1', 'pods')).get(storeKey(namespace, name))?.object;
    if (pod === undefined) throw notFound('pods', name);
    const wanted = textAt(ref, 'uid');
    if (wanted !== '' && wanted !== pod.metadata.uid) {
      const why = `the UID in the bound object reference (${wanted}) does not match the UID in record. The object might have been deleted and then recreated`;
      throw new ApiError('Conflict', `Operation cannot be fulfilled on pods "${name}": ${why}`, { name, kind: 'pods' });
    }
    return { kind, apiVersion: 'v1', name, uid: pod.metadata.uid };
  }
}

function subjectOf(kind: string, spec: JsonObject): User {
  const name = textAt(spec, 'user');
  const groups = Array.isArray(spec.groups) ? spec.groups.map(String) : [];
  if (name === '' && groups.length === 0) {
    const message = 'Invalid value: "": at least one of user or group must be specified';
    throw invalid(`${kind}.authorization.k8s.io`, '', [{ reason: 'FieldValueInvalid', message, field: 'spec.user' }]);
  }
  return { name, uid: textAt(spec, 'uid'), groups, extra: {} };
}
