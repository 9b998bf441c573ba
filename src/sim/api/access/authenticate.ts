/** Who calls: the first way of authentication that knows the caller; null when a credential was shown that nobody knows (401). */
import type { Clock } from '../../../kube/ports.ts';
import type { ApiRequest } from '../wire.ts';
import type { ServiceAccountTokens } from './tokens.ts';
import { ANONYMOUS, authenticated, type User } from './user.ts';

export type AuthenticationOptions = {
  readonly clock: Clock;
  /** static bearer tokens */
  readonly tokens: ReadonlyMap<string, User>;
  readonly accounts: ServiceAccountTokens | null;
  /** requests without a credential are `system:anonymous`; otherwise they are refused */
  readonly anonymous: boolean;
};

export class Authentication {
  readonly #options: AuthenticationOptions;

  constructor(options: AuthenticationOptions) {
    this.#options = options;
  }

  of(request: ApiRequest): User | null {
    const header = request.headers?.authorization;
    const { clientCertificate } = request;
    if (clientCertificate?.verified) {
      const { commonName: name, organizations } = clientCertificate;
      return { name, uid: '', groups: authenticated(organizations), extra: {} };
    }
    if (header !== undefined) {
      const match = /^Bearer +(\S+)$/i.exec(String(header));
      return match ? this.ofToken(match[1]!) : null;
    }
    if (clientCertificate != null) return null;
    return this.#options.anonymous ? ANONYMOUS : null;
  }

  /** @param audiences what the token must be meant for; default: this server */
  ofToken(token: string, audiences?: readonly string[]): User | null {
    const { tokens, accounts, clock } = this.#options;
    const user = tokens.get(token) ?? accounts?.user(token, clock.now(), audiences) ?? null;
    return user === null ? null : { ...user, groups: authenticated(user.groups) };
  }
}
