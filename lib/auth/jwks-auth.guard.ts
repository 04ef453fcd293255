import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { HttpAdapterHost, Reflector } from '@nestjs/core';
import { MissingTokenError, TokenError } from '../core/errors.js';
import { isPromise, type MaybePromise } from '../core/maybe-promise.js';
import { JwksService } from '../jwks.service.js';
import { stateOf } from './context-state.js';
import { extractToken, tokenOf } from './credentials.js';
import { messageRequest } from './message-headers.js';
import { exceptionFor } from './refuse.js';
import { attachIn, carrierOf, detachFrom, requestOf, scopeOf } from './request-context.js';
import type { ClaimsRefuser, Verification } from './verification.js';
import { PUBLIC, routeMetadataOf } from './route-metadata.js';
import { assertRouteOptions, isFixedRoute, type AuthenticatedOptions } from './route-options.js';
import { judgeRoute } from './route-rules.js';
import { verifyOnce } from './shared-verification.js';

/**
 * Lets a request in with a valid access token: what `@Authenticated()` puts on a route. For a whole application:
 * `{ provide: APP_GUARD, useExisting: JwksAuthGuard }`, with `@Public()` on the routes that need no token.
 *
 * Decides once for each `ExecutionContext`, however often it stands there (globally, on the class, on the handler), and verifies a token
 * once for each request. It belongs to the application that provides it: several in one process, each with its own issuers, do not meet.
 *
 * Works for HTTP on any adapter, GraphQL, WebSocket gateways and microservices; a context that it knows nothing of has no token and is
 * refused. Each step below is there to be overridden by a subclass; let that stand globally, before this one that `@Authenticated()` brings.
 *
 * @publicApi
 */
@Injectable()
export class JwksAuthGuard implements CanActivate {
  /** For `@Claims` with a schema that they do not fit, which shows when the handler is about to be called. */
  private readonly refuseClaims: ClaimsRefuser = (error, context) => this.refuse(this.told(error), context);

  constructor(
    protected readonly jwks: JwksService,
    protected readonly reflector: Reflector,
    protected readonly adapterHost: HttpAdapterHost,
  ) {}

