import type { ExecutionContext } from '@nestjs/common';
import type { JWTPayload } from 'jose';
import type { TokenError } from '../core/errors.js';
import type { VerifiedToken } from '../tokens/verified-token.js';

/** What a request was let in with. @publicApi */
export interface Authentication {
  /** The access token as it came. */
  readonly accessToken: string;
  /** What `request.auth` is. */
  readonly token: VerifiedToken;
  /** What `request.user` is: the answer of `validate`. */
  readonly user: unknown;
  /**
   * Where the scopes are, as the option of that name says; absent: in `scope`, `scp` and
   * `permissions`.
   */
  readonly scopesFrom?: ScopesFrom | undefined;
}

/** Names or paths of the claims that hold scopes, or what finds them. @publicApi */
export type ScopesFrom = readonly string[] | ((claims: Readonly<JWTPayload>) => readonly string[]);

/** Answers with what is thrown for claims that do not fit. @internal */
export type ClaimsErrorMapper = (error: TokenError, context: ExecutionContext) => Promise<unknown>;

/** An authentication, and how errors of its claims are mapped later. @internal */
export interface AttachedAuthentication {
  readonly authentication: Authentication;
  readonly toException: ClaimsErrorMapper | undefined;
}
