import type { ExecutionContext } from '@nestjs/common';
import type { Authentication } from '../client/authentication.js';
import type { TokenError } from '../core/errors.js';

export type { Authentication, ScopesFrom } from '../client/authentication.js';

/** Returns the exception for claims that a schema rejects. @internal */
export type ClaimsErrorMapper = (error: TokenError, context: ExecutionContext) => Promise<unknown>;

/** An authentication, and how errors of its claims are mapped later. @internal */
export interface AttachedAuthentication {
  readonly authentication: Authentication;
  readonly toException: ClaimsErrorMapper | undefined;
}
