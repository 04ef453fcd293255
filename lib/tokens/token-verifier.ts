import { compactVerify, type CryptoKey } from 'jose';
import type { KeyLookup } from '../cache/key-lookup.js';
import type { Clock } from '../core/clock.js';
import { InvalidSignatureError, isJwksError, UnsupportedAlgorithmError } from '../core/errors.js';
import type { SigningKey } from '../keys/signing-key.js';
import { judgeClaims, judgeIssuer, judgeTokenType, type TokenRules } from './claims.js';
import type { CompactJwt } from './compact-jwt.js';
import type { VerifiedToken } from './verified-token.js';

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

  /** Rejects with a TokenError, or with the SourceError of a key set that cannot be had. */
  async verify(jwt: CompactJwt, rules: TokenRules): Promise<VerifiedToken> {
    if (!rules.algorithms.has(jwt.selector.alg)) throw new UnsupportedAlgorithmError();
    judgeIssuer(jwt.issuer, rules);
    const found = this.keys.find(jwt.selector);
    let key = found instanceof Promise ? await found : found;
    try {
      await checkSignature(jwt, key);
    } catch (fault) {
      key = await this.secondChance(jwt, key, fault);
    }
    judgeTokenType(jwt.header, rules);
    const claims = judgeClaims(jwt.claims, rules, this.clock.now());
    return Object.freeze({ claims, header: jwt.header, issuer: jwt.issuer, key });
  }

  /** Answers with the key that verifies the signature after all, where another has taken the place of the one that did not. */
  private async secondChance(jwt: CompactJwt, failed: SigningKey, fault: unknown): Promise<SigningKey> {
    // Where it was thrown decides what it means: import and verification throw TypeError, DOMException and OperationError, too.
    if (isJwksError(fault)) throw fault;
    const successor = await this.successorOf(failed, jwt);
    if (!successor) throw new InvalidSignatureError(undefined, { cause: fault });
    try {
      await checkSignature(jwt, successor);
    } catch (cause) {
      throw isJwksError(cause) ? cause : new InvalidSignatureError(undefined, { cause });
    }
    return successor;
  }

  /**
   * Issuers do put new material under an old kid. A key that stays the same keeps its object in the next set, so that another object is
   * another key.
   */
  private async successorOf(key: SigningKey, jwt: CompactJwt): Promise<SigningKey | undefined> {
    const held = this.keys.held();
    // Nothing is kept, so the key came from the source just now.
    if (!held) return undefined;
    const current = held.select(jwt.selector);
    // The set was replaced while the signature was being verified: nobody needs to ask for it again.
    if (current !== key) return current;
    const refreshed = await this.keys.refresh({ seen: held, because: 'bad-signature' });
    const next = refreshed.select(jwt.selector);
    return next === key ? undefined : next;
  }
}

/** Rejects or throws, whatever jose and the platform throw, where the key does not verify the signature. */
function checkSignature(jwt: CompactJwt, key: SigningKey): Promise<unknown> {
  const { alg } = jwt.selector;
  const cryptoKey = key.cryptoKey(alg);
  const verify = (made: CryptoKey) => compactVerify(jwt.token, made, { algorithms: [alg] });
  return cryptoKey instanceof Promise ? cryptoKey.then(verify) : verify(cryptoKey);
}
