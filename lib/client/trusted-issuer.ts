import type { JwkSetCounters, KeyLookup, KeyLookupStatus } from '../cache/key-lookup.js';
import { JwksConfigurationError, UntrustedIssuerError } from '../core/errors.js';
import { isPromise, type MaybePromise } from '../core/maybe-promise.js';
import type { ResolvedIssuer } from '../options/resolve-issuer.js';
import { resolveVerifyOptions, type JwksVerifyOptions } from '../options/verify-options.js';
import type { JwkSetSource } from '../sources/jwk-set-source.js';
import type { TokenRules } from '../tokens/claims.js';
import type { TokenVerifier } from '../tokens/token-verifier.js';
import { isFrozen } from '../options/frozen-options.js';
import { TokenTally, type JwksTokenCounters } from './token-tally.js';

/**
 * State of one issuer's keys: plain data for a log or a status page, no secrets.
 *
 * @publicApi
 */
export interface JwksStatus extends KeyLookupStatus {
  /** As configured; absent where none is. */
  readonly issuer?: string;
  /** Tokens of this issuer since the start. */
  readonly tokens: JwksTokenCounters;
}

/** @internal */
export interface IssuerParts {
  readonly keys: KeyLookup;
  readonly verifier: TokenVerifier;
  readonly source: JwkSetSource;
}

/**
 * What is asked of a token: by which of the trusted issuers it is (`undefined`: any), and the rest.
 */
interface CallRules {
  readonly issuers: readonly string[] | undefined;
  readonly rules: TokenRules;
}

/**
 * One issuer: its rules, its keys, and what verifies its tokens.
 *
 * @internal
 */
export class TrustedIssuer {
  readonly keys: KeyLookup;
  readonly verifier: TokenVerifier;
  readonly tally = new TokenTally();
  /** The rules without options: those of nearly every token. */
  private defaultRules: TokenRules | undefined;
  /** Those with options that never change: the ones of routes. */
  private readonly frozen = new WeakMap<JwksVerifyOptions, CallRules>();
  private users = 0;
  private isRetired = false;

  constructor(
    readonly settings: ResolvedIssuer,
    private readonly parts: IssuerParts,
  ) {
    this.keys = parts.keys;
    this.verifier = parts.verifier;
  }

  /** What events and status call it. */
  get issuer(): string | undefined {
    return this.settings.issuer || undefined;
  }

  /** Throws where verification would lack a decision, whatever the token. */
  requireIssuerAndAudience(options: JwksVerifyOptions | undefined): void {
    const { issuer = options?.issuer, audience = options?.audience } = this.settings;
    if (issuer !== undefined && audience !== undefined) return;
    const name = issuer === undefined ? 'issuer' : 'audience';
    throw new JwksConfigurationError(`verify needs the option "${name}" of the client: ${name} or false`, name);
  }

  /** The rules for a token that names `iss`, which is not verified. */
  rulesFor(iss: string | undefined, options: JwksVerifyOptions | undefined): TokenRules {
    if (options === undefined) return (this.defaultRules ??= this.callRulesOf(iss, undefined).rules);
    const { issuers, rules } = this.frozen.get(options) ?? this.callRulesOf(iss, options);
    if (issuers && (iss === undefined || !issuers.includes(iss))) throw new UntrustedIssuerError();
    return rules;
  }

  /** The same; `undefined` where the options leave no rules for this issuer. */
  rulesIfAny(iss: string | undefined, options: JwksVerifyOptions | undefined): TokenRules | undefined {
    try {
      return this.rulesFor(iss, options);
    } catch {
      return undefined;
    }
  }

  private callRulesOf(iss: string | undefined, options: JwksVerifyOptions | undefined): CallRules {
    this.requireIssuerAndAudience(options);
    const { issuers, audience = false, rules } = resolveVerifyOptions(options, this.settings);
    const { issuer } = this.settings;
    const callRules = { issuers, rules: { ...rules, issuer: issuer ?? iss ?? false, audience } };
    if (options && issuer !== undefined && isFrozen(options)) this.frozen.set(options, callRules);
    return callRules;
  }

  status(untrusted: TokenTally): JwksStatus {
    const { issuer, tally } = this;
    return {
      ...(issuer !== undefined && { issuer }),
      ...this.keys.status(),
      tokens: { accepted: tally.accepted, rejected: tally.rejected, untrusted: untrusted.rejected },
    };
  }

  /** Keeps the issuer open until `work` is done. */
  during<T>(work: MaybePromise<T>): MaybePromise<T> {
    return isPromise(work) ? this.use(() => work) : work;
  }

  /** The same for work that starts now. */
  async use<T>(work: () => MaybePromise<T>): Promise<T> {
    this.users += 1;
    try {
      return await work();
    } finally {
      this.users -= 1;
      if (this.isRetired && this.users === 0) void this.close();
    }
  }

  /** Closes it once it is not in use. Returns its counters. */
  retire(): JwkSetCounters {
    this.isRetired = true;
    const { counters } = this.keys.status();
    if (this.users === 0) void this.close();
    return counters;
  }

  /** Ends the fetch under way; later look-ups reject. */
  async close(): Promise<void> {
    this.keys.close();
    // A custom source may fail to close; there is no one left to report it to.
    await Promise.resolve(this.parts.source.close?.()).catch(() => undefined);
  }
}

/** Of an issuer that was named and not used yet. @internal */
export function idleStatus(issuer: string | undefined): JwksStatus {
  const counters = { hits: 0, misses: 0, fetches: 0, failures: 0, rotations: 0, unknownKids: 0 };
  const others = { refetchesSkipped: 0, staleServed: 0, storeReads: 0, storeFailures: 0 };
  return {
    ...(issuer !== undefined && { issuer }),
    state: 'empty',
    keys: 0,
    kids: [],
    algs: [],
    counters: { ...counters, ...others },
    tokens: { accepted: 0, rejected: {}, untrusted: {} },
  };
}
