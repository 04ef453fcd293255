import { UntrustedIssuerError } from '../core/errors.js';
import type { IssuerChain } from './issuer-chain.js';
import { namelessIssuer, type Issuers } from './issuers.js';

/** One issuer, or the keys of one place whatever the issuer. @internal */
export class SingleIssuer implements Issuers {
  constructor(private readonly chain: IssuerChain) {}

  trusted(iss: string | undefined): IssuerChain {
    const { issuer } = this.chain;
    if (issuer !== undefined && iss !== issuer) throw new UntrustedIssuerError();
    return this.chain;
  }

  named(issuer: string | undefined): IssuerChain {
    return issuer === undefined ? this.chain : this.trusted(issuer);
  }

  all(): readonly IssuerChain[] {
    return [this.chain];
  }

  close(): Promise<void> {
    return this.chain.close();
  }
}

/** Several issuers. @internal */
export class ListedIssuers implements Issuers {
  private readonly byName: ReadonlyMap<string | undefined, IssuerChain>;

  constructor(private readonly chains: readonly IssuerChain[]) {
    this.byName = new Map(chains.map((chain) => [chain.issuer, chain]));
  }

  trusted(iss: string | undefined): IssuerChain {
    const chain = this.byName.get(iss);
    if (!chain) throw new UntrustedIssuerError();
    return chain;
  }

  named(issuer: string | undefined): IssuerChain {
    const [only] = this.chains;
    if (issuer !== undefined) return this.trusted(issuer);
    if (only && this.chains.length === 1) return only;
    throw namelessIssuer();
  }

  all(): readonly IssuerChain[] {
    return this.chains;
  }

  async close(): Promise<void> {
    await Promise.all(this.chains.map((chain) => chain.close()));
  }
}
