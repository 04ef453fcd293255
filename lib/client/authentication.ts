import type { JWTPayload } from 'jose';
import type { VerifiedToken } from '../tokens/verified-token.js';

/** A verified token with its user: the one result of every way to authenticate. @publicApi */
export interface Authentication {
  /** The access token as it came. */
  readonly accessToken: string;
  /** The verified token; `request.auth` is this. */
  readonly token: VerifiedToken;
  /** What `validate` returned; without it, the verified token. `request.user` is this. */
  readonly user: unknown;
  /** Where the scopes are, by the option of that name. Without it: `scope`, `scp` and `permissions`. */
  readonly scopesFrom?: ScopesFrom | undefined;
}

/** Names or paths of the claims that hold scopes, or a function that returns the scopes. @publicApi */
export type ScopesFrom = readonly string[] | ((claims: Readonly<JWTPayload>) => readonly string[]);
