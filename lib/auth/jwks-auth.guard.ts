import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { HttpAdapterHost, Reflector } from '@nestjs/core';
import { MissingTokenError, TokenError } from '../core/errors.js';
import { isPromise, type MaybePromise } from '../core/maybe-promise.js';
import { JwksService } from '../jwks.service.js';
import { completedService } from './completed-service.js';
import { stateOf } from './context-state.js';
import { extractToken, findToken, hasOtherCredentials } from './request/credentials.js';
import { messageRequest } from './request/message-headers.js';
import { offerOf } from './response/challenge.js';
import { setNonce, toException } from './response/refuse.js';
import { connectionContextOf, disconnect } from './connection.js';
import { attachedOf, bindToInvocation, markGuarded } from './invocation.js';
import { attachTargetOf, attachTo, requestOf, sharingKeyOf } from './request/request-context.js';
import type { ClaimsErrorMapper, Authentication } from './verification.js';
import { PUBLIC, routeMetadataOf } from './route-metadata.js';
import { freezeRouteOptions, isFrozenRoute, type AuthenticatedOptions } from './route-options.js';
import { assertSenderConstrained, authorizeRoute } from './route-rules.js';
import { senderOf } from './sender.js';
import { verifyOnce } from './shared-verification.js';

/**
 * Lets a request in with a valid access token: what `@Authenticated()` puts on a route. For a whole
 * application: `{ provide: APP_GUARD, useExisting: JwksAuthGuard }`, with `@Public()` on the routes
 * that need no token.
 *
 * Decides once for each `ExecutionContext`, however often it stands there (globally, on the class,
 * on the handler), and verifies a token once for each request. It belongs to the application that
 * provides it: several in one process, each with its own issuers, do not meet.
 *
 * Works for HTTP on any adapter, GraphQL, WebSocket gateways and microservices; a context that it
 * knows nothing of has no token and is refused. Each step below is there to be overridden by a
 * subclass; let that stand globally, before this one that `@Authenticated()` brings.
 *
 * @publicApi
 */
@Injectable()
export class JwksAuthGuard implements CanActivate {
  /**
   * For `@Claims` with a schema that they do not fit, which shows when the handler is about to be
   * called.
   */
  private readonly mapClaimsError: ClaimsErrorMapper = (error, context) =>
    this.toException(this.reported(error), context);

  protected readonly jwks: JwksService;

  constructor(
    jwks: JwksService,
    protected readonly reflector: Reflector,
    protected readonly adapterHost: HttpAdapterHost,
  ) {
    this.jwks = completedService(jwks);
  }

