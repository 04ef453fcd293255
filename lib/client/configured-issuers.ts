import { UntrustedIssuerError } from '../core/errors.js';
import type { TrustedIssuer } from './issuer-chain.js';
import { namelessIssuer, type IssuerRegistry } from './issuers.js';

/** One issuer, or the keys of one place whatever the issuer. @internal */
export class SingleIssuer implements IssuerRegistry {
  readonly isDynamic = false;

  constructor(private readonly trustedIssuer: TrustedIssuer) {}

  trusted(iss: string | undefined): TrustedIssuer {
    const { issuer } = this.trustedIssuer;
    if (issuer !== undefined && iss !== issuer) throw new UntrustedIssuerError();
    return this.trustedIssuer;
  }

  named(issuer: string | undefined): TrustedIssuer {
    return issuer === undefined ? this.trustedIssuer : this.trusted(issuer);
  }

  known(issuer: string): TrustedIssuer | undefined {
    return this.trustedIssuer.issuer === undefined || this.trustedIssuer.issuer === issuer
      ? this.trustedIssuer
      : undefined;
  }

  all(): readonly TrustedIssuer[] {
    return [this.trustedIssuer];
  }

  close(): Promise<void> {
    return this.trustedIssuer.close();
  }
}

/** Several issuers. @internal */
export class ListedIssuers implements IssuerRegistry {
  readonly isDynamic = false;
  private readonly byName: ReadonlyMap<string | undefined, TrustedIssuer>;

  constructor(private readonly trustedIssuers: readonly TrustedIssuer[]) {
    this.byName = new Map(trustedIssuers.map((trustedIssuer) => [trustedIssuer.issuer, trustedIssuer]));
  }

  trusted(iss: string | undefined): TrustedIssuer {
    const trustedIssuer = this.byName.get(iss);
    if (!trustedIssuer) throw new UntrustedIssuerError();
    return trustedIssuer;
  }

  named(issuer: string | undefined): TrustedIssuer {
    const [only] = this.trustedIssuers;
    if (issuer !== undefined) return this.trusted(issuer);
    if (only && this.trustedIssuers.length === 1) return only;
    throw namelessIssuer();
  }

  known(issuer: string): TrustedIssuer | undefined {
    return this.byName.get(issuer);
  }

  all(): readonly TrustedIssuer[] {
    return this.trustedIssuers;
  }

  async close(): Promise<void> {
    await Promise.all(this.trustedIssuers.map((trustedIssuer) => trustedIssuer.close()));
  }
}
