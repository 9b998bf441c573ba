/**
 * The way into the API: who calls (401), as whom (impersonation), and whether they may (403). Every question about access that
 * comes later (reviews, escalation, policies) is asked here too.
 */
import type { Clock } from '../../../kube/ports.ts';
import { ApiError } from '../errors.ts';
import type { Store } from '../store.ts';
import type { ApiRequest, RequestHeaders } from '../wire.ts';
import { type Attributes, attributesOf, readAttributes } from './attributes.ts';
import { Authentication } from './authenticate.ts';
import { impersonation } from './impersonation.ts';
import { type Decision, Rbac } from './rbac.ts';
import { ServiceAccountTokens } from './tokens.ts';
import { LOOPBACK, type User } from './user.ts';

export type AccessOptions = {
  /** default `off`: everybody may everything */
  readonly authorization?: 'off' | 'rbac';
  /** static bearer tokens; without tokens, key and `rbac` nobody is asked who they are */
  readonly tokens?: ReadonlyMap<string, User>;
  /** PEM, EC on P-256: signs the tokens of service accounts. Without it TokenRequest is answered with 404 */
  readonly serviceAccountKey?: string;
  /** default true, as in Kubernetes */
  readonly anonymous?: boolean;
};

export class Gate {
  readonly rbac: Rbac;
  readonly accounts: ServiceAccountTokens | null;
  readonly authentication: Authentication;
  readonly #authorize: boolean;
  readonly #anonymousIsLoopback: boolean;
  /** false: nobody is known here, so whatever token somebody brings is as good as none */
  readonly #asksWho: boolean;

  constructor(options: AccessOptions, store: Store, clock: Clock) {
    const { authorization = 'off', tokens = new Map(), serviceAccountKey, anonymous = true } = options;
    this.rbac = new Rbac(store);
    this.accounts = serviceAccountKey === undefined ? null : new ServiceAccountTokens(serviceAccountKey, store);
    this.authentication = new Authentication({ clock, tokens, accounts: this.accounts, anonymous });
    this.#authorize = authorization === 'rbac';
    this.#asksWho = this.#authorize || tokens.size > 0 || serviceAccountKey !== undefined || !anonymous;
    this.#anonymousIsLoopback = authorization === 'off' && anonymous;
  }

  /** Throws 401 and 403. */
  enter(request: ApiRequest, path: string, query: URLSearchParams): User {
    const caller = this.#caller(request);
    if (request.headers === undefined && !this.#authorize) return caller;
    const wanted = readAttributes(request.method, path, query);
    const user = request.headers === undefined ? caller : this.#impersonated(request.headers, caller, wanted);
    this.must(user, wanted);
    return user;
  }

  decide(user: User, wanted: Attributes): Decision {
    return this.#authorize ? this.rbac.decide(user, wanted) : { allowed: true, reason: '' };
  }

  /** Throws 403 with the words of a real API server. */
  must(user: User, wanted: Attributes): void {
    const { allowed, reason } = this.decide(user, wanted);
    if (!allowed) throw forbidden(user, wanted, reason);
  }

  #caller(request: ApiRequest): User {
    if (request.user !== undefined) return request.user;
    // the in-process transport has neither headers nor certificates
    if (request.headers === undefined || (!this.#asksWho && request.headers.authorization !== undefined))
      return LOOPBACK;
    const user = this.authentication.of(request);
    if (user === null) throw new ApiError('Unauthorized', 'Unauthorized');
    return this.#anonymousIsLoopback && user.name === 'system:anonymous' ? LOOPBACK : user;
  }

  #impersonated(headers: RequestHeaders, caller: User, wanted: Attributes): User {
    const wish = impersonation(headers);
    if (wish === null) return caller;
    const on = { ...wanted, verb: `impersonate-on:${wish.mode}:${wanted.verb}` };
    const newer = [on, ...wish.identity.map(attributesOf)];
    const denied = newer.find((question) => !this.decide(caller, question).allowed);
    const older = () => wish.questions.every((question) => this.decide(caller, attributesOf(question)).allowed);
    if (denied !== undefined && !older()) this.must(caller, denied);
    return wish.user;
  }
}

const htmlSafe = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

export function forbidden(user: User, wanted: Attributes, reason = ''): ApiError {
  const { verb, path, group, resource, subresource, namespace, name, isResource } = wanted;
  const quoted = (text: string) => JSON.stringify(text);
  const what = subresource === '' ? resource : `${resource}/${subresource}`;
  const where = namespace === '' ? 'at the cluster scope' : `in the namespace ${quoted(namespace)}`;
  const text = isResource
    ? `User ${quoted(user.name)} cannot ${verb} resource ${quoted(what)} in API group ${quoted(group)} ${where}`
    : `User ${quoted(user.name)} cannot ${verb} path ${quoted(path)}`;
  const message = `${htmlSafe(text)}${reason === '' ? '' : `: ${reason}`}`;
  return forbiddenObject(isResource ? group : '', isResource ? resource : '', isResource ? name : '', message);
}

/** `pods "x" is forbidden: …`, as the API server and its admission plugins write it. */
export function forbiddenObject(group: string, resource: string, name: string, why: string): ApiError {
  const kind = group === '' ? resource : `${resource}.${group}`;
  const subject = kind === '' ? 'forbidden' : name === '' ? `${kind} is forbidden` : `${kind} "${name}" is forbidden`;
  return new ApiError('Forbidden', `${subject}: ${why}`, {
    ...(name === '' ? {} : { name }),
    ...(group === '' ? {} : { group }),
    ...(resource === '' ? {} : { kind: resource }),
  });
}
