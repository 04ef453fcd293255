import {
  applyDecorators,
  createParamDecorator,
  UseGuards,
  type ExecutionContext,
  type PipeTransform,
  type Type,
} from '@nestjs/common';
import { JwksConfigurationError } from '../core/errors.js';
import { claimAt } from '../tokens/claim-path.js';
import { checkedClaims, claimsCheck, isClaimsSchema, type ClaimsCheck, type ClaimsSchema } from './claims-schema.js';
import { JwksAuthGuard } from './jwks-auth.guard.js';
import { attachedOf } from './invocation.js';
import { markRoute, PUBLIC } from './route-metadata.js';
import { freezeRouteOptions, type AuthenticatedOptions } from './route-options.js';
import type { Authentication } from './verification.js';

type Pipe = Type<PipeTransform> | PipeTransform;

/**
 * Asks for a valid access token, on one handler or on all of a class; `options` ask for more. On a
 * handler it takes the place of what its class has, options and `@Public()` alike, as a whole.
 * Throws `JwksConfigurationError` for options that cannot work.
 *
 * Responds with 401, 403 or, while keys are unavailable, 503 (RFC 6750 section 3.1).
 *
 * @publicApi
 */
export function Authenticated(options: AuthenticatedOptions = {}): ClassDecorator & MethodDecorator {
  return applyDecorators(markRoute(freezeRouteOptions(options)), UseGuards(JwksAuthGuard)) as ClassDecorator &
    MethodDecorator;
}

/**
 * Needs no token, where the guard stands globally or on the class. The token of a request that
 * brings one is not looked at, so that `@Claims()` is `undefined`: `@Authenticated({ optional: true
 * })` is the one that looks.
 *
 * @publicApi
 */
export function Public(): ClassDecorator & MethodDecorator {
  return markRoute(PUBLIC);
}

/** Written by hand: the type that Nest 12 infers names one that Nest 11 has not. @publicApi */
export interface ClaimsDecorator {
  /** All claims, through `pipes`. */
  (...pipes: Pipe[]): ParameterDecorator;
  /**
   * All claims as `schema` makes them, then through `pipes`. Claims that do not fit are refused:
   * 401 `claim_invalid`.
   */
  (schema: ClaimsSchema, ...pipes: Pipe[]): ParameterDecorator;
  /** The claim of that name or path, through `pipes`. */
  (claim: string, ...pipes: Pipe[]): ParameterDecorator;
  /** The same as `schema` makes it. */
  (claim: string, schema: ClaimsSchema, ...pipes: Pipe[]): ParameterDecorator;
}

/**
 * The claims of the access token (`@Claims()`), or one of them by name (`@Claims('sub')`) or path
 * (`@Claims('realm_access.roles')`; a claim of that very name wins). Own properties only.
 * `undefined` where there is no such claim, and where our guard or strategy did not let the request
 * in: a token that was not verified is never read.
 *
 * A Standard Schema (zod and others, synchronous or not) or a class with the decorators of
 * class-validator checks and types them: `@Claims(OrderClaims) claims: z.infer<typeof
 * OrderClaims>`. It is not asked where nothing was verified, as on an optional route without a
 * token. What it throws refuses too.
 *
 * @publicApi
 */
export const Claims: ClaimsDecorator = (...args: unknown[]): ParameterDecorator => {
  const claim = typeof args[0] === 'string' ? args[0] : undefined;
  const rest = claim === undefined ? args : args.slice(1);
  if (claim === '') throw new JwksConfigurationError("@Claims takes the name of a claim, such as 'sub'");
  const [schema] = rest;
  const check = isClaimsSchema(schema) ? claimsCheck(schema, claim) : undefined;
  return claimsDecorator({ claim, check }, ...((check ? rest.slice(1) : rest) as Pipe[]));
};

/**
 * The access token as it came, once verified; `undefined` if the request was accepted without one.
 *
 * @publicApi
 */
export const AccessToken: (...pipes: Pipe[]) => ParameterDecorator = createParamDecorator(
  (_: unknown, context: ExecutionContext) => attachedOf(context)?.authentication.accessToken,
);

interface ClaimsRequest {
  readonly claim: string | undefined;
  readonly check: ClaimsCheck | undefined;
}

const claimsDecorator = createParamDecorator(({ claim, check }: ClaimsRequest, context: ExecutionContext): unknown => {
  const attached = attachedOf(context);
  if (!attached) return undefined;
  const { claims } = attached.authentication.token;
  const value = claim === undefined ? claims : claimAt(claims, claim);
  return check ? checkedClaims(value, check, { toException: attached.toException, context }) : value;
});

/**
 * Returns the authentication of this very invocation: `token`, `accessToken`, and `user`, which is
 * what `validate` returned. For decorators, interceptors and guards of your own. `undefined` if
 * neither our guard nor our strategy accepted a token for it.
 *
 * @publicApi
 */
export function authenticationOf(context: ExecutionContext): Authentication | undefined {
  return attachedOf(context)?.authentication;
}
