import type { CryptoKey, JWK } from 'jose';
import { importJWK } from 'jose/key/import';
import { Subject, type Observable } from 'rxjs';
import { JwksConfigurationError } from '../core/errors.js';
import { safeText } from '../core/events.js';
import { JwkSet } from '../keys/jwk-set.js';
import type { JwkSetSource } from '../sources/jwk-set-source.js';
import { publication, type Publication } from './publication.js';
import { publishedJwk } from './publishable-key.js';
import { changesBetween, keyStates, type JwksKeyRingEvent, type KeyStates } from './ring-events.js';
import { RingKeeper, type RingParts, type RingSettings } from './ring-keeper.js';
import {
  currentKey,
  keyStateAt,
  nextChangeAt,
  nextKey,
  withEarlyRotation,
  withNext,
  withoutExpired,
  withRevoked,
  type KeyRingKeyState,
  type RingKey,
} from './ring-state.js';

/** The ring as it is now: plain data, no key material. @publicApi */
export interface JwksKeyRingStatus {
  readonly keys: readonly { readonly kid: string; readonly state: KeyRingKeyState }[];
}

/** @internal */
export interface RingSigningKey {
  readonly kid: string;
  readonly alg: string;
  readonly key: CryptoKey;
}

interface Prepared {
  readonly publicJwk: Readonly<JWK>;
  privateKey?: Promise<CryptoKey>;
}

/**
 * The keys that an application signs with: one is current, the next one is published before it
 * signs, those before it stay published until their tokens have expired. Times decide, not timers:
 * a process that slept is right when it wakes.
 *
 * @publicApi
 */
export class JwksKeyRing {
  /** What happens to keys. */
  readonly events$: Observable<JwksKeyRingEvent>;
  readonly #events = new Subject<JwksKeyRingEvent>();
  readonly #settings: RingSettings;
  readonly #parts: RingParts;
  readonly #keeper: RingKeeper;
  readonly #prepared = new Map<string, Prepared>();
  #seen: KeyStates = new Map();

  private constructor(settings: RingSettings, parts: RingParts) {
    this.#settings = settings;
    this.#parts = parts;
    this.#keeper = new RingKeeper(settings, parts);
    this.events$ = this.#events.asObservable();
  }

  /**
   * Reads the ring, or makes its first key. Rejects where the store fails or holds something else.
   *
   * @internal
   */
  static async open(settings: RingSettings, parts: RingParts): Promise<JwksKeyRing> {
    const ring = new JwksKeyRing(settings, parts);
    await ring.#keeper.open();
    ring.#observe();
    return ring;
  }

  /** The longest that a token may live, in milliseconds. @internal */
  get keepFor(): number {
    return this.#settings.keepFor;
  }

  /** Every key with its state, the oldest first. */
  status(): JwksKeyRingStatus {
    this.#observe();
    const { state, now } = this.#now();
    return { keys: state.keys.map((key) => ({ kid: key.kid, state: keyStateAt(state, key, now) })) };
  }

  /**
   * Makes the next key sign: at once if it has been published for a `maxAge`, else as soon as that
   * has passed. Resolves when that is stored; rejects where the store fails.
   */
  async rotate(): Promise<void> {
    const times = this.#settings;
    let before: string | undefined;
    await this.#keeper.change(async (state, now, makeKey) => {
      const current = currentKey(state, now)?.kid;
      before ??= current;
      // Another process rotated meanwhile.
      if (current !== before) return state;
      const withOne = nextKey(state, now) ? state : withNext(state, await makeKey(), times, now);
      return withEarlyRotation(withOne, times, now);
    });
    this.#observe();
  }

  /**
   * Removes a key at once; the current one is replaced at once. Other processes heed it within
   * `maxAge`, consumers when what they hold has aged by `maxAge`. Rejects where the store fails,
   * and for a kid that is not in the ring.
   */
  async revoke(kid: string): Promise<void> {
    let isDone = false;
    await this.#keeper.change(async (state, now, makeKey) => {
      if (!state.keys.some((key) => key.kid === kid)) {
        if (isDone || state.revoked.includes(kid)) return state;
        throw new JwksConfigurationError(`The key ring has no key of this kid: "${safeText(String(kid))}"`, 'kid');
      }
      isDone = true;
      const isLast = currentKey(state, now)?.kid === kid && !nextKey(state, now);
      const replaced = isLast ? withNext(state, await makeKey(), this.#settings, now) : state;
      return withRevoked(replaced, kid, now);
    });
    this.#observe();
  }

  /**
   * The ring as a source for the `JwksModule` of the same application, which then needs no HTTP:
   * `JwksModule.forRootAsync({ inject: [JwksKeyRing], useFactory: (ring) => ({ issuer, audience,
   * source: ring.source() }) })`.
   */
  source(): JwkSetSource {
    const load = async () => {
      const { keys, maxAge } = await this.publish();
      return { set: JwkSet.parse({ keys }), origin: 'key ring', hints: { maxAge, isLocal: true } };
    };
    return { load };
  }

  /** @internal */
  async publish(): Promise<Publication> {
    await this.#keeper.refreshToPublish();
    this.#observe();
    const { state, now } = this.#now();
    // The order does not change when another key signs: the set is the same one.
    const keys = [...state.keys].sort((a, b) => a.publishedAt - b.publishedAt);
    const published = keys.map((key) => this.#prepare(key).publicJwk);
    const { maxAge } = this.#settings;
    return publication(published, maxAge, nextChangeAt(state, this.#settings, now) - now);
  }

  /** The key that signs now. @internal */
  async signingKey(): Promise<RingSigningKey> {
    await this.#keeper.refreshToSign();
    this.#observe();
    const { state, now } = this.#now();
    const current = currentKey(state, now);
    if (!current) throw new Error('The key ring has no key');
    const alg = current.jwk.alg as string;
    const prepared = this.#prepare(current);
    prepared.privateKey ??= importJWK(current.jwk, alg) as Promise<CryptoKey>;
    return { kid: current.kid, alg, key: await prepared.privateKey };
  }

  /** A key stays published until the last token that it signed has expired. @internal */
  signed(kid: string, expiresAt: number): void {
    const { lastExpiryOf } = this.#keeper;
    if (expiresAt > (lastExpiryOf.get(kid) ?? 0)) lastExpiryOf.set(kid, expiresAt);
  }

  /** @internal */
  close(): void {
    this.#events.complete();
  }

  /** Without keys whose time is over, whether the store says so yet or not. */
  #now() {
    const now = this.#parts.clock.now();
    return { now, state: withoutExpired(this.#keeper.state, this.#settings, now) };
  }

  #prepare(key: RingKey): Prepared {
    const known = this.#prepared.get(key.kid);
    if (known) return known;
    const publicJwk = publishedJwk(key.jwk);
    if (typeof publicJwk === 'string') throw new JwksConfigurationError(`A key of the ring ${publicJwk}`, 'keys.store');
    const prepared = { publicJwk };
    this.#prepared.set(key.kid, prepared);
    return prepared;
  }

  #observe(): void {
    const { state, now } = this.#now();
    const seen = keyStates(state, now);
    const changes = changesBetween(this.#seen, seen);
    this.#seen = seen;
    for (const kid of this.#prepared.keys()) if (!seen.has(kid)) this.#prepared.delete(kid);
    for (const change of changes) this.#events.next(change);
  }
}
