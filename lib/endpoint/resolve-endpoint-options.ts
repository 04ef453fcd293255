import type { JWK } from 'jose';
import { JwksConfigurationError } from '../core/errors.js';
import { DOCUMENT_PATH, PATH_CHARACTERS } from '../documents/document-route.js';
import { algorithmFault } from '../options/algorithms.js';
import { OptionReader } from '../options/option-reader.js';
import { urlFault } from '../options/urls.js';
import type { JwksEndpointCors, JwksEndpointOptions, JwksKeyRingOptions } from './endpoint-options.js';
import { publishedSet } from './fixed-keys.js';
import type { KeyRingStore } from './key-ring-store.js';
import type { PublishableKey } from './publishable-key.js';
import type { RingSettings } from './ring-keeper.js';
import { memoryKeyRingStore } from './stores/memory-store.js';

/** What is published. @internal */
export type ResolvedKeys =
  | { readonly kind: 'ring'; readonly settings: RingSettings; readonly store: KeyRingStore }
  | { readonly kind: 'fixed'; readonly keys: readonly Readonly<JWK>[]; readonly maxAge: number }
  | { readonly kind: 'function'; readonly fetch: () => Promise<readonly PublishableKey[]>; readonly maxAge: number }
  /** `maxAge` undefined: as long as the set is fresh. */
  | { readonly kind: 'mirror'; readonly issuer: string | undefined; readonly maxAge: number | undefined };

/** @internal */
export interface ResolvedEndpoint {
  readonly issuer: string | undefined;
  /** With a slash before it, as the next one. */
  readonly path: string;
  /** Of the metadata, where there is an issuer. */
  readonly metadataPath: string | undefined;
  readonly keys: ResolvedKeys;
  readonly cors: JwksEndpointCors | undefined;
}

const NAMES: readonly (keyof JwksEndpointOptions)[] = ['issuer', 'path', 'keys', 'mirror', 'maxAge', 'cors'];
const RING_NAMES: readonly (keyof JwksKeyRingOptions)[] = [
  'algorithm',
  'modulusLength',
  'rotateEvery',
  'publishAhead',
  'keepFor',
  'store',
];
const SIGNING_ALGORITHMS = ['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519', 'RS256', 'PS256'];
const POST_QUANTUM = ['ML-DSA-44', 'ML-DSA-65', 'ML-DSA-87'];

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;

/** @internal */
export const MAX_AGE = 10 * MINUTE;

/**
 * Checks the options of the endpoint and completes them. Throws a `JwksConfigurationError` that
 * names the option.
 *
 * @internal
 */
export function resolveEndpointOptions(given: unknown): ResolvedEndpoint {
  const options = OptionReader.read(given, '', NAMES);
  const issuer = readIssuer(options);
  const metadataPath = issuer === undefined ? undefined : METADATA + issuerPath(issuer);
  const path = `/${options.text('path', '.well-known/jwks.json', DOCUMENT_PATH, TAKES_PATH).replace(/^\//, '')}`;
  if (path === metadataPath) throw options.fault('path', 'is that of the metadata of the issuer');
  return { issuer, path, metadataPath, keys: readKeys(options), cors: readCors(options) };
}

/**
 * RFC 8414 section 3: the well-known name stands before the path of the issuer, without the slash
 * at its end.
 */
const METADATA = '/.well-known/oauth-authorization-server';

function issuerPath(issuer: string): string {
  return new URL(issuer).pathname.replace(/\/$/, '');
}

const TAKES_PATH = `a path of ${PATH_CHARACTERS}, such as '.well-known/jwks.json'`;

function readIssuer(options: OptionReader): string | undefined {
  if (!options.has('issuer')) {
    if (!options.mentions('issuer')) return undefined;
    throw options.fault(
      'issuer',
      'is undefined (an environment variable that is not set?): name the "iss", or leave it out',
    );
  }
  const issuer = options.get('issuer');
  // Over http consumers have to allow it: they are the ones who fetch.
  const fault = urlFault(issuer, { allowInsecure: true });
  if (fault) throw options.fault('issuer', fault);
  // RFC 8414 section 2.
  if (String(issuer).includes('?')) throw options.fault('issuer', 'takes a URL without a query');
  const path = issuerPath(issuer as string);
  if (path !== '' && !DOCUMENT_PATH.test(path))
    throw options.fault('issuer', `takes a URL whose path is made of ${PATH_CHARACTERS}`);
  return issuer as string;
}

