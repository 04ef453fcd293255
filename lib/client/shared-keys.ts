import type { KeyLookup } from '../cache/key-lookup.js';
import type { TokenVerifier } from '../tokens/token-verifier.js';
import type { GatedSource } from './gated-source.js';

/** @internal */
export interface SharedKeysParts {
  readonly keys: KeyLookup;
  readonly verifier: TokenVerifier;
  /** Limit the loads of issuers that a resolver function returned. */
  readonly gates: readonly GatedSource[];
  /** Frees what the set was made of. */
  readonly dispose: () => Promise<void>;
}

/**
 * The kept set of one place, for all issuers whose keys come from there. Closed with the last of
 * them.
 *
 * @internal
 */
export class SharedKeys {
  readonly keys: KeyLookup;
  readonly verifier: TokenVerifier;
  users = 0;

  constructor(private readonly parts: SharedKeysParts) {
    this.keys = parts.keys;
    this.verifier = parts.verifier;
  }

  /** A token was verified, or the application named the issuer. */
  trust(): void {
    for (const gate of this.parts.gates) gate.trust();
  }

  /** The application asks for the next load. */
  request(): void {
    for (const gate of this.parts.gates) gate.request();
  }

  /** No verification is under way. */
  idle(): void {
    for (const gate of this.parts.gates) gate.idle();
  }

  acquire(): this {
    this.users += 1;
    return this;
  }

  async release(): Promise<void> {
    this.users -= 1;
    if (this.users > 0) return;
    this.keys.close();
    // A custom source may fail to close; there is no one left to report it to.
    await this.parts.dispose().catch(() => undefined);
  }
}
