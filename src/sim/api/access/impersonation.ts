/** `Impersonate-*` headers (`kubectl --as`): who the caller wants to be, and which questions the caller must pass for it. */
import { ApiError } from '../errors.ts';
import type { RequestHeaders } from '../wire.ts';
import type { AccessQuery } from './attributes.ts';
import {
  ANONYMOUS,
  AUTHENTICATED,
  authenticated,
  serviceAccountGroups,
  serviceAccountOf,
  UNAUTHENTICATED,
  type User,
} from './user.ts';

const EXTRA = 'impersonate-extra-';

function all(value: string | readonly string[] | undefined): string[] {
  if (value === undefined) return [];
  return typeof value === 'string' ? [value] : [...value];
}

export type Impersonation = {
  readonly user: User;
  /** the older right: to be this user for everything */
  readonly questions: readonly AccessQuery[];
  /** the newer one: `impersonate-on:<mode>:<verb>` on what is wanted, and `impersonate:<mode>` for the identity */
  readonly mode: 'user-info' | 'serviceaccount';
  readonly identity: readonly AccessQuery[];
};

/** null without such headers. Throws 500 for headers that name no user, as the real server does. */
export function impersonation(headers: RequestHeaders): Impersonation | null {
  const name = String(headers['impersonate-user'] ?? '');
  const uid = String(headers['impersonate-uid'] ?? '');
  const given = all(headers['impersonate-group']);
  const extra: Record<string, string[]> = {};
  for (const [header, value] of Object.entries(headers)) {
    if (header.startsWith(EXTRA)) extra[decodeURIComponent(header.slice(EXTRA.length))] = all(value);
  }
  if (name === '') {
    if (uid === '' && given.length === 0 && Object.keys(extra).length === 0) return null;
    throw new ApiError(
      'InternalError',
      'Internal error occurred: impersonation of groups, uids or extra fields without a user',
    );
  }
  const account = serviceAccountOf(name);
  const mode = account === null ? 'user-info' : 'serviceaccount';
  const authentication = { group: 'authentication.k8s.io', version: 'v1' };
  const ask = (verb: string, newer: boolean): AccessQuery[] => {
    const core = newer ? authentication : {};
    return [
      account === null
        ? { verb, ...core, resource: 'users', name }
        : { verb, ...core, resource: 'serviceaccounts', namespace: account.namespace, name: account.name },
      ...given.map((group) => ({ verb, ...core, resource: 'groups', name: group })),
      ...Object.entries(extra).flatMap(([key, values]) =>
        values.map((value) => ({ verb, ...authentication, resource: 'userextras', subresource: key, name: value })),
      ),
      ...(uid === '' ? [] : [{ verb, ...authentication, resource: 'uids', name: uid }]),
    ];
  };
  let groups = given;
  if (account !== null && given.length === 0) groups = serviceAccountGroups(account.namespace);
  if (name === ANONYMOUS.name) groups = groups.includes(UNAUTHENTICATED) ? groups : [...groups, UNAUTHENTICATED];
  else if (!groups.includes(AUTHENTICATED) && !groups.includes(UNAUTHENTICATED)) groups = authenticated(groups);
  return {
    user: { name, uid, groups, extra },
    questions: ask('impersonate', false),
    mode,
    identity: ask(`impersonate:${mode}`, true),
  };
}
