import type { KeyLookup } from '../cache/key-lookup.js';
import type { TokenVerifier } from '../tokens/token-verifier.js';
import type { GatedSource } from './gated-source.js';

/** @internal */
export interface SharedKeysParts {
  readonly keys: KeyLookup;
  readonly verifier: TokenVerifier;
  /** Limits the loads of issuers that a resolver function returned. */
  readonly gate: GatedSource | undefined;
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
  readonly gate: GatedSource | undefined;
  users = 0;

  constructor(private readonly parts: SharedKeysParts) {
    this.keys = parts.keys;
    this.verifier = parts.verifier;
    this.gate = parts.gate;
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