  /**
   * `true`, at once for a token that was verified before; or rejects with what the client gets: an `HttpException`, for gateways a
   * `WsException`, for microservices an `RpcException`.
   */
  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    // Nest builds this class once for each module that uses it; two instances of a subclass may well be told different things.
    const kind = this.constructor === JwksAuthGuard ? this.jwks : this;
    const state = stateOf(context);
    return state.decisionOf(kind) ?? state.decided(kind, this.decide(context));
  }

  /** What the route asks for; `undefined`: nothing, it is public. Override to take it from elsewhere than `@Authenticated` and `@Public`. */
  protected getOptions(context: ExecutionContext): AuthenticatedOptions | undefined {
    const metadata = routeMetadataOf(context, this.reflector);
    return metadata === PUBLIC ? undefined : metadata;
  }

  /** The request, which has the headers. Override where a GraphQL context or a `ws` client keeps it under another name. */
  protected getRequest(context: ExecutionContext): unknown {
    return requestOf(context);
  }

  /** The token of a request; `undefined`: it has none. Override to find it in another place on some routes; `tokenFrom` is for all. */
  protected getToken(request: unknown, context: ExecutionContext): string | undefined | Promise<string | undefined> {
    const { tokenFrom } = this.jwks.settings;
    if (tokenFrom && context.getType<string>() === 'rpc' && request === requestOf(context))
      return extractToken(tokenFrom, messageRequest(context.getArgByIndex(0), request));
    if (request === undefined || request === null) return undefined;
    return tokenFrom ? extractToken(tokenFrom, request) : tokenOf(request, context);
  }

  /** Verifies the token and runs `validate`. Override to add what a verification asks for besides. */
  protected verify(
    token: string,
    options: AuthenticatedOptions,
    context: ExecutionContext,
  ): Verification | Promise<Verification> {
    return verifyOnce(this.jwks, token, options, scopeOf(context, this.getRequest(context)));
  }

  /** Rejects where the token is good but not for this route. Override to authorise otherwise, or more. */
  protected authorize(
    verification: Verification,
    options: AuthenticatedOptions,
    _context: ExecutionContext,
  ): void | Promise<void> {
    return judgeRoute(verification.auth.claims, options, verification.scopesFrom);
  }

  /** Puts `user` and `auth` on the request; for a gateway on the client. Override to put them in other places too. */
  protected attach(verification: Verification, context: ExecutionContext): void {
    const carrier = carrierOf(context);
    attachIn(context, carrier, verification, this.refuseClaims);
    const request = context.getType<string>() === 'ws' ? carrier : this.getRequest(context);
    if (request !== carrier) attachIn(context, request, verification, this.refuseClaims);
  }

  /** What is thrown for a fault, with the response's headers set. Override to answer otherwise. */
  protected refuse(error: unknown, context: ExecutionContext): Promise<unknown> {
    return exceptionFor(error, context, { realm: this.jwks.settings.realm, adapter: this.adapterHost.httpAdapter });
  }

  private decide(context: ExecutionContext): MaybePromise<boolean> {
    try {
      const options = this.getOptions(context);
      if (!options) return true;
      if (!isFixedRoute(options)) assertRouteOptions(options);
      // A client stays: what its last message was let in with says nothing of this one.
      if (context.getType<string>() === 'ws') detachFrom(carrierOf(context));
      const admission = this.admit(options, context);
      return isPromise(admission) ? this.awaited(admission, context) : admission;
    } catch (error) {
      return this.refused(error, context);
    }
  }

  private async awaited(admission: Promise<true>, context: ExecutionContext): Promise<true> {
    try {
      return await admission;
    } catch (error) {
      return this.refused(error, context);
    }
  }

  private async refused(error: unknown, context: ExecutionContext): Promise<never> {
    throw await this.refuse(error, context);
  }

  private admit(options: AuthenticatedOptions, context: ExecutionContext): MaybePromise<true> {
    let token: MaybePromise<string | undefined>;
    try {
      token = this.getToken(this.getRequest(context), context);
    } catch (error) {
      throw this.told(error);
    }
    return isPromise(token)
      ? token.then(
          (found) => this.admitToken(found, options, context),
          (error: unknown) => Promise.reject(this.told(error)),
        )
      : this.admitToken(token, options, context);
  }

  private admitToken(
    found: string | undefined,
    options: AuthenticatedOptions,
    context: ExecutionContext,
  ): MaybePromise<true> {
    const token = found ?? stateOf(context).token;
    if (token === undefined && options.optional) return true;
    if (token === undefined) throw this.told(new MissingTokenError());
    const verification = this.verify(token, options, context);
    return isPromise(verification)
      ? verification.then((verified) => this.admitVerified(token, verified, options, context))
      : this.admitVerified(token, verification, options, context);
  }

  private admitVerified(
    token: string,
    verification: Verification,
    options: AuthenticatedOptions,
    context: ExecutionContext,
  ): MaybePromise<true> {
    let authorization: MaybePromise<void>;
    try {
      authorization = this.authorize(verification, options, context);
    } catch (error) {
      throw this.told(error);
    }
    return isPromise(authorization)
      ? authorization.then(
          () => this.letIn(token, verification, context),
          (error: unknown) => Promise.reject(this.told(error)),
        )
      : this.letIn(token, verification, context);
  }

  private letIn(token: string, verification: Verification, context: ExecutionContext): true {
    this.attach(verification, context);
    stateOf(context).token = token;
    return true;
  }

  /** Tells the service of a refusal that it had no part in; those of `verify` it has told already. */
  private told<E>(error: E): E {
    if (error instanceof TokenError) this.jwks.report(error);
    return error;
  }
}
