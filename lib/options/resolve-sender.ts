import cluster from 'node:cluster';
import { parseDuration } from '../core/clock.js';
import { CERTIFICATE_FORMATS, type CertificateFormat } from '../proof/certificate-headers.js';
import type { CertificateSource } from '../proof/client-certificate.js';
import type { DpopSettings } from '../proof/dpop-checker.js';
import { DpopNonces } from '../proof/dpop-nonces.js';
import { memoryReplayStore, type ReplayStore } from '../proof/replay-store.js';
import { normalizeUrl } from '../proof/request-url.js';
import type { SenderSettings } from '../proof/sender-constraint.js';
import { isPeerEntry, TrustedPeers } from '../proof/trusted-peers.js';
import { readAlgorithms } from './algorithms.js';
import { DEFAULTS } from './defaults.js';
import type { OptionReader } from './option-reader.js';
import type { JwksDpopNonceOptions, JwksDpopOptions, JwksMtlsOptions } from './sender-options.js';

/** @internal */
export const SENDER_NAMES = ['dpop', 'mtls', 'boundTokens'];

const PROOF_AGE = { least: 5_000, most: 600_000 };
const NONCE_LIFETIME = { least: 10_000, most: 86_400_000 };
const MIN_SECRET_LENGTH = 32;
const DPOP_NAMES = [
  'required',
  'publicUrl',
  'proofMaxAge',
  'algorithms',
  'replay',
  'nonce',
] satisfies (keyof JwksDpopOptions)[];

/** Reads `dpop`, `mtls` and `boundTokens`. `warnings` are for the log at start. @internal */
export function resolveSender(
  options: OptionReader,
  isClusterWorker = cluster.isWorker,
): { readonly sender: SenderSettings; readonly warnings: readonly string[] } {
  const dpop = resolveDpop(options);
  const isVerifiedByGateway = readBoundTokens(options);
  if (isVerifiedByGateway && dpop?.required)
    throw options.fault(
      'boundTokens',
      `can't be 'verified-by-gateway' beside "dpop.required": what the gateway has checked comes as a bearer token`,
    );
  return {
    sender: { dpop, mtls: resolveMtls(options), isVerifiedByGateway },
    warnings: [
      isVerifiedByGateway && GATEWAY,
      dpop && !dpop.replay && NO_REPLAY_STORE,
      dpop &&
        hasDefaultReplayStore(options) &&
        (isClusterWorker ? CLUSTER : isStoreGiven(options) && SEVERAL_PROCESSES),
      hasUnusedProxies(options) && UNUSED_PROXIES,
    ].filter((warning) => typeof warning === 'string'),
  };
}

function hasDefaultReplayStore(options: OptionReader): boolean {
  const dpop = options.get('dpop');
  return dpop === true || options.section('dpop', DPOP_NAMES).get('replay') === undefined;
}

function isStoreGiven(options: OptionReader): boolean {
  const { store } = (options.get('cache') ?? {}) as { readonly store?: unknown };
  return store !== undefined && store !== false;
}

function hasUnusedProxies(options: OptionReader): boolean {
  const { certificate, trustedProxies } = (options.get('mtls') ?? {}) as Partial<JwksMtlsOptions>;
  return trustedProxies !== undefined && (certificate === 'socket' || typeof certificate === 'function');
}

const GATEWAY =
  'Tokens that are bound to their sender are accepted as bearer tokens (boundTokens: "verified-by-gateway"): only a gateway that checks their proofs may reach this application';
const NO_REPLAY_STORE =
  'A DPoP proof can be used more than once (dpop.replay: false): a captured request can be repeated while its proof is recent';

const CLUSTER =
  'Each worker of this cluster remembers DPoP proofs on its own, so that one can be used once in each: set "dpop.replay" to redisReplayStore(client)';
const SEVERAL_PROCESSES =
  'Option "cache.store" is for several processes, and each remembers DPoP proofs on its own, so that one can be used once in each: set "dpop.replay" to redisReplayStore(client), or to memoryReplayStore() if there is one process';

const UNUSED_PROXIES =
  'Option "mtls.trustedProxies" is not used: it is for certificates in a header, and "mtls.certificate" takes them from the connection, or from a function, which has to look at the peer itself';

function readBoundTokens(options: OptionReader): boolean {
  const value = options.get('boundTokens') ?? DEFAULTS.boundTokens;
  if (value === 'refuse' || value === 'verified-by-gateway') return value === 'verified-by-gateway';
  throw options.invalid('boundTokens', `'refuse' or 'verified-by-gateway'`);
}

