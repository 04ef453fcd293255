import { parseRetryAfter } from '../core/backoff.js';
import { isSourceError, JwksConnectionError, type SourceError } from '../core/errors.js';

/**
 * The source was not asked, because of a limit of this process: that says nothing about the source.
 *
 * @internal
 */
export class NotAskedError extends JwksConnectionError {}

/**
 * Codes of Node, OpenSSL and undici. None of the first goes away by asking again: a wrong
 * certificate stays wrong.
 */
const TLS_CODE =
  /^(CERT_|CRL_|ERR_TLS_|ERR_SSL_|ERR_OSSL_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_MISMATCH|INVALID_(CA|PURPOSE)|PATH_LENGTH_|EPROTO$)/;
const TIMEOUT_CODE = /^(ETIMEDOUT|ESOCKETTIMEDOUT|UND_ERR_(CONNECT|HEADERS|BODY)_TIMEOUT)$/;
const MAX_CAUSES = 8;

/** A URL as messages may show it: origin and path, no query, no credentials. @internal */
export function describeUrl(url: string): string {
  if (!URL.canParse(url)) return 'an invalid URL';
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}

/**
 * What `fetch` threw, as a fault. The message takes only the error's code: texts of a custom
 * `fetch` may hold anything. The rest is in the `cause`.
 *
 * @internal
 */
export function connectionFault(
  error: unknown,
  { url, signal, proxy }: { url: string; signal: AbortSignal; proxy?: string | undefined },
): SourceError {
  const through = throughProxy(proxy);
  const chain = causesOf(error);
  const fault = chain.find(isSourceError);
  if (fault) return fault;
  if (signal.aborted)
    return new JwksConnectionError(`The request to ${describeUrl(url)}${through} was given up`, {
      retryable: false,
      cause: error,
    });
  const code = chain.map(codeOf).find((each) => each !== undefined);
  if (code && TIMEOUT_CODE.test(code))
    return new JwksConnectionError(`${describeUrl(url)} timed out${through} (${code})`, { cause: error });
  const refused = proxy && chain.map(proxyStatus).find((each) => each !== undefined);
  const because = refused ? `, which answered with status ${refused}` : code ? ` (${code})` : '';
  const retryable = !(code && TLS_CODE.test(code));
  return new JwksConnectionError(`${describeUrl(url)} could not be reached${through}${because}`, {
    retryable,
    cause: error,
  });
}

/**
 * A status that is no answer. Only what the server calls temporary is asked for again (RFC 9110
 * sections 15.5.9 and 15.6, RFC 6585 section 4); every other one fails over.
 *
 * @internal
 */
export function statusFault(
  url: string,
  answer: { status: number; headers: Record<string, string>; proxy?: string | undefined },
  now: number,
): JwksConnectionError {
  const { status } = answer;
  const retryable = status === 408 || status === 429 || status >= 500;
  const note = status >= 300 && status < 400 && status !== 304 ? redirectNote(url, answer.headers['location']) : '';
  return new JwksConnectionError(
    `${describeUrl(url)} answered with status ${status}${throughProxy(answer.proxy)}${note}`,
    {
      retryable,
      retryAfter: retryable ? parseRetryAfter(answer.headers['retry-after'], now) : undefined,
    },
  );
}

/** RFC 9110 section 15.4. The operator, not a response, decides where keys come from. */
function redirectNote(url: string, location: string | undefined): string {
  const target = location !== undefined && URL.canParse(location, url) ? new URL(location, url).href : undefined;
  const leads = target === undefined ? '' : `, which leads to ${describeUrl(target)}`;
  return `${leads}; redirects are not followed: give the right address as "issuer" or "jwksUri"`;
}

/** What a source threw, as a fault: an application's own source may throw anything. @internal */
export function toSourceError(error: unknown): SourceError {
  if (isSourceError(error)) return error;
  return new JwksConnectionError('The key source failed', { retryable: false, cause: error });
}

/** Words that name a proxy without its credentials, which are a secret. @internal */
export function throughProxy(proxy: string | undefined): string {
  return proxy ? ` through the proxy ${new URL(proxy).origin}` : '';
}

/** Of a proxy that refused to make a tunnel: undici has it in a text alone. */
function proxyStatus(error: unknown): string | undefined {
  return error instanceof Error ? /^Proxy response \((\d{3})\)/.exec(error.message)?.[1] : undefined;
}

function causesOf(error: unknown): unknown[] {
  const chain: unknown[] = [];
  let next = error;
  while (next !== undefined && next !== null && chain.length < MAX_CAUSES) {
    chain.push(next);
    next = (next as { cause?: unknown }).cause;
  }
  return chain;
}

function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,63}$/.test(code) ? code : undefined;
}
