import type { CryptoKey } from 'jose';
import { compactVerify } from 'jose/jws/compact/verify';
import type { KeyLookup } from '../cache/key-lookup.js';
import type { Clock } from '../core/clock.js';
import { InvalidSignatureError, isJwksError, UnsupportedAlgorithmError } from '../core/errors.js';
import { isPromise, type MaybePromise } from '../core/maybe-promise.js';
import type { SigningKey } from '../keys/signing-key.js';
import { validateClaims, validateIssuer, validateTimestamps, validateType, type TokenRules } from './claims.js';
import type { CompactJwt } from './compact-jwt.js';
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
  constructor(
    private readonly keys: KeyLookup,
    private readonly clock: Clock,
  ) {}

  /**
   * Rejects, or throws at once, with a TokenError or with the SourceError of a key set that cannot
   * be loaded.
   */
  verify(token: string, jwt: CompactJwt, rules: TokenRules): Promise<VerifiedToken> {
    return this.complete({ token, jwt }, this.keyFor(jwt.selector, jwt.issuer, rules), rules);
  }

  /**
   * The same for a token that was verified before, at once: its signature stays good for as long as
   * looking its key up gives the very object that checked it. Else it is checked anew.
   */
  verifyAgain(token: string, seen: SeenToken, rules: TokenRules): MaybePromise<VerifiedToken> {
    const { selector, verified } = seen;
    const { claims, header, issuer } = verified;
    const key = this.keyFor(selector, issuer, rules);
    if (key !== verified.key) return this.complete({ token, jwt: { selector, claims, header, issuer } }, key, rules);
    if (rules === seen.rules) {
      validateTimestamps(claims, rules, this.clock.now());
    } else {
      validateType(header, rules);
      validateClaims(claims, rules, this.clock.now());
    }
    return verified;
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

  private async complete(subject: Subject, found: MaybePromise<SigningKey>, rules: TokenRules): Promise<VerifiedToken> {
    const { jwt } = subject;
    let key = isPromise(found) ? await found : found;
    try {
      await checkSignature(subject, key);
    } catch (fault) {
      key = await this.retryWithRefreshedKey(subject, key, fault);
    }
    validateType(jwt.header, rules);
    const claims = validateClaims(jwt.claims, rules, this.clock.now());
    return Object.freeze({ claims, header: jwt.header, issuer: jwt.issuer, key });
  }

  /**
   * Returns the key that verifies the signature after all, where another has taken the place
   * of the one that did not.
   */
  private async retryWithRefreshedKey(subject: Subject, failed: SigningKey, fault: unknown): Promise<SigningKey> {
    // Where it was thrown decides what it means: import and verification throw TypeError,
    // DOMException and OperationError, too.
    if (isJwksError(fault)) throw fault;
    const successor = await this.successorOf(failed, subject.jwt);
    if (!successor) throw new InvalidSignatureError(undefined, { cause: fault });
    try {
      await checkSignature(subject, successor);
    } catch (cause) {
      throw isJwksError(cause) ? cause : new InvalidSignatureError(undefined, { cause });
    }
    return successor;
  }

  /**
   * Issuers do put new material under an old kid. A key that stays the same keeps its object in the
   * next set, so that another object is another key.
   */
  private async successorOf(key: SigningKey, jwt: Subject['jwt']): Promise<SigningKey | undefined> {
    const held = this.keys.current();
    // Nothing is kept, so the key came from the source just now.
    if (!held) return undefined;
    const current = held.select(jwt.selector);
    // The set was replaced while the signature was being verified: no further fetch is needed
    // again.
    if (current !== key) return current;
    const refreshed = await this.keys.refresh({ seen: held, trigger: 'bad-signature' });
    const next = refreshed.select(jwt.selector);
    return next === key ? undefined : next;
  }
}

/**
 * Rejects or throws, whatever jose and the platform throw, where the key does not verify the
 * signature.
 */
function checkSignature({ token, jwt }: Subject, key: SigningKey): Promise<unknown> {
  const { alg } = jwt.selector;
  const cryptoKey = key.cryptoKey(alg);
  const verify = (made: CryptoKey) => compactVerify(token, made, { algorithms: [alg] });
  return isPromise(cryptoKey) ? cryptoKey.then(verify) : verify(cryptoKey);
}
