import { TokenError, type AnyJwksError } from '../core/errors.js';
import type { Diagnosis } from '../core/diagnosis.js';
import { SenderConstraintUnavailableError } from '../core/sender-errors.js';
import { safeText, type JwksEvent } from '../core/events.js';
import type { VerifiedToken } from '../tokens/verified-token.js';

/** What is known of the token, not verified. */
interface Context extends Pick<Rejected, 'issuer' | 'duration'> {
  readonly jwt: Pick<VerifiedToken, 'header' | 'issuer'> | undefined;
}

type Rejected = Extract<JwksEvent, { type: 'token.rejected' }>;

/**
 * The event of a rejected token, explained when that is asked for: under a flood of rejected tokens
 * the log reads one explanation a minute.
 *
 * @internal
 */
export class TokenRejectedEvent {
  readonly type = 'token.rejected';
  readonly issuer: string | undefined;
  readonly duration: number;
  readonly code: string;
  readonly claim: string | undefined;

  constructor(
    private readonly error: AnyJwksError,
    private readonly context: Context,
  ) {
    this.issuer = context.issuer;
    this.duration = context.duration;
    this.code = error.code;
    this.claim = 'claim' in error ? error.claim : undefined;
  }

  get reason(): string {
    const { error, context } = this;
    return (this.diagnosis?.reason ?? error.message) + describe(context.jwt);
  }

  get hint(): string | undefined {
    return this.diagnosis?.hint;
  }

  get misconfiguration(): boolean {
    return this.diagnosis?.misconfiguration === true;
  }

  private get diagnosis(): Diagnosis | undefined {
    const { error } = this;
    const isExplained = error instanceof TokenError || error instanceof SenderConstraintUnavailableError;
    return isExplained ? error.diagnosis : undefined;
  }

  toPlain(): Rejected {
    const { type, issuer, duration, code, claim, reason, hint, misconfiguration } = this;
    return {
      type,
      issuer,
      duration,
      code,
      ...(claim !== undefined && { claim }),
      reason,
      ...(hint !== undefined && { hint }),
      misconfiguration,
    };
  }
}

/** What a developer needs to find the token's issuer and key; nothing of it is verified. */
function describe(jwt: Context['jwt']): string {
  if (!jwt) return '';
  const { kid, alg } = jwt.header;
  const named = Object.entries({ iss: jwt.issuer, kid, alg }).flatMap(([name, text]) =>
    text === undefined ? [] : `${name} "${safeText(text)}"`,
  );
  return ` (${named.join(', ')})`;
}
