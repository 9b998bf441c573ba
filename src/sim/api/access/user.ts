/** Who makes a request, as RBAC, admission and reviews see them. */
export type User = {
  readonly name: string;
  /** '' where the way of authentication knows none */
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
};

export const AUTHENTICATED = 'system:authenticated';
export const UNAUTHENTICATED = 'system:unauthenticated';
/** may do everything, whatever the roles say */
export const MASTERS = 'system:masters';

export const ANONYMOUS: User = { name: 'system:anonymous', uid: '', groups: [UNAUTHENTICATED], extra: {} };
/** who calls without sockets and where authentication is off */
export const LOOPBACK: User = { name: 'system:apiserver', uid: '', groups: [MASTERS, AUTHENTICATED], extra: {} };

const ACCOUNT = /^system:serviceaccount:([^:]+):([^:]+)$/;

export function serviceAccountName(namespace: string, name: string): string {
  return `system:serviceaccount:${namespace}:${name}`;
}

/** null when the user is no service account */
export function serviceAccountOf(userName: string): { namespace: string; name: string } | null {
  const match = ACCOUNT.exec(userName);
  return match ? { namespace: match[1]!, name: match[2]! } : null;
}

export function serviceAccountGroups(namespace: string): string[] {
  return ['system:serviceaccounts', `system:serviceaccounts:${namespace}`];
}

export function authenticated(groups: readonly string[]): string[] {
  return groups.includes(AUTHENTICATED) ? [...groups] : [...groups, AUTHENTICATED];
}

/** `UserInfo` of reviews: fields without a value are left out. */
export function userInfo(user: User): Record<string, unknown> {
  return {
    ...(user.name === '' ? {} : { username: user.name }),
    ...(user.uid === '' ? {} : { uid: user.uid }),
    ...(user.groups.length === 0 ? {} : { groups: [...user.groups] }),
    ...(Object.keys(user.extra).length === 0 ? {} : { extra: user.extra }),
  };
}
