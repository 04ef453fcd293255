import type { JWK } from 'jose';
import { wait, withDeadline, type Clock } from '../core/clock.js';
import { InvalidJwkSetError, JwksConnectionError } from '../core/errors.js';
import { safeText } from '../core/events.js';
import { SingleFlight } from '../core/single-flight.js';
import { publication, type Publication, type Publisher } from './publication.js';
import { publishedJwk, type PublishableKey } from './publishable-key.js';

/**
 * The set of some keys. Throws a sentence that begins with the name of the key that cannot be
 * published.
 *
 * @internal
 */
export function publishedSet(keys: unknown, name: string): readonly Readonly<JWK>[] {
  if (!Array.isArray(keys) || keys.length === 0)
    throw new InvalidJwkSetError(`${name} is not a list of keys, or is empty`);
  const kids = new Set<string>();
  return Array.from(keys, (key: unknown, index) => {
    const jwk = publishedJwk(key);
    if (typeof jwk === 'string') throw new InvalidJwkSetError(`${name}[${index}] ${jwk}`);
    const { kid = '' } = jwk;
    if (kids.has(kid))
      throw new InvalidJwkSetError(`${name}[${index}] has the kid "${safeText(kid)}" of a key before it`);
    kids.add(kid);
    return jwk;
  });
}

/** Keys that never change. @internal */
export class FixedKeys implements Publisher {
  constructor(
    private readonly keys: readonly Readonly<JWK>[],
    private readonly maxAge: number,
  ) {}

  async publish(): Promise<Publication> {
    return publication(this.keys, this.maxAge);
  }
}

const TIMEOUT = 10_000;
/** How long a request waits for a function that is asked again, while there is a set to serve. */
const MAX_WAIT_WHILE_STALE = 1_000;
/** How long a function that failed is left alone. */
const REST = 5_000;

/** @internal */
export interface FetchedKeysParts {
  readonly fetch: () => Promise<readonly PublishableKey[]>;
  readonly maxAge: number;
  readonly clock: Clock;
  /** A failure that no caller sees: the last good set serves. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * Keys of a function, asked again every `maxAge`. The last good set serves while it fails.
 *
 * @internal
 */
export class FetchedKeys implements Publisher {
  private held: { readonly keys: readonly Readonly<JWK>[]; readonly fetchedAt: number } | undefined;
  private lastError: unknown;
  private restsUntil = Number.NEGATIVE_INFINITY;
  private readonly fetching = new SingleFlight<void>();

  private constructor(private readonly parts: FetchedKeysParts) {}

  /**
   * Asks for the first time. Rejects where the function gives what cannot be published; where it
   * fails it is asked again.
   */
  static async open(parts: FetchedKeysParts): Promise<FetchedKeys> {
    const keys = new FetchedKeys(parts);
    await keys.fetching.run(() => keys.fetch());
    if (keys.lastError instanceof InvalidJwkSetError) throw keys.lastError;
    return keys;
  }

  async publish(): Promise<Publication> {
    const { clock, maxAge } = this.parts;
    const isOld = !this.held || clock.now() - this.held.fetchedAt >= maxAge || clock.now() < this.held.fetchedAt;
    if (isOld && clock.monotonic() >= this.restsUntil) await this.waitFor(this.fetching.run(() => this.fetch()));
    if (this.held) return publication(this.held.keys, maxAge);
    throw new JwksConnectionError('The function that gives the keys fails', {
      cause: this.lastError,
      retryAfter: REST,
    });
  }

  private async waitFor(fetching: Promise<void>): Promise<void> {
    if (!this.held) return fetching;
    const done = new AbortController();
    await Promise.race([fetching, wait(this.parts.clock, MAX_WAIT_WHILE_STALE, done.signal).catch(() => undefined)]);
    done.abort();
  }

  /** Never rejects. */
  private async fetch(): Promise<void> {
    const { clock, fetch, onFailure } = this.parts;
    const reason = () => new Error(`The function that gives the keys did not answer within ${TIMEOUT} ms`);
    try {
      const fetchedAt = clock.now();
      const keys = await withDeadline({ clock, delay: TIMEOUT, reason }, async () => fetch());
      this.held = { keys: publishedSet(keys, 'keys()'), fetchedAt };
    } catch (error) {
      this.lastError = error;
      this.restsUntil = clock.monotonic() + REST;
      onFailure(error);
    }
  }
}