function resolveDpop(parent: OptionReader): DpopSettings | undefined {
  const given = parent.get('dpop');
  if (given === undefined || given === false) return undefined;
  if (given !== true && typeof given !== 'object') throw parent.invalid('dpop', 'true, false or an object of options');
  const options = given === true ? parent.child('dpop', {}, DPOP_NAMES) : parent.section('dpop', DPOP_NAMES);
  return {
    required: options.boolean('required', DEFAULTS.dpop.required),
    publicUrl: readPublicUrl(options),
    proofMaxAge: durationWithin(options, 'proofMaxAge', DEFAULTS.dpop.proofMaxAge, PROOF_AGE),
    algorithms: readAlgorithms(options) ?? DEFAULTS.dpop.algorithms,
    replay: readReplay(options),
    nonces: readNonces(options),
  };
}

function readPublicUrl(options: OptionReader): string | undefined {
  const value = options.get('publicUrl');
  if (value === undefined) return undefined;
  // With one of these it may hold a password, which no message shows.
  const isPlain = typeof value === 'string' && !/[?#@]/.test(value);
  const url = isPlain ? normalizeUrl(value) : undefined;
  if (url === undefined)
    throw options.invalid(
      'publicUrl',
      "an http or https URL without credentials, query and fragment, such as 'https://api.example.com'",
      !isPlain,
    );
  return url.replace(/\/+$/, '');
}

function readReplay(options: OptionReader): ReplayStore | undefined {
  const value = options.get('replay');
  if (value === undefined) return memoryReplayStore();
  if (value === false) return undefined;
  if (typeof (value as Partial<ReplayStore> | null)?.add === 'function') return value as ReplayStore;
  throw options.invalid('replay', 'memoryReplayStore(), redisReplayStore(client), an object with `add`, or false');
}

function readNonces(parent: OptionReader): DpopNonces | undefined {
  if (!parent.has('nonce')) return undefined;
  const options = parent.section('nonce', ['secret', 'lifetime'] satisfies (keyof JwksDpopNonceOptions)[]);
  const value = options.get('secret');
  const secrets: unknown[] = Array.isArray(value) ? Array.from(value) : [value];
  const isSecret = (secret: unknown) => typeof secret === 'string' && secret.length >= MIN_SECRET_LENGTH;
  if (secrets.length === 0 || !secrets.every(isSecret))
    throw options.invalid(
      'secret',
      `text of at least ${MIN_SECRET_LENGTH} characters, or a list of such ("openssl rand -base64 32" makes one)`,
      true,
    );
  const lifetime = durationWithin(options, 'lifetime', DEFAULTS.dpop.nonce.lifetime, NONCE_LIFETIME);
  return new DpopNonces(secrets as string[], lifetime);
}

function durationWithin(
  options: OptionReader,
  name: string,
  fallback: string,
  { least, most }: { readonly least: number; readonly most: number },
): number {
  const value = options.duration(name, parseDuration(fallback), { secondsBelow: least });
  if (value >= least && value <= most) return value;
  throw options.invalid(name, `a duration from ${least / 1000} s to ${most / 1000} s`);
}

function resolveMtls(parent: OptionReader): CertificateSource | undefined {
  if (!parent.has('mtls')) return undefined;
  const options = parent.section('mtls', ['certificate', 'trustedProxies'] satisfies (keyof JwksMtlsOptions)[]);
  const proxies = options.list('trustedProxies', isPeerEntry, 'a list of IP addresses and networks such as 10.0.0.0/8');
  const certificate = options.get('certificate');
  if (certificate === 'socket') return { kind: 'socket' };
  const find =
    typeof certificate === 'function'
      ? options.method<(request: never) => unknown>('certificate', CERTIFICATE)
      : undefined;
  if (find) return { kind: 'function', find };
  const { format, name } = readHeader(options, certificate);
  if (!proxies || proxies.length === 0)
    throw options.fault(
      'trustedProxies',
      'must name the proxies that set the header: from anyone else it could be forged',
    );
  return { kind: 'header', format, name, proxies: new TrustedPeers(proxies) };
}

const CERTIFICATE = `'socket', ${CERTIFICATE_FORMATS.map((name) => `'${name}'`).join(', ')}, { header, format } or a function of the request`;

function readHeader(
  options: OptionReader,
  certificate: unknown,
): { readonly format: CertificateFormat; readonly name: string | undefined } {
  if (isFormat(certificate)) return { format: certificate, name: undefined };
  if (typeof certificate !== 'object' || certificate === null) throw options.invalid('certificate', CERTIFICATE);
  const header = options.section('certificate', ['header', 'format']);
  const format = header.get('format');
  if (!isFormat(format)) throw header.invalid('format', `one of ${CERTIFICATE_FORMATS.join(', ')}`);
  // RFC 9110 section 5.1: a token. Node has the names in lower case.
  const name = header.text('header', undefined, /^[\w!#$%&'*+.^`|~-]+$/, 'the name of a header');
  if (name === undefined) throw header.invalid('header', 'the name of a header');
  return { format, name: name.toLowerCase() };
}

function isFormat(value: unknown): value is CertificateFormat {
  return (CERTIFICATE_FORMATS as readonly unknown[]).includes(value);
}
