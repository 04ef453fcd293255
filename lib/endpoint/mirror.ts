import type { ServedJwkSet } from '../client/jwks-client.js';
import { JwksConfigurationError } from '../core/errors.js';
import { safeText } from '../core/events.js';
import type { JwksService } from '../jwks.service.js';
import { MAX_STALE_WHILE_REVALIDATE, STALE_IF_ERROR, type Publication, type Publisher } from './publication.js';
import { MAX_AGE } from './resolve-endpoint-options.js';

/** A stale set may be replaced any moment: others keep it no longer than this, in milliseconds. */
const MAX_AGE_WHILE_STALE = 60_000;

/**
 * The set that `JwksModule` keeps for an issuer, for as long as it serves there, and no longer.
 *
 * @internal
 */
export class MirroredSet implements Publisher {
  constructor(
    private readonly load: () => Promise<ServedJwkSet>,
    /** Undefined: as long as the set is fresh. */
    private readonly maxAge: number | undefined,
  ) {}

  async publish(): Promise<Publication> {
    const { set, freshFor, servesFor } = await this.load();
    const left = freshFor > 0 ? freshFor : Math.min(MAX_AGE_WHILE_STALE, Math.max(0, servesFor));
    const maxAge = Math.min(left, this.maxAge ?? (Number.isFinite(left) ? left : MAX_AGE));
    const rest = Math.max(0, servesFor - maxAge);
    return {
      keys: set.toJSON().keys,
      maxAge,
      staleWhileRevalidate: Math.min(MAX_STALE_WHILE_REVALIDATE, maxAge / 10, rest),
      staleIfError: Math.min(STALE_IF_ERROR, rest),
    };
  }
}

/**
 * Throws a `JwksConfigurationError` where the module does not trust the one issuer that is meant.
 *
 * @internal
 */
export function mirrorOf(
  { issuer, maxAge }: { readonly issuer: string | undefined; readonly maxAge: number | undefined },
  jwks: JwksService,
): MirroredSet {
  const trusted = jwks.status().map((status) => status.issuer);
  // None where a function finds the issuers.
  if (issuer === undefined && trusted.length !== 1) {
    throw fault('is true, and JwksModule trusts several issuers: name the one whose set is published');
  }
  if (issuer !== undefined && trusted.length > 0 && !trusted.includes(issuer)) {
    throw fault(`names "${safeText(issuer)}", which is not an issuer of JwksModule`);
  }
  const client = jwks.client(issuer);
  return new MirroredSet(() => client.getServedSet(), maxAge);
}

function fault(sentence: string): JwksConfigurationError {
  return new JwksConfigurationError(`Option "mirror" ${sentence}`, 'mirror');
}
