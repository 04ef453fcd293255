import { Injectable, type OnModuleInit } from '@nestjs/common';
import { AuthGuard } from '@nestjs/passport';
import { Strategy } from 'passport-strategy';
import { MissingTokenError, TokenError } from '../../core/errors.js';
import { JwksService } from '../../jwks.service.js';
import { completedService } from '../completed-service.js';
import { findToken } from '../request/credentials.js';
import { offerStrategy } from './passport-name.js';
import { errorResponseIn, patchAuthGuard, keepResponse } from './passport-refusal.js';
import { httpExceptionOf, ownAnswer, errorResponseOf } from '../response/refusal.js';
import { bindToRequest } from '../invocation.js';
import { attachTo, requestOf } from '../request/request-context.js';
import { offerOf, type ChallengeOffer } from '../response/challenge.js';
import { senderOf } from '../sender.js';
import type { ClaimsErrorMapper, Authentication } from '../verification.js';
import { verifyToken } from '../shared-verification.js';

/** What Passport puts on the copy of a strategy that serves one request. @publicApi */
export interface PassportActions {
  success(user: unknown, info?: unknown): void;
  fail(challenge: unknown, status?: number): void;
  error(error: unknown): void;
}

/** Written by hand, so that our declarations need no types of Passport. */
const PassportStrategy = Strategy as unknown as new () => PassportActions;

/**
 * The Passport strategy `jwks`: `AuthGuard('jwks')` accepts and rejects what `@Authenticated()`
 * does, with the same answers, and puts the same on the request: `user`, and `auth` for `@Claims`.
 *
 * A request without a token, or with a bad one, fails in Passport's sense: in `AuthGuard(['jwks',
 * 'api-key'])` the next strategy has its turn, and where all fail `AuthGuard` throws an
 * `UnauthorizedException` of its own. `handleRequest` of a subclass gets the fault as `info`. Keys
 * that are unavailable, and an `HttpException` that `validate` throws, are errors and end the chain.
 *
 * Passport's strategies are global to the process: several modules, or two applications with
 * different issuers, that use `AuthGuard('jwks')` at the same time are an error at start. Use
 * `@Authenticated()` there, which knows its own.
 *
 * @publicApi
 */
@Injectable()
export class JwksStrategy extends PassportStrategy implements OnModuleInit {
  readonly name = 'jwks';

  /** For `@Claims` with a schema, which is checked long after Passport is done. */
  private readonly mapClaimsError: ClaimsErrorMapper = async (error, context) => {
    this.jwks.report(error);
    const response = errorResponseOf(error, this.jwks.settings.realm, this.offerFor(requestOf(context)));
    return response ? errorResponseIn(context, response, error) : error;
  };

  // Not `#jwks`: Passport serves each request on an object that inherits from this one.
  private readonly jwks: JwksService;

  constructor(jwks: JwksService) {
    super();
    this.jwks = completedService(jwks);
  }

  /** Makes the strategy known to Passport, before the first request comes. */
  onModuleInit(): void {
    offerStrategy(this);
    patchAuthGuard(AuthGuard(this.name));
    // The guard of those who made this their `defaultStrategy`.
    patchAuthGuard(AuthGuard());
  }

  /** Called by Passport, which does not wait for it: nothing may escape. */
  authenticate(request: unknown): void {
    const verified = this.verifyRequest(request).then(
      ({ user, token: auth }) => this.success(user, auth),
      (error: unknown) => this.toException(error, request),
    );
    // What Passport calls back into may throw: that is an error of the request, not of the process.
    verified.catch((error: unknown) => this.error(error)).catch(() => undefined);
  }

  private async verifyRequest(request: unknown): Promise<Authentication> {
    const token = await this.requireToken(request);
    const sender = senderOf(this.jwks, request);
    const authentication = await verifyToken(this.jwks, token, {}, { request, sender });
    attachTo(request, authentication, this.jwks);
    const { resource } = this.jwks;
    bindToRequest(request, { authentication, toException: this.mapClaimsError, resource });
    return authentication;
  }

  private async requireToken(request: unknown): Promise<string> {
    try {
      const token = await findToken(this.jwks.settings, request);
      if (token === undefined) throw new MissingTokenError();
      return token;
    } catch (error) {
      if (error instanceof TokenError) this.jwks.report(error);
      throw error;
    }
  }

  private offerFor(request: unknown): ChallengeOffer {
    return offerOf(this.jwks, { request: () => request });
  }

  private toException(error: unknown, request: unknown): void {
    const response = errorResponseOf(error, this.jwks.settings.realm, this.offerFor(request));
    if (!response) {
      this.error(error);
      return;
    }
    const exception = httpExceptionOf(response, error);
    if (!ownAnswer(error)) keepResponse({ response, exception }, error, exception);
    if (response.status === 503 || ownAnswer(error)) this.error(exception);
    else this.fail(error, response.status);
  }
}
