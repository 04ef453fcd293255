import { systemClock } from '../core/clock.js';
import { JwksConfigurationError } from '../core/errors.js';
import { createTransport } from '../sources/http-dispatcher.js';
import { inspectSource, type InspectedSource } from './inspect-source.js';
import { describeToken, inspectToken } from './inspect-token.js';
import { RecordingTransport } from './recording-transport.js';
import type { InspectCheck, InspectReport } from './report.js';

/** What `inspect` looks at beside the keys. @publicApi */
export interface InspectOptions {
  /** A token to verify, check by check. */
  readonly token?: string;
  /** What `aud` of the token has to be; not compared by default. */
  readonly audience?: string | readonly string[];
  /**
   * Makes the requests. @default the global `fetch`, or through the proxy that the environment
   * names
   */
  readonly fetch?: typeof fetch;
}

/** Clocks that differ by more than the default `clockTolerance` reject good tokens, in seconds. */
const CLOCK_TOLERANCE = 5;

/**
 * Looks at an issuer, or at the URL of a JWK Set, as a module would: where its keys are, how long
 * they may be kept, which of them are usable; and at a token, check by check, with what to do about
 * it. Needs no application.
 *
 * Rejects with a `JwksConfigurationError` where the target is not a URL; what goes wrong otherwise
 * is in the report.
 *
 * @publicApi
 */
export async function inspect(target: string, options: InspectOptions = {}): Promise<InspectReport> {
  if (!URL.canParse(target) || !/^https?:$/.test(new URL(target).protocol))
    throw new JwksConfigurationError('inspect takes the URL of an issuer or of a JWK Set');
  const { fetch } = options;
  const transport = new RecordingTransport(createTransport({ fetch, allowPrivateAddresses: true }), systemClock);
  try {
    const found = await inspectSource(target, transport, systemClock);
    const { issuer, answer, error: _, ...rest } = found;
    const { token, audience } = options;
    const shown = token === undefined ? undefined : describeToken(token);
    const checks = [
      ...sourceChecks(target, found),
      ...(token !== undefined && answer ? await inspectToken(token, { issuer, audience, answer }) : []),
    ];
    const isReached = transport.requests.some(({ status }) => status !== undefined);
    const hasFailed = checks.some(({ result }) => result === 'failed');
    return {
      target,
      outcome: isReached ? (hasFailed ? 'failed' : 'passed') : 'unreachable',
      ...rest,
      ...(issuer !== undefined && { issuer }),
      requests: transport.requests,
      checks,
      ...(shown && { token: shown }),
    };
  } finally {
    await transport.close();
  }
}

function sourceChecks(target: string, { answer, error, clockOffset, keys, jwksUri }: InspectedSource): InspectCheck[] {
  const isPlain = [target, jwksUri ?? ''].some((url) => url.startsWith('http:') && !isLoopback(url));
  const unusable = keys.filter(({ usable, use }) => !usable && use !== 'enc').length;
  return [
    answer ? { name: 'keys', result: 'passed' } : { name: 'keys', result: 'failed', detail: error?.message ?? '' },
    ...(unusable > 0 && answer
      ? [{ name: 'unusable keys', result: 'passed', detail: `${unusable} of ${keys.length} are left out` } as const]
      : []),
    ...(isPlain
      ? [{ name: 'https', result: 'failed', detail: 'plain http', hint: 'see the option "allowInsecure"' } as const]
      : []),
    ...(clockOffset === undefined ? [] : [clockCheck(clockOffset)]),
  ];
}

function isLoopback(url: string): boolean {
  return /^(localhost|127\.[\d.]+|\[::1\])$/.test(new URL(url).hostname);
}

function clockCheck(offset: number): InspectCheck {
  if (Math.abs(offset) <= CLOCK_TOLERANCE) return { name: 'clock', result: 'passed' };
  const which = offset > 0 ? 'behind' : 'ahead of';
  return {
    name: 'clock',
    result: 'failed',
    detail: `this machine is about ${Math.abs(offset)} s ${which} the provider`,
    hint: 'synchronize the clock, or good tokens are rejected as expired or not valid yet',
  };
}
