import type { ExecutionContext } from '@nestjs/common';
import { AmbiguousTokenError, isJwksError, MalformedTokenError } from '../../core/errors.js';
import type { ModuleSettings } from '../../options/resolve-options.js';
import type { MaybePromise } from '../../core/maybe-promise.js';
import type { TokenExtractorRequest } from '../../options/jwks-options.js';
import type { TokenScheme } from '../../proof/sender-proof.js';
import { assertSafeForExtractors, hasCredentials, isDpop, parseAuthorization } from './bearer-token.js';
import { fieldsOf } from '../fields.js';
import { AUTHORIZATION, isAuthorization, listed, messageAuthorization, valuesIn } from './message-headers.js';
import { connectionParams } from './request-context.js';

/** What `tokenFrom` looks like from here. @internal */
export type TokenExtractor = (request: never) => unknown;

/** What a request carries: values of `Authorization`, and tokens that came without a scheme. */
interface Credentials {
  readonly authorization: readonly unknown[];
  readonly tokens: readonly unknown[];
}

/**
 * The access token of a request, from its `Authorization` header alone: a token in the query or the
 * body is no token (RFC 9700 section 4.3.2 and OAuth 2.1 forbid the former). Without `context` the
 * request is one of HTTP.
 *
 * @internal
 */
export function resolveBearerToken(
  request: unknown,
  context?: ExecutionContext,
  isDpopTaken = false,
): string | undefined {
  if (!context || context.getType<string>() === 'http') {
    const sent = httpHeader(request);
    // What nearly every request is.
    if (typeof sent === 'string') return parseAuthorization(sent, isDpopTaken);
  }
  const { authorization, tokens } = credentialsOf(request, context);
  const given = [...authorization, ...tokens].filter((value) => value !== undefined && value !== null);
  // RFC 6750 section 2: a client must not use more than one method in one request.
  if (given.length > 1) throw new AmbiguousTokenError();
  const [credential] = given;
  if (credential === undefined) return undefined;
  if (typeof credential !== 'string' && !Buffer.isBuffer(credential)) throw new MalformedTokenError();
  return tokens.length > 0 ? String(credential) || undefined : parseAuthorization(String(credential), isDpopTaken);
}

/** The scheme that a token was sent with; of several headers, `Bearer`. @internal */
export function sentScheme(request: unknown, context?: ExecutionContext): TokenScheme {
  try {
    return authorizationsOf(request, context).some(isDpop) ? 'DPoP' : 'Bearer';
  } catch (error) {
    // Asked for the challenges of the very error.
    if (isJwksError(error)) return 'Bearer';
    throw error;
  }
}

function authorizationsOf(request: unknown, context: ExecutionContext | undefined): string[] {
  return credentialsOf(request, context)
    .authorization.filter((value) => value !== undefined && value !== null)
    .map(String);
}

/**
 * Whether a request without a bearer token has credentials of another scheme, or a token without any:
 * the client meant to authenticate, so that it is not anonymous where that is allowed.
 *
 * @internal
 */
export function hasOtherCredentials(request: unknown, context: ExecutionContext): boolean {
  return authorizationsOf(request, context).some(hasCredentials);
}

/**
 * The token of the `Authorization` header, as `Bearer`; `null` if there is none. For a `tokenFrom`
 * that looks elsewhere first: `(request) => request.cookies?.token ?? bearerToken(request)`.
 *
 * @throws MalformedTokenError or AmbiguousTokenError, which reject the request (RFC 6750).
 * @publicApi
 */
export function bearerToken(request: TokenExtractorRequest): string | null {
  return resolveBearerToken(request) ?? null;
}

/**
 * The access token that an application's extractor finds. Nothing and an empty string are no token,
 * a list is an `AmbiguousTokenError` (a query parameter or header that came twice), anything else a
 * `MalformedTokenError`; so is what the extractor throws, unless it is an error of this package.
 *
 * @internal
 */
export async function extractToken(extract: TokenExtractor, request: unknown): Promise<string | undefined> {
  assertSafeForExtractors(fieldsOf(fieldsOf(request)['headers'])[AUTHORIZATION]);
  const token = await attempt(() => extract(request as never));
  if (token === undefined || token === null || token === '') return undefined;
  if (Array.isArray(token)) throw new AmbiguousTokenError();
  if (typeof token !== 'string') throw new MalformedTokenError();
  return token;
}

/**
 * The access token of a request, from where the options say. A token with a proof comes nowhere else
 * than with the scheme `DPoP` (RFC 9449 section 7.1): it counts where an extractor finds nothing.
 *
 * @internal
 */
export function findToken(
  { tokenFrom, sender }: Pick<ModuleSettings, 'tokenFrom' | 'sender'>,
  request: unknown,
  context?: ExecutionContext,
): MaybePromise<string | undefined> {
  const isDpopTaken = sender.dpop !== undefined;
  if (!tokenFrom) return resolveBearerToken(request, context, isDpopTaken);
  const extracted = extractToken(tokenFrom, request);
  if (!isDpopTaken) return extracted;
  return extracted.then((token) => {
    if (token !== undefined || sentScheme(request, context) !== 'DPoP') return token;
    return resolveBearerToken(request, context, true);
  });
}

async function attempt(extract: () => unknown): Promise<unknown> {
  try {
    return await extract();
  } catch (cause) {
    throw isJwksError(cause) ? cause : new MalformedTokenError('`tokenFrom` threw an error', { cause });
  }
}

function credentialsOf(request: unknown, context: ExecutionContext | undefined): Credentials {
  switch (context?.getType<string>()) {
    case 'ws':
      return {
        authorization: httpAuthorization(request, fieldsOf(context.getArgByIndex(0))['request']),
        tokens: handshakeTokens(request),
      };
    case 'rpc':
      return { authorization: messageAuthorization(request), tokens: [] };
    case 'graphql':
      return {
        authorization: [...httpAuthorization(request), ...valuesIn(connectionParams(context))],
        tokens: [],
      };
    default:
      return { authorization: httpAuthorization(request), tokens: [] };
  }
}

function httpAuthorization(request: unknown, original: unknown = request): readonly unknown[] {
  return listed(httpHeader(request, original));
}

function httpHeader(request: unknown, original: unknown = request): unknown {
  const node = fieldsOf(original);
  // Fastify keeps Node's request as `raw`. Only looked for where it may be: with Express each look
  // is dear.
  assertSentOnce(node['rawHeaders'] ?? fieldsOf(node['raw'])['rawHeaders']);
  const { headers } = fieldsOf(request);
  return headers instanceof Headers ? headers.get(AUTHORIZATION) : fieldsOf(headers)[AUTHORIZATION];
}

/**
 * Node keeps the first of several `Authorization` headers and drops the others: only `rawHeaders`
 * tells.
 */
function assertSentOnce(rawHeaders: unknown): void {
  if (!Array.isArray(rawHeaders)) return;
  let seen = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) if (isAuthorization(rawHeaders[index])) seen += 1;
  if (seen > 1) throw new AmbiguousTokenError();
}

/**
 * socket.io clients in a browser cannot set headers: `io(url, { auth: { token } })`. Some write the
 * scheme before it, as other servers ask for.
 */
function handshakeTokens(handshake: unknown): readonly unknown[] {
  return listed(fieldsOf(fieldsOf(handshake)['auth'])['token'])
    .filter((token) => token !== null && token !== '')
    .map((token) => (typeof token === 'string' ? token.replace(/^bearer /i, '') : token));
}
