import type { KeyLookup } from '../cache/key-lookup.js';
import type { Clock } from '../core/clock.js';
import { InvalidSignatureError, isJwksError, UnsupportedAlgorithmError } from '../core/errors.js';
import { andThen, isPromise, type MaybePromise } from '../core/maybe-promise.js';
import type { JwkSet } from '../keys/jwk-set.js';
import type { SigningKey } from '../keys/signing-key.js';
import { validateClaims, validateIssuer, validateTimestamps, validateType, type TokenRules } from './claims.js';
import type { CompactJwt } from './compact-jwt.js';
import { isSignatureGood } from './signature.js';
import type { SeenToken } from './token-cache.js';
import type { VerifiedToken } from './verified-token.js';

interface Subject {
  readonly token: string;
  readonly jwt: Pick<CompactJwt, 'selector' | 'claims'> & Pick<VerifiedToken, 'header' | 'issuer'>;
}

/**
 * Takes a token of one issuer the whole way: algorithm, issuer, key, signature, claims.
 *
 * @internal
 */
export class TokenVerifier {
  /** Tokens that another key than the first candidate had signed, with the set that they were tried in. */
  private readonly triedIn = new WeakMap<VerifiedToken, JwkSet>();

  constructor(
    private readonly keys: KeyLookup,
    private readonly clock: Clock,
  ) {}

  /**
   * Rejects, or throws at once, with a TokenError or with the SourceError of a key set that cannot
   * be loaded. At once where the key is there and its signatures are cheap.
   */
  verify(token: string, jwt: CompactJwt, rules: TokenRules): MaybePromise<VerifiedToken> {
    const found = this.keyFor(jwt.selector, jwt.issuer, rules);
    return andThen(found, (key) => this.check({ token, jwt }, key, rules));
  }

  /**
   * The same for a token that was verified before, at once: its signature stays good for as long as
   * looking its key up gives the very object that checked it. Else it is checked anew.
   */
  verifyAgain(token: string, seen: SeenToken, rules: TokenRules): MaybePromise<VerifiedToken> {
    const { selector, verified } = seen;
    const { claims, header, issuer } = verified;
    const key = this.keyFor(selector, issuer, rules);
    if (key !== verified.key && !this.isStillSigner(verified))
      return andThen(key, (other) => this.check({ token, jwt: { selector, claims, header, issuer } }, other, rules));
    if (rules === seen.rules) {
      validateTimestamps(claims, rules, this.clock.now());
    } else {
      validateType(header, rules);
      validateClaims(claims, rules, this.clock.now());
    }
    return verified;
  }

  /** Whether the key of a token without a kid was found by trying the keys of the very set that is held. */
  private isStillSigner(verified: VerifiedToken): boolean {
    const set = this.triedIn.get(verified);
    return set !== undefined && set === this.keys.current();
  }

  private keyFor(
    selector: CompactJwt['selector'],
    issuer: string | undefined,
    rules: TokenRules,
  ): MaybePromise<SigningKey> {
    if (!rules.algorithms.has(selector.alg)) throw new UnsupportedAlgorithmError();
    validateIssuer(issuer, rules);
    return this.keys.find(selector);
  }

  private check(subject: Subject, key: SigningKey, rules: TokenRules): MaybePromise<VerifiedToken> {
    let isGood: MaybePromise<boolean>;
    try {
      isGood = isSignatureGood(subject.token, subject.jwt.selector.alg, key);
    } catch (fault) {
      return this.retryWithRefreshedKey(subject, key, rules, fault);
    }
    if (!isPromise(isGood)) return this.decide(isGood, subject, key, rules);
    return isGood.then(
      (found) => this.decide(found, subject, key, rules),
      (fault: unknown) => this.retryWithRefreshedKey(subject, key, rules, fault),
    );
  }

  private decide(isGood: boolean, subject: Subject, key: SigningKey, rules: TokenRules): MaybePromise<VerifiedToken> {
    return isGood ? this.accept(subject, key, rules) : this.retryWithRefreshedKey(subject, key, rules);
  }

  private accept({ jwt }: Subject, key: SigningKey, rules: TokenRules): VerifiedToken {
    validateType(jwt.header, rules);
    const claims = validateClaims(jwt.claims, rules, this.clock.now());
    return Object.freeze({ claims, header: jwt.header, issuer: jwt.issuer, key });
  }

  /**
   * Verifies with the other keys that may have signed the token: those of the held set, for a token
   * without a kid, and then those of a refetched set, since issuers do put new material under an old
   * kid. A key that stays the same keeps its object in the next set, so that another object is another
   * key. `fault`: what OpenSSL threw.
   */
  private async retryWithRefreshedKey(
    subject: Subject,
    failed: SigningKey,
    rules: TokenRules,
    fault?: unknown,
  ): Promise<VerifiedToken> {
    if (isJwksError(fault)) throw fault;
    const { selector } = subject.jwt;
    const tried = new Set([failed]);
    // Where nothing is kept, the key came from the source just now; a token without a kid may be of another.
    const held = this.keys.current() ?? (selector.kid === undefined ? await this.keys.get() : undefined);
    if (!held) throw invalidSignature(fault);
    const isCurrent = held.firstCandidate(selector) === failed;
    let set = held;
    let key = await this.signerAmong(set.candidates(selector), subject, tried);
    // A set that was replaced while the signature was being verified needs no further fetch.
    if (!key && isCurrent) {
      set = await this.keys.refresh({ seen: held, trigger: 'bad-signature' });
      key = await this.signerAmong(set.candidates(selector), subject, tried);
    }
    if (!key) throw invalidSignature(fault);
    const verified = this.accept(subject, key, rules);
    if (selector.kid === undefined) this.triedIn.set(verified, set);
    return verified;
  }

  /** The first of the keys not tried yet under which the signature is good. */
  private async signerAmong(
    candidates: readonly SigningKey[],
    { token, jwt }: Subject,
    tried: Set<SigningKey>,
  ): Promise<SigningKey | undefined> {
    for (const key of candidates) {
      if (tried.has(key)) continue;
      tried.add(key);
      try {
        if (await isSignatureGood(token, jwt.selector.alg, key)) return key;
      } catch (cause) {
        throw isJwksError(cause) ? cause : invalidSignature(cause);
      }
    }
    return undefined;
  }
}

function invalidSignature(cause: unknown): InvalidSignatureError {
  return new InvalidSignatureError(undefined, cause === undefined ? {} : { cause });
}