function readKeys(options: OptionReader): ResolvedKeys {
  options.excludes('mirror', ['keys'], 'the mirrored set has all the keys');
  if (options.has('mirror')) return readMirror(options);
  const keys = options.get('keys');
  const maxAge = readMaxAge(options, MAX_AGE);
  const fetch = typeof keys === 'function' && options.method<() => Promise<PublishableKey[]>>('keys', 'a function');
  if (fetch) return { kind: 'function', fetch, maxAge };
  if (Array.isArray(keys)) return { kind: 'fixed', keys: readFixedKeys(options, keys), maxAge };
  if (typeof keys !== 'object' || keys === null) {
    throw options.invalid(
      'keys',
      'a key ring ({ algorithm, … }), a list of keys or a function, unless there is a "mirror"',
    );
  }
  const ring = options.section('keys', RING_NAMES);
  return { kind: 'ring', settings: readRing(ring, maxAge), store: readStore(ring) };
}

function readMirror(options: OptionReader): ResolvedKeys {
  const mirror = options.get('mirror');
  if (mirror !== true && (typeof mirror !== 'string' || mirror === '')) {
    throw options.invalid('mirror', 'true or the name of an issuer of JwksModule');
  }
  return { kind: 'mirror', issuer: mirror === true ? undefined : mirror, maxAge: readMaxAge(options, undefined) };
}

function readFixedKeys(options: OptionReader, keys: unknown[]): readonly Readonly<JWK>[] {
  if (keys.length === 0) throw options.fault('keys', 'is an empty list: consumers would reject every token');
  try {
    return publishedSet(keys, 'keys');
  } catch (error) {
    throw options.fault('keys', `cannot be published: ${(error as Error).message}`);
  }
}

function readMaxAge<T>(options: OptionReader, fallback: T): number | T {
  const maxAge = options.duration('maxAge', fallback);
  if (typeof maxAge === 'number' && maxAge < SECOND) throw options.invalid('maxAge', 'a second or more');
  return maxAge;
}

function readRing(options: OptionReader, maxAge: number): RingSettings {
  const algorithm = readAlgorithm(options);
  const isRsa = /^[RP]S/.test(algorithm);
  if (options.has('modulusLength') && !isRsa) throw options.fault('modulusLength', `means nothing to ${algorithm}`);
  const times = {
    rotateEvery: options.duration('rotateEvery', 30 * DAY),
    publishAhead: options.duration('publishAhead', DAY),
    keepFor: options.duration('keepFor', DAY),
  };
  if (times.publishAhead < maxAge) {
    throw options.fault('publishAhead', 'is shorter than "maxAge": a key would sign before consumers have heard of it');
  }
  if (times.publishAhead > times.rotateEvery) {
    throw options.fault('publishAhead', 'is longer than "rotateEvery": there would be more than one next key');
  }
  if (times.keepFor < MINUTE) throw options.fault('keepFor', 'is shorter than a minute: tokens could hardly be used');
  return { ...times, maxAge, algorithm, modulusLength: options.integer('modulusLength', 2_048, 2_048, 8_192) };
}

function readAlgorithm(options: OptionReader): string {
  const algorithm = options.get('algorithm') ?? 'ES256';
  const isKnown = typeof algorithm === 'string' && [...SIGNING_ALGORITHMS, ...POST_QUANTUM].includes(algorithm);
  const fault = isKnown ? algorithmFault(algorithm) : undefined;
  if (fault) throw options.fault('algorithm', fault);
  if (isKnown) return algorithm;
  throw options.invalid('algorithm', `one of ${[...SIGNING_ALGORITHMS, ...POST_QUANTUM].join(', ')}`);
}

function readStore(options: OptionReader): KeyRingStore {
  const store = options.get('store') as Partial<KeyRingStore> | null | undefined;
  if (store === undefined) {
    if (!options.mentions('store')) return memoryKeyRingStore();
    throw options.fault('store', 'is undefined: leave it out to keep the keys in memory');
  }
  if (typeof store?.read === 'function' && typeof store.write === 'function') return store as KeyRingStore;
  throw options.invalid('store', 'a KeyRingStore (something with the functions read and write)');
}

function readCors(options: OptionReader): JwksEndpointCors | undefined {
  if (options.get('cors') === '*') return '*';
  const isOrigin = (entry: unknown): entry is string => typeof entry === 'string' && originOf(entry) === entry;
  return options.list('cors', isOrigin, "'*' or a list of origins, such as ['https://app.example.com']");
}

function originOf(text: string): string | undefined {
  return /^https?:[^*]+$/.test(text) && URL.canParse(text) ? new URL(text).origin : undefined;
}

/** What is wrong with an option where that shows only when it is used, at the start. @internal */
export function startFault(option: string, cause: unknown): JwksConfigurationError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new JwksConfigurationError(`Option "${option}" cannot be used: ${message}`, option, { cause });
}
