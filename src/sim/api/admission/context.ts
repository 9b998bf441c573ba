/** What admission must know of a request besides its objects. */
import type { User } from '../access/user.ts';

export type RequestContext = {
  readonly user: User;
  /** filled by admission, sent as `Warning` headers */
  readonly warnings: string[];
};
