import type { Authentication } from '../../lib/client/authenticator.js';
import type { JwksEvent } from '../../lib/core/events.js';
import type { VerifiedToken } from '../../lib/tokens/verified-token.js';
import { isDeeplyFrozen } from '../tokens/raw-token.js';

/** All that a caller can see of a good token. */
export function toldOfToken(token: VerifiedToken): object {
  const { claims, header, issuer, key } = token;
  return {
    members: Reflect.ownKeys(token),
    claims: structuredClone(claims),
    header: structuredClone(header),
    issuer,
    kid: key.kid,
    jwk: { ...key.jwk },
    isFrozen: isDeeplyFrozen(claims) && isDeeplyFrozen(header) && Object.isFrozen(token),
    prototypes: [token, claims, header].map((each) => Object.getPrototypeOf(each) === Object.prototype),
  };
}

export function toldOfAuthentication({ accessToken, token: auth, user, scopesFrom }: Authentication): object {
  return { ...toldOfToken(auth), accessToken, scopesFrom, user: user === auth ? 'the token' : user };
}

/** All that a caller can see of an error, but for where it was made. */
export function toldOfFault(fault: unknown): object {
  if (!(fault instanceof Error)) return { thrown: fault };
  const { name, message, cause, ...members } = {
    ...fault,
    name: fault.name,
    message: fault.message,
    cause: fault.cause,
  };
  // Not the stack, which takes long to write down.
  return { name, message, ...members, cause: cause === undefined ? undefined : toldOfFault(cause) };
}

/**
 * By issuer, as those of one set have their order; those of tokens have none, for signatures are
 * checked on several threads. How long something took is the one thing that may differ.
 */
export function toldOfEvents(events: readonly JwksEvent[]): object {
  const sets: Record<string, object[]> = {};
  const tokens: string[] = [];
  for (const event of events) {
    const { duration: _, ...rest } = { duration: 0, ...event };
    if (event.type.startsWith('token.')) tokens.push(JSON.stringify(rest));
    else (sets[event.issuer ?? ''] ??= []).push(rest);
  }
  return { sets, tokens: tokens.sort() };
}

/**
 * Does to an answer what a careless or hostile handler might; whether that threw is not told, what
 * came of it is.
 */
export function vandalise(token: VerifiedToken): void {
  const { claims, header } = token as { claims: Record<string, unknown>; header: Record<string, unknown> };
  const lists = Object.values(claims).filter((value): value is unknown[] => Array.isArray(value));
  const acts: (() => unknown)[] = [
    () => (claims.sub = 'root'),
    () => delete claims.exp,
    () => Object.assign(claims, { aud: 'billing', exp: 9e9 }),
    () => Object.defineProperty(claims, 'iss', { value: 'https://evil' }),
    () => Object.setPrototypeOf(claims, { admin: true }),
    () => (header.kid = 'z'),
    () => (header.alg = 'none'),
    () => Object.setPrototypeOf(header, null),
    () => Object.assign(token, { issuer: 'https://evil', claims: { sub: 'root' } }),
    () => delete (token as { key?: unknown }).key,
    () => Object.assign(token.key, { kid: 'z' }),
    () => Object.assign(token.key.jwk, { kid: 'z', alg: 'none' }),
    () => (header.list as unknown[][])[0]?.push('y'),
    () => (claims.realm as { access: unknown[] }).access.push('write'),
    ...lists.flatMap((list) => [
      () => list.push('root'),
      () => (list[0] = 'root'),
      () => ((list[1] as { of: unknown[] }).of = ['everything']),
      () => (list[1] as { of: unknown[] }).of.push('everything'),
    ]),
  ];
  for (const act of acts) {
    try {
      act();
    } catch {
      // As it should.
    }
  }
}
