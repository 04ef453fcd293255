import type { JwkSetCounters, KeyLookup, KeyLookupStatus } from '../cache/key-lookup.js';
import { JwksConfigurationError, UntrustedIssuerError } from '../core/errors.js';
import { isPromise, type MaybePromise } from '../core/maybe-promise.js';
import type { ResolvedIssuer } from '../options/resolve-issuer.js';
import { resolveVerifyOptions, type JwksVerifyOptions } from '../options/verify-options.js';
import type { TokenRules } from '../tokens/claims.js';
import type { TokenVerifier } from '../tokens/token-verifier.js';
import { isFrozen } from '../options/frozen-options.js';
import type { SharedKeys } from './shared-keys.js';
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
  /** There where bound tokens are accepted as bearer tokens, by the option of that name. */
  readonly boundTokens?: 'verified-by-gateway';
}

/** Learns of the use of an issuer. @internal */
export interface IssuerWatcher {
  /** A token was verified. */
  verified(): void;
  /** No work with the issuer is under way any more. */
  idle(): void;
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
  watcher: IssuerWatcher | undefined;
  /** The rules without options: those of nearly every token. */
  private defaultRules: TokenRules | undefined;
  /** Those with options that never change: the ones of routes. */
  private readonly frozen = new WeakMap<JwksVerifyOptions, CallRules>();
  private users = 0;
  private isRetired = false;
  private isClosed = false;

  constructor(
    readonly settings: ResolvedIssuer,
    readonly shared: SharedKeys,
    readonly tally = new TokenTally(),
  ) {
    this.keys = shared.keys;
    this.verifier = shared.verifier;
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

  /** Runs `work`, and keeps the issuer open until it is done. */
  use<T>(work: () => MaybePromise<T>): MaybePromise<T> {
    this.users += 1;
    let outcome: MaybePromise<T>;
    try {
      outcome = work();
    } catch (error) {
      this.leave();
      throw error;
    }
    if (isPromise(outcome)) return this.settle(outcome);
    this.leave();
    return outcome;
  }

  /**
   * Closes it once it is not in use. Returns the counters of its set, unless another issuer goes on
   * with that.
   */
  retire(): JwkSetCounters | undefined {
    this.isRetired = true;
    const counters = this.shared.users > 1 ? undefined : this.keys.status().counters;
    // Not at once: a caller that was just given this issuer begins to use it within this turn.
    setImmediate(() => this.closeIfIdle());
    return counters;
  }

  /** Takes `retire` back, while it is in use. */
  revive(): void {
    this.isRetired = false;
  }

  /** Ends the fetch under way; later look-ups reject. */
  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    await this.shared.release();
  }

  private async settle<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } finally {
      this.leave();
    }
  }

  private leave(): void {
    this.users -= 1;
    if (this.users > 0) return;
    this.watcher?.idle();
    this.closeIfIdle();
  }

  private closeIfIdle(): void {
    if (this.isRetired && this.users === 0) void this.close();
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
