/** Bearer tokens: a static table, and signed ones of service accounts (JWT, ES256) that end with their time or their account. */
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { isObject, numberAt, objectAt, storeKey, textAt } from '../object.ts';
import { resourceId } from '../resources.ts';
import type { Store, Table } from '../store.ts';
import { serviceAccountGroups, serviceAccountName, type User } from './user.ts';

export const AUDIENCE = 'https://kubernetes.default.svc';
const ACCOUNTS = resourceId('v1', 'serviceaccounts');
/** claims of tokens whose signature was checked; each check costs about 0.1 ms */
const CHECKED_AT_MOST = 1_000;

export type BoundObject = {
  readonly kind: string;
  readonly apiVersion: string;
  readonly name: string;
  readonly uid: string;
};

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

export class ServiceAccountTokens {
  readonly #key: KeyObject;
  readonly #public: KeyObject;
  readonly #accounts: Table;
  readonly #store: Store;
  readonly #checked = new Map<string, unknown>();

  /** @param privateKey PEM, EC on P-256. Throws what node:crypto says of another one. */
  constructor(privateKey: string, store: Store) {
    this.#key = createPrivateKey(privateKey);
    this.#public = createPublicKey(this.#key);
    this.#accounts = store.table(ACCOUNTS);
    this.#store = store;
  }

  issue(
    account: { namespace: string; name: string; uid: string },
    about: { nowMs: number; seconds: number; audiences: readonly string[]; id: string; bound: BoundObject | null },
  ): string {
    const now = Math.floor(about.nowMs / 1000);
    const { namespace, name, uid } = account;
    const claims = {
      aud: about.audiences,
      exp: now + about.seconds,
      iat: now,
      iss: AUDIENCE,
      jti: about.id,
      'kubernetes.io': {
        namespace,
        ...(about.bound ? { [about.bound.kind.toLowerCase()]: { name: about.bound.name, uid: about.bound.uid } } : {}),
        serviceaccount: { name, uid },
      },
      nbf: now,
      sub: serviceAccountName(namespace, name),
    };
    const text = `${part({ alg: 'ES256', typ: 'JWT' })}.${part(claims)}`;
    const signature = sign('sha256', Buffer.from(text), { key: this.#key, dsaEncoding: 'ieee-p1363' });
    return `${text}.${signature.toString('base64url')}`;
  }

  /** null for what is no valid token of a living account. @param audiences one of them must be the token's */
  user(token: string, nowMs: number, audiences: readonly string[] = [AUDIENCE]): User | null {
    const claims = this.#claims(token);
    const own = objectAt(claims, 'kubernetes.io');
    const account = objectAt(own, 'serviceaccount');
    const namespace = textAt(own, 'namespace');
    const name = textAt(account, 'name');
    const uid = textAt(account, 'uid');
    const until = numberAt(claims, 'exp') ?? 0;
    const meant = objectAt({ claims }, 'claims').aud;
    if (name === '' || until * 1000 <= nowMs) return null;
    if (!Array.isArray(meant) || !meant.some((one) => audiences.includes(one))) return null;
    // a deleted account takes its tokens along, also when another of its name is made
    if (this.#accounts.get(storeKey(namespace, name))?.object.metadata.uid !== uid) return null;
    const pod = objectAt(own, 'pod');
    const podName = textAt(pod, 'name');
    if (podName !== '') {
      const there = this.#store.table(resourceId('v1', 'pods')).get(storeKey(namespace, podName));
      if (there?.object.metadata.uid !== textAt(pod, 'uid')) return null;
    }
    return {
      name: serviceAccountName(namespace, name),
      uid,
      groups: serviceAccountGroups(namespace),
      extra: {
        'authentication.kubernetes.io/credential-id': [`JTI=${textAt(claims, 'jti')}`],
        ...(podName === ''
          ? {}
          : {
              'authentication.kubernetes.io/pod-name': [podName],
              'authentication.kubernetes.io/pod-uid': [textAt(pod, 'uid')],
            }),
      },
    };
  }

  #claims(token: string): unknown {
    const known = this.#checked.get(token);
    if (known !== undefined) return known;
    const [head = '', body = '', signature = '', ...rest] = token.split('.');
    if (signature === '' || rest.length > 0) return null;
    const genuine = verify(
      'sha256',
      Buffer.from(`${head}.${body}`),
      { key: this.#public, dsaEncoding: 'ieee-p1363' },
      Buffer.from(signature, 'base64url'),
    );
    if (!genuine) return null;
    const claims: unknown = JSON.parse(Buffer.from(body, 'base64url').toString());
    if (!isObject(claims)) return null;
    if (this.#checked.size >= CHECKED_AT_MOST) this.#checked.clear();
    this.#checked.set(token, claims);
    return claims;
  }
}
