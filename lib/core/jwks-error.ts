const BRAND = Symbol.for('nestjs-jwks.error');

/**
 * Base of every error this package throws. Tell errors apart by `code` (stable) rather than by `instanceof`, which fails
 * across two copies of the package; {@link isJwksError} works across them.
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
