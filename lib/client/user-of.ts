import { isJwksError, TokenRefusedError, type AnyJwksError } from '../core/errors.js';
import { isPromise, type MaybePromise } from '../core/maybe-promise.js';
import type { JwksTokenOptions } from '../options/issuer-options.js';
import type { VerifiedToken } from '../tokens/verified-token.js';

type Validate = NonNullable<JwksTokenOptions['validate']>;

/**
 * Passport's meaning of what `validate` answers, but for `undefined`, which is a check without a
 * word about the user. A promise only where `validate` answers with one.
 *
 * @internal
 */
export function userOf(token: VerifiedToken, validate: Validate | undefined): MaybePromise<unknown> {
  if (!validate) return token;
  let answer: unknown;
  try {
    answer = validate(token);
    if (isPromise(answer)) return settled(token, answer);
  } catch (cause) {
    throw refusedFor(cause);
  }
  return judged(token, answer);
}

async function settled(token: VerifiedToken, answer: Promise<unknown>): Promise<unknown> {
  let user: unknown;
  try {
    user = await answer;
  } catch (cause) {
    throw refusedFor(cause);
  }
  return judged(token, user);
}

function judged(token: VerifiedToken, user: unknown): unknown {
  if (user === undefined) return token;
  if (!user) throw new TokenRefusedError();
  return user;
}

function refusedFor(cause: unknown): AnyJwksError {
  return isJwksError(cause) ? cause : new TokenRefusedError(undefined, { cause });
}
