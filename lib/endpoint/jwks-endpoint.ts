import type { Clock } from '../core/clock.js';
import { safeText } from '../core/events.js';
import { answer, type Document, type DocumentRequest } from '../documents/document-answer.js';
import type { DocumentRoute } from '../documents/document-route.js';
import { FetchedKeys, FixedKeys } from './fixed-keys.js';
import { JwksKeyRing } from './key-ring.js';
import { cacheControl, publication, type Publisher } from './publication.js';
import { MAX_AGE, resolveEndpointOptions, startFault, type ResolvedEndpoint } from './resolve-endpoint-options.js';
import { JwksSigner } from './signer.js';
import { isMemoryStore } from './stores/memory-store.js';

/** @internal */
export interface EndpointLogger {
  log(line: string): void;
  warn(line: string): void;
}

/** @internal */
export interface EndpointParts {
  readonly clock: Clock;
  readonly logger: EndpointLogger;
}

/** The same trouble is logged once in this time, in milliseconds. */
const QUIET_FOR = 60_000;

/** What a module is made of, without Nest. @internal */
export class JwksEndpoint {
  readonly signer: JwksSigner;

  private publisher: Publisher | undefined;
  private readonly warn: Warn;

  private constructor(
    readonly settings: ResolvedEndpoint,
    /** Where the keys are a ring. */
    readonly ring: JwksKeyRing | undefined,
    { clock, warn }: { readonly clock: Clock; readonly warn: Warn },
  ) {
    this.publisher = ring;
    this.warn = warn;
    this.signer = new JwksSigner({ ring, issuer: settings.issuer, clock });
  }

  /**
   * Throws and rejects with a `JwksConfigurationError`. A mirror gets its publisher later, by
   * `publishFrom`.
   */
  static async open(options: unknown, { clock, logger }: EndpointParts): Promise<JwksEndpoint> {
    const settings = resolveEndpointOptions(options);
    const { keys } = settings;
    const warn = warnRarely(clock, logger);
    const parts = {
      clock,
      onFailure: (error: unknown) => warn('The last keys serve: they could not be refreshed', error),
    };
    if (keys.kind === 'ring') {
      if (isMemoryStore(keys.store)) logger.log(IN_MEMORY);
      const opening = JwksKeyRing.open(keys.settings, { store: keys.store, ...parts });
      return new JwksEndpoint(settings, await orFault('keys.store', opening), { clock, warn });
    }
    const endpoint = new JwksEndpoint(settings, undefined, { clock, warn });
    if (keys.kind === 'fixed') endpoint.publishFrom(new FixedKeys(keys.keys, keys.maxAge));
    if (keys.kind === 'function') {
      endpoint.publishFrom(await orFault('keys', FetchedKeys.open({ ...keys, ...parts })));
    }
    return endpoint;
  }

  publishFrom(publisher: Publisher): void {
    this.publisher = publisher;
  }

  routes(): DocumentRoute[] {
    const { issuer, path, metadataPath, cors } = this.settings;
    const route = (at: string, load: () => Promise<Document>) => {
      return { path: at, answer: (request: DocumentRequest) => answer(request, cors, load) };
    };
    const set = route(path, () => this.set());
    if (issuer === undefined || metadataPath === undefined) return [set];
    const metadata = metadataOf(issuer, this.settings);
    return [set, route(metadataPath, async () => metadata)];
  }

  close(): void {
    this.ring?.close();
  }

  private async set(): Promise<Document> {
    try {
      if (!this.publisher) throw new Error('The application has not started yet');
      const published = await this.publisher.publish();
      const body = JSON.stringify({ keys: published.keys });
      return { contentType: 'application/jwk-set+json', body, cacheControl: cacheControl(published) };
    } catch (error) {
      this.warn('There are no keys to publish', error);
      throw error;
    }
  }
}

function orFault<T>(option: string, opening: Promise<T>): Promise<T> {
  return opening.catch((error: unknown) => {
    throw startFault(option, error);
  });
}

function metadataOf(issuer: string, { path, keys }: ResolvedEndpoint): Document {
  const maxAge = keys.kind === 'ring' ? keys.settings.maxAge : keys.maxAge;
  return {
    contentType: 'application/json',
    body: JSON.stringify({ issuer, jwks_uri: new URL(path, issuer).href }),
    cacheControl: cacheControl(publication([], maxAge ?? MAX_AGE)),
  };
}

const IN_MEMORY =
  'The key ring is kept in memory: its keys go with this process, and tokens that they signed are rejected from then on';

type Warn = (sentence: string, error: unknown) => void;

/** Each sentence once in a while. */
function warnRarely(clock: Clock, logger: EndpointLogger): Warn {
  const quietUntil = new Map<string, number>();
  return (sentence, error) => {
    const now = clock.monotonic();
    if (now < (quietUntil.get(sentence) ?? 0)) return;
    quietUntil.set(sentence, now + QUIET_FOR);
    const message = error instanceof Error ? error.message : String(error);
    logger.warn(`${sentence}: "${safeText(message)}"`);
  };
}
