import type { Diagnosis } from './diagnosis.js';

const BRAND = Symbol.for('nestjs-jwks.error');

/**
 * Base of every error this package throws. Tell errors apart by `code` (stable) rather than by
 * `instanceof`, which fails across two copies of the package; {@link isJwksError} works across
 * them.
 *
 * @publicApi
 */
export abstract class JwksError extends Error {
  abstract readonly code: string;

  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    Object.defineProperty(this, BRAND, { value: true });
  }
}

/**
 * Whether a value carries the brand of this package's errors, whichever copy of it made them.
 *
 * @internal
 */
export function isBranded(error: unknown): boolean {
  return typeof error === 'object' && error !== null && (error as Record<symbol, unknown>)[BRAND] === true;
}

/**
 * Base of every error that rejects a request because of its token. Messages are fixed sentences that
 * hold nothing of the token. `reason` and `hint` say more; they are for logs and never for clients,
 * and `JSON.stringify` does not write them.
 *
 * @publicApi
 */
export abstract class TokenError extends JwksError {
  /** The default message of the class. @internal */
  protected static readonly defaultMessage: string = 'The access token was refused';
  #explain: (() => Diagnosis) | undefined;
  #diagnosis: Diagnosis | undefined;

  constructor(message?: string, options?: { cause?: unknown }) {
    super(message ?? new.target.defaultMessage, options);
  }

  /**
   * One sentence with what was expected and what came. Of the token it shows `iss`, `aud`, `typ`,
   * `alg` and `kid`, escaped and cut.
   */
  get reason(): string {
    return this.diagnosis?.reason ?? this.message;
  }

  /** What to do about it. Absent if the token was never parsed. */
  get hint(): string | undefined {
    return this.diagnosis?.hint;
  }

  /** @internal */
  get diagnosis(): Diagnosis | undefined {
    return (this.#diagnosis ??= this.#explain?.());
  }

  /** Sets how to explain the error when that is needed. The first explanation stays. @internal */
  explain(diagnose: () => Diagnosis): void {
    this.#explain ??= diagnose;
  }
}
