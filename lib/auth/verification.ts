import type { ExecutionContext } from '@nestjs/common';
import type { Authentication } from '../client/authentication.js';
import type { TokenError } from '../core/errors.js';
import type { ProtectedResource } from '../jwks.service.js';

export type { Authentication, ScopesFrom } from '../client/authentication.js';

/** Returns the exception for claims that a schema rejects. @internal */
export type ClaimsErrorMapper = (error: TokenError, context: ExecutionContext) => Promise<unknown>;

/** An authentication, and how errors of its claims are mapped later. @internal */
export interface AttachedAuthentication {
  readonly authentication: Authentication;
  readonly toException: ClaimsErrorMapper | undefined;
  /** What it was accepted for, where `ProtectedResourceModule` says. */
  readonly resource?: ProtectedResource | undefined;
}
