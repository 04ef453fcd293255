import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { HttpAdapterHost, Reflector } from '@nestjs/core';
import { MissingTokenError, TokenError } from '../core/errors.js';
import { JwksService } from '../jwks.service.js';
import { keepClaimsRefuser } from './claims-schema.js';
import { extractToken, tokenOf } from './credentials.js';
import { messageRequest } from './message-headers.js';
import { messageExceptionOf } from './message-refusal.js';
import { graphqlExceptionOf } from './graphql-refusal.js';
import { httpExceptionOf, ownAnswer, refusalOf, type Refusal } from './refusal.js';
import { attachIn, carrierOf, detachFrom, requestOf, scopeOf, type Verification } from './request-context.js';
import { PUBLIC, routeMetadataOf } from './route-metadata.js';
import { assertRouteOptions, type AuthenticatedOptions } from './route-options.js';
import { judgeRoute } from './route-rules.js';
import { verifyOnce } from './shared-verification.js';

/** Decisions under way or made, for each context and each kind of guard. */
const decisions = new WeakMap<ExecutionContext, Map<unknown, Promise<boolean>>>();
/** Tokens that let a context in: a guard that cannot find one itself takes that which a subclass, standing before it, has found. */
const admittedTokens = new WeakMap<ExecutionContext, string>();
const checkedOptions = new WeakSet<AuthenticatedOptions>();

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
  constructor(
    protected readonly jwks: JwksService,
    protected readonly reflector: Reflector,
    protected readonly adapterHost: HttpAdapterHost,
  ) {}

  /**
   * Resolves with `true`, or rejects with what the client gets: an `HttpException`, for gateways a `WsException`, for microservices an
   * `RpcException`.
   */
  canActivate(context: ExecutionContext): Promise<boolean> {
    // Nest builds this class once for each module that uses it; two instances of a subclass may well be told different things.
    const kind = this.constructor === JwksAuthGuard ? this.jwks : this;
    const made = decisions.get(context) ?? new Map<unknown, Promise<boolean>>();
    decisions.set(context, made);
    const known = made.get(kind);
    if (known) return known;
    const decision = this.decide(context);
    made.set(kind, decision);
    return decision;
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
  protected async getToken(request: unknown, context: ExecutionContext): Promise<string | undefined> {
    const { tokenFrom } = this.jwks.settings;
    if (tokenFrom && context.getType<string>() === 'rpc' && request === requestOf(context))
      return extractToken(tokenFrom, messageRequest(context.getArgByIndex(0), request));
    if (request === undefined || request === null) return undefined;
    return tokenFrom ? extractToken(tokenFrom, request) : tokenOf(request, context);
  }

  /** Verifies the token and runs `validate`. Override to add what a verification asks for besides. */
  protected verify(token: string, options: AuthenticatedOptions, context: ExecutionContext): Promise<Verification> {
    return verifyOnce(this.jwks, token, options, scopeOf(context, this.getRequest(context)));
  }

  /** Rejects where the token is good but not for this route. Override to authorise otherwise, or more. */
  protected async authorize(
    verification: Verification,
    options: AuthenticatedOptions,
    _context: ExecutionContext,
  ): Promise<void> {
    await judgeRoute(verification.auth.claims, options, verification.scopesFrom);
  }

  /** Puts `user` and `auth` on the request; for a gateway on the client. Override to put them in other places too. */
  protected attach(verification: Verification, context: ExecutionContext): void {
    const carrier = carrierOf(context);
    attachIn(context, carrier, verification);
    const request = context.getType<string>() === 'ws' ? carrier : this.getRequest(context);
    if (request !== carrier) attachIn(context, request, verification);
  }

  /** What is thrown for a fault, with the response's headers set. Override to answer otherwise. */
  protected async refuse(error: unknown, context: ExecutionContext): Promise<unknown> {
    const refusal = refusalOf(error, this.jwks.settings.realm);
    if (!refusal) return error;
    switch (context.getType<string>()) {
      case 'ws':
      case 'rpc':
        return messageExceptionOf(refusal, error, context);
      case 'graphql':
        return graphqlExceptionOf(refusal, error);
      case 'http':
        if (!ownAnswer(error)) this.setHeaders(refusal, context);
        return httpExceptionOf(refusal, error);
      default:
        return httpExceptionOf(refusal, error);
    }
  }

  private async decide(context: ExecutionContext): Promise<boolean> {
    const options = this.getOptions(context);
    if (!options) return true;
    if (!checkedOptions.has(options)) assertRouteOptions(options);
    checkedOptions.add(options);
    // A client stays: what its last message was let in with says nothing of this one.
    if (context.getType<string>() === 'ws') detachFrom(carrierOf(context));
    try {
      return await this.admit(options, context);
    } catch (error) {
      throw await this.refuse(error, context);
    }
  }

  private async admit(options: AuthenticatedOptions, context: ExecutionContext): Promise<true> {
    const token = await this.reporting(() => this.requireToken(options, context));
    if (token === undefined) return true;
    const verification = await this.verify(token, options, context);
    await this.reporting(() => this.authorize(verification, options, context));
    this.attach(verification, context);
    keepClaimsRefuser(verification, (error, where) => this.refuseClaims(error, where));
    admittedTokens.set(context, token);
    return true;
  }

  private async requireToken(options: AuthenticatedOptions, context: ExecutionContext): Promise<string | undefined> {
    const token = (await this.getToken(this.getRequest(context), context)) ?? admittedTokens.get(context);
    if (token === undefined && !options.optional) throw new MissingTokenError();
    return token;
  }

  /** Tells the service of a refusal that it had no part in; those of `verify` it has told already. */
  private async reporting<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof TokenError) this.jwks.report(error);
      throw error;
    }
  }

  /** For `@Claims` with a schema that they do not fit, which shows when the handler is about to be called. */
  private refuseClaims(error: TokenError, context: ExecutionContext): Promise<unknown> {
    this.jwks.report(error);
    return this.refuse(error, context);
  }

  private setHeaders(refusal: Refusal, context: ExecutionContext): void {
    const response: unknown = context.switchToHttp().getResponse();
    const { httpAdapter } = this.adapterHost;
    if (httpAdapter.isHeadersSent(response)) return;
    for (const [name, value] of Object.entries(refusal.headers)) httpAdapter.setHeader(response, name, value);
  }
}
