import { backoffDelay } from '../core/backoff.js';
import { wait, type Clock } from '../core/clock.js';
import { JwksConnectionError } from '../core/errors.js';
import { JwkSet } from '../keys/jwk-set.js';
import { documentOf, type JwkSetSource, type LoadRequest, type SourceAnswer } from './jwk-set-source.js';
import { toSourceError } from './source-faults.js';

/** @internal */
export interface RetryingSourceSettings {
  /** Attempts after the first one. */
  readonly retries: number;
}

const BACKOFF = { initial: 200, max: 2_000 };
/**
 * A server that asks for more patience than this is not asked again within the load: its callers
 * wait, and no longer than they would for the next load.
 */
const MAX_PATIENCE = 2_000;

/**
 * Asks again where the fault says that it may help. Outermost of the sources, so it also makes sure
 * of what an application's own source answers and throws.
 *
 * @internal
 */
export class RetryingSource implements JwkSetSource {
  constructor(
    private readonly inner: JwkSetSource,
    private readonly settings: RetryingSourceSettings,
    private readonly clock: Clock,
    private readonly random: () => number = Math.random,
  ) {}

  get name(): string | undefined {
    return this.inner.name;
  }

  load(request: LoadRequest): Promise<SourceAnswer> {
    return this.persist(request, async () => {
      const answer: Partial<SourceAnswer> | undefined = await this.inner.load(request);
      if (answer?.set instanceof JwkSet && typeof answer.origin === 'string') return answer as SourceAnswer;
      throw new JwksConnectionError('The key source did not answer with a JWK Set and its origin', {
        retryable: false,
      });
    });
  }

  fetchDocument(request: LoadRequest): Promise<unknown> {
    return this.persist(request, () => documentOf(this.inner, request));
  }

  async close(): Promise<void> {
    await this.inner.close?.();
  }

  private async persist<T>({ signal }: LoadRequest, attempt: () => Promise<T>): Promise<T> {
    for (let count = 1; ; count += 1) {
      try {
        return await attempt();
      } catch (error) {
        const fault = toSourceError(error);
        const { retryable, retryAfter = 0 } = fault;
        if (!retryable || count > this.settings.retries || retryAfter > MAX_PATIENCE) throw fault;
        await wait(this.clock, Math.max(retryAfter, backoffDelay(BACKOFF, count, this.random)), signal).catch(() => {
          throw fault;
        });
      }
    }
  }
}