  /**
   * `true`, at once for a token that was verified before; or rejects with what the client gets: an
   * `HttpException`, for gateways a `WsException`, for microservices an `RpcException`.
   */
  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    // Nest builds this class once for each module that uses it; two instances of a subclass may
    // well be configured differently.
    const kind = this.constructor === JwksAuthGuard ? this.jwks : this;
    const state = stateOf(context);
    return state.decisionOf(kind) ?? state.ran(kind, this.run(context));
  }

  /**
   * Verifies the token of a new connection, for `handleConnection` of a gateway, which Nest does not
   * guard: `const auth = await guard.authenticateConnection(client)`. Disconnects a client whose token
   * is missing or rejected, with the close code 1008 (1013 while keys are unavailable) for `ws`, and
   * returns `undefined`. Never rejects. `request` is the second argument of `handleConnection` with
   * `ws`; it is not needed with socket.io or `withUpgradeRequest`.
   */
  async authenticateConnection(client: object, request?: unknown): Promise<Authentication | undefined> {
    try {
      const context = connectionContextOf(client, request);
      const options = freezeRouteOptions({});
      await this.authenticate(options, context);
      return attachedOf(context)?.authentication;
    } catch (error) {
      disconnect(client, error);
      return undefined;
    }
  }

  /**
   * What the route asks for; `undefined`: nothing, it is public. Override to take it from elsewhere
   * than `@Authenticated` and `@Public`.
   */
  protected getOptions(context: ExecutionContext): AuthenticatedOptions | undefined {
    const metadata = routeMetadataOf(context, this.reflector);
    return metadata === PUBLIC ? undefined : metadata;
  }

  /**
   * The request, which has the headers. Override where a GraphQL context or a `ws` client keeps it
   * under another name.
   */
  protected getRequest(context: ExecutionContext): unknown {
    return requestOf(context);
  }

  /**
   * The token of a request; `undefined`: it has none. Override to find it in another place on some
   * routes; `tokenFrom` is for all.
   */
  protected getToken(request: unknown, context: ExecutionContext): string | undefined | Promise<string | undefined> {
    const { tokenFrom } = this.jwks.settings;
    if (tokenFrom && context.getType<string>() === 'rpc' && request === requestOf(context))
      return extractToken(tokenFrom, messageRequest(context.getArgByIndex(0), request));
    if (request === undefined || request === null) return undefined;
    return findToken(this.jwks.settings, request, context);
  }

  /**
   * Verifies the token and runs `validate`. Override to add what a verification asks for besides.
   */
  protected verify(
    token: string,
    options: AuthenticatedOptions,
    context: ExecutionContext,
  ): Authentication | Promise<Authentication> {
    const request = this.getRequest(context);
    const sender = senderOf(this.jwks, request, context);
    return verifyOnce(this.jwks, token, options, { scope: sharingKeyOf(context, request), request, sender });
  }

  /**
   * Rejects where the token is good but not for this route. Override to authorise otherwise, or
   * more.
   */
  protected authorize(
    authentication: Authentication,
    options: AuthenticatedOptions,
    _context: ExecutionContext,
  ): void | Promise<void> {
    return authorizeRoute(authentication, options, this.jwks);
  }

  /**
   * Puts `user` and `auth` on the request, or on the context of a message. Override to put them in
   * other places too. A gateway's client gets neither, since its messages overlap: use `@Claims` and
   * {@link authenticationOf} there.
   */
  protected attach(authentication: Authentication, context: ExecutionContext): void {
    if (context.getType<string>() === 'ws') return;
    const target = attachTargetOf(context);
    attachTo(target, authentication, this.jwks);
    const request = this.getRequest(context);
    if (request !== target) attachTo(request, authentication, this.jwks);
  }

  /** What is thrown for a fault, with the response's headers set. Override to answer otherwise. */
  protected toException(error: unknown, context: ExecutionContext): Promise<unknown> {
    const { realm } = this.jwks.settings;
    const request = () => this.getRequest(context);
    const offer = offerOf(this.jwks, { request, context, options: () => this.getOptions(context) });
    return toException(error, context, { realm, offer, adapter: this.adapterHost.httpAdapter });
  }

  private run(context: ExecutionContext): MaybePromise<boolean> {
    try {
      const given = this.getOptions(context);
      if (!given) return true;
      const options = isFrozenRoute(given) ? given : freezeRouteOptions(given);
      const outcome = this.authenticate(options, context);
      return isPromise(outcome) ? this.awaited(outcome, context) : outcome;
    } catch (error) {
      return this.rejected(error, context);
    }
  }

  private async awaited(outcome: Promise<true>, context: ExecutionContext): Promise<true> {
    try {
      return await outcome;
    } catch (error) {
      return this.rejected(error, context);
    }
  }

  private async rejected(error: unknown, context: ExecutionContext): Promise<never> {
    throw await this.toException(error, context);
  }

  private authenticate(options: AuthenticatedOptions, context: ExecutionContext): MaybePromise<true> {
    let token: MaybePromise<string | undefined>;
    try {
      token = this.getToken(this.getRequest(context), context);
    } catch (error) {
      throw this.reported(error);
    }
    return isPromise(token)
      ? token.then(
          (found) => this.authenticateToken(found, options, context),
          (error: unknown) => Promise.reject(this.reported(error)),
        )
      : this.authenticateToken(token, options, context);
  }

  private authenticateToken(
    found: string | undefined,
    options: AuthenticatedOptions,
    context: ExecutionContext,
  ): MaybePromise<true> {
    const token = found ?? stateOf(context).token;
    if (token === undefined && options.optional && !this.hasOtherCredentials(context)) {
      markGuarded(context);
      return true;
    }
    if (token === undefined) throw this.reported(new MissingTokenError());
    const authentication = this.verify(token, options, context);
    return isPromise(authentication)
      ? authentication.then((verified) => this.authorizeAndAttach(token, verified, options, context))
      : this.authorizeAndAttach(token, authentication, options, context);
  }

  private authorizeAndAttach(
    token: string,
    authentication: Authentication,
    options: AuthenticatedOptions,
    context: ExecutionContext,
  ): MaybePromise<true> {
    let authorization: MaybePromise<void>;
    try {
      if (options.senderConstrained) assertSenderConstrained(authentication.token, this.jwks.settings.sender);
      authorization = this.authorize(authentication, options, context);
    } catch (error) {
      throw this.reported(error, authentication);
    }
    return isPromise(authorization)
      ? authorization.then(
          () => this.attachAndRemember(token, authentication, context),
          (error: unknown) => Promise.reject(this.reported(error, authentication)),
        )
      : this.attachAndRemember(token, authentication, context);
  }

  private attachAndRemember(token: string, authentication: Authentication, context: ExecutionContext): true {
    this.attach(authentication, context);
    const { resource } = this.jwks;
    bindToInvocation(context, { authentication, toException: this.mapClaimsError, resource });
    markGuarded(context);
    stateOf(context).token = token;
    if (this.jwks.settings.sender.dpop?.nonces) {
      const { proof } = senderOf(this.jwks, this.getRequest(context), context);
      setNonce(proof?.nextNonce, context, this.adapterHost.httpAdapter);
    }
    return true;
  }

  /** Where an application says itself where tokens are, the header may have another use. */
  private hasOtherCredentials(context: ExecutionContext): boolean {
    const isElsewhere = this.jwks.settings.tokenFrom || this.getToken !== JwksAuthGuard.prototype.getToken;
    return !isElsewhere && hasOtherCredentials(this.getRequest(context), context);
  }

  /**
   * Reports a rejection that the service does not know of; it reports those of `verify` itself.
   */
  private reported<E>(error: E, authentication?: Authentication): E {
    if (error instanceof TokenError) this.jwks.report(error, authentication?.token.issuer);
    return error;
  }
}
