import { InvalidJwkSetError } from '../core/errors.js';
import { documentOf, type JwkSetSource, type LoadRequest, type SourceAnswer } from '../sources/jwk-set-source.js';
import type { Permit, UnverifiedBudget } from './unverified-budget.js';

/**
 * The source of an issuer that a resolver function returned. A load takes a permit, unless a token
 * of the issuer was verified since the load before and no unknown key or bad signature caused it.
 *
 * @internal
 */
export class GatedSource implements JwkSetSource {
  private isInUse = false;
  private isRequested = false;
  private permit: Permit | undefined;

  constructor(
    private readonly inner: JwkSetSource,
    private readonly budget: UnverifiedBudget,
    private readonly maxKeys: number,
  ) {}

  get name(): string | undefined {
    return this.inner.name;
  }

  async load(request: LoadRequest): Promise<SourceAnswer> {
    if (this.isRequested) this.isRequested = false;
    else if (!this.isInUse || request.reload) {
      this.permit?.failed();
      this.permit = await this.budget.take(request.signal);
    }
    const answer = await this.inner.load(request).catch((fault: unknown) => {
      // Callers may wait for the next load: that is no work under way.
      this.permit?.failed();
      throw fault;
    });
    this.isInUse = false;
    const keys = answer.set.size + answer.set.dropped.length;
    if (keys <= this.maxKeys) return answer;
    throw new InvalidJwkSetError(`The JWK Set has ${keys} keys, more than "cache.maxKeys" (${this.maxKeys})`);
  }

  /** Asked for by the application alone. */
  fetchDocument(request: LoadRequest): Promise<unknown> {
    return documentOf(this.inner, request);
  }

  async close(): Promise<void> {
    this.permit?.failed();
    await this.inner.close?.();
  }

  /** A token of the issuer was verified, or the application named the issuer. */
  trust(): void {
    this.isInUse = true;
    this.permit?.succeeded();
    this.permit = undefined;
  }

  /** The application asks for the next load. */
  request(): void {
    this.isRequested = true;
  }

  /** No verification of its tokens is under way. */
  idle(): void {
    this.permit?.failed();
  }
}
