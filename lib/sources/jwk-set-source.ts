import type { JwkSet } from '../keys/jwk-set.js';
import { publicDocument } from './public-document.js';

/** What a source's answer says about its own freshness. All in milliseconds. @publicApi */
export interface FreshnessHints {
  /**
   * How long the answer stays fresh from now on; absent: it does not say. 0: `no-cache`, `no-store`
   * or already old.
   */
  readonly maxAge?: number;
  /**
   * `stale-if-error` (RFC 5861 section 4): how long past its freshness it may serve while no source
   * answers.
   */
  readonly staleIfError?: number;
  /** `true`: asking costs nothing, so that `maxAge` counts as it is, whatever `cache` says of the freshness of sets. */
  readonly isLocal?: boolean;
}

/** What a conditional request needs (RFC 9110 section 8.8). @publicApi */
export interface Validators {
  readonly etag?: string;
  readonly lastModified?: string;
}

/** The answer that is held. @publicApi */
export interface PreviousAnswer extends Validators {
  readonly set: JwkSet;
  /** The `origin` of the answer. A source uses validators only where this is its own. */
  readonly origin: string;
}

/** What a source is asked. @publicApi */
export interface LoadRequest {
  /** Aborts when the answer is of no use any more. */
  readonly signal: AbortSignal;
  /** Ask caches on the way for a fresh answer (`Cache-Control: no-cache`): a kid was not found. */
  readonly reload: boolean;
  /** The answer that is held, for a conditional request. */
  readonly previous?: PreviousAnswer | undefined;
}

/** What a source answers. @publicApi */
export interface SourceAnswer extends Validators {
  readonly set: JwkSet;
  /** Where the set comes from: the URI, or a name. */
  readonly origin: string;
  readonly hints?: FreshnessHints;
  /** Milliseconds by which the source's clock is ahead of this machine's, where it said. */
  readonly clockOffset?: number | undefined;
  /** The source said that `previous` still holds (304); `set` is that of `previous`. */
  readonly notModified?: boolean;
}

/**
 * Where a JWK Set comes from. Write one to take keys from anywhere else than HTTP: answer with a
 * parsed set (`JwkSet.parse`), throw `JwksConnectionError` or `InvalidJwkSetError`; anything else
 * that is thrown counts as the former.
 *
 * @publicApi
 */
export interface JwkSetSource {
  /**
   * What messages call the source, such as its URL without the query. Its set is put into
   * `cache.store` under this name and the issuer's; without a name it is not.
   */
  readonly name?: string | undefined;
  load(request: LoadRequest): Promise<SourceAnswer>;
  /**
   * The document as it came, for `fetchJwkSet()`; without it, that returns the usable keys.
   */
  fetchDocument?(request: LoadRequest): Promise<unknown>;
  /** Frees what the source holds (connections). */
  close?(): Promise<void>;
}

/** A set that never changes and is never fetched. @internal */
export class StaticSource implements JwkSetSource {
  constructor(
    private readonly set: JwkSet,
    private readonly document: unknown,
  ) {}

  async load(): Promise<SourceAnswer> {
    return { set: this.set, origin: 'static', hints: { maxAge: Number.POSITIVE_INFINITY } };
  }

  async fetchDocument(): Promise<unknown> {
    return publicDocument(this.document);
  }
}

/** What `fetchDocument` answers, for a source with or without it. @internal */
export async function documentOf(source: JwkSetSource, request: LoadRequest): Promise<unknown> {
  return source.fetchDocument ? source.fetchDocument(request) : (await source.load(request)).set.toJSON();
}
