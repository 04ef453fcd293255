import { withDeadline, type Clock } from '../core/clock.js';
import { InvalidJwkSetError, JwksConnectionError } from '../core/errors.js';
import { askAgain } from './ask-again.js';
import type { HttpTransport } from './http-dispatcher.js';
import { connectionFault, describeUrl } from './source-faults.js';

/** @internal */
export interface ExchangeSettings {
  /** Milliseconds for connect, headers and body together. */
  readonly timeout: number;
  /** Sent with every request; a function is called for each. */
  readonly headers: Readonly<Record<string, string>> | (() => Promise<Readonly<Record<string, string>>>);
  /** Bytes of the body after decompression. */
  readonly maxResponseSize: number;
}

/** @internal */
export interface ExchangeRequest {
  readonly url: string;
  /** Sent besides those of the settings, which they override. */
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** Whether nothing is held: every token waits for the answer. */
  readonly isNeeded?: boolean;
}

/** @internal */
export interface HttpAnswer {
  readonly status: number;
  /** The headers that are read, by lower-case name. */
  readonly headers: Record<string, string>;
  /** Empty unless the status is 200. */
  readonly body: Uint8Array;
  /** Milliseconds from sending the request to the end of the body. */
  readonly elapsed: number;
  /** Wall-clock time at which the request was sent. */
  readonly sentAt: number;
  /** The proxy that the request went through. */
  readonly proxy?: string | undefined;
}

/** As long as tokens wait at most for the next attempt after one that failed, in milliseconds. */
const SILENCE = 2_000;

const READ_HEADERS = [
  'age',
  'cache-control',
  'date',
  'etag',
  'expires',
  'last-modified',
  'pragma',
  'retry-after',
  'location',
  'vary',
];

/**
 * One GET, bounded: one deadline over connect, headers and body, also where `fetch` ignores its
 * signal; no redirects; no credentials of the surroundings; never more than `maxResponseSize` bytes
 * in memory. What goes wrong is a fault of a source.
 *
 * @internal
 */
export class HttpExchange {
  constructor(
    private readonly settings: ExchangeSettings,
    private readonly transport: HttpTransport,
    private readonly clock: Clock,
  ) {}

  async get(request: ExchangeRequest): Promise<HttpAnswer> {
    const { timeout } = this.settings;
    const reason = () => new JwksConnectionError(`${describeUrl(request.url)} timed out after ${timeout} ms`);
    try {
      return await withDeadline({ clock: this.clock, delay: timeout, parent: request.signal, reason }, (signal) =>
        this.persist({ ...request, signal }),
      );
    } catch (error) {
      throw connectionFault(error, { ...request, proxy: this.transport.proxyFor?.(request.url) });
    }
  }

  private persist(request: ExchangeRequest): Promise<HttpAnswer> {
    if (!request.isNeeded) return this.attempt(request);
    const isUseful = ({ status }: HttpAnswer) => status === 200 || status === 304;
    const settings = { clock: this.clock, every: SILENCE, signal: request.signal, isUseful };
    return askAgain(settings, (signal) => this.attempt({ ...request, signal }));
  }

  private async attempt({ url, headers, signal }: ExchangeRequest): Promise<HttpAnswer> {
    const sentAt = this.clock.now();
    const start = this.clock.monotonic();
    const sent = new Headers({ accept: 'application/jwk-set+json, application/json' });
    const own = typeof this.settings.headers === 'function' ? await this.settings.headers() : this.settings.headers;
    for (const [name, value] of [...Object.entries(own), ...Object.entries(headers)]) sent.set(name, value);
    const response: unknown = await this.transport.fetch(url, {
      method: 'GET',
      headers: sent,
      redirect: 'manual',
      credentials: 'omit',
      signal,
    });
    assertResponse(response);
    const body = await this.read(response, url, signal);
    return {
      status: response.status,
      headers: pick(response.headers),
      body,
      elapsed: this.clock.monotonic() - start,
      sentAt,
      proxy: this.transport.proxyFor?.(url),
    };
  }

  private async read(response: Response, url: string, signal: AbortSignal): Promise<Uint8Array> {
    if (response.redirected) {
      discard(response);
      throw new JwksConnectionError(`${describeUrl(url)} was redirected; redirects are not followed`, {
        retryable: false,
      });
    }
    if (response.status !== 200 || signal.aborted) discard(response);
    signal.throwIfAborted();
    if (response.status !== 200 || !response.body) return new Uint8Array();
    const sink = new ByteSink(this.settings.maxResponseSize, url);
    await drain(response.body, sink, signal);
    return sink.bytes();
  }
}

/** JSON text in UTF-8, with or without a byte order mark (RFC 8259 section 8.1). @internal */
export function parseJson(body: Uint8Array, url: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (cause) {
    // The parser's message quotes the text: it stays in the cause.
    throw new InvalidJwkSetError(`${describeUrl(url)} did not answer with JSON in UTF-8`, { cause });
  }
}

/** One growing buffer: a body that comes byte by byte must not become a million little arrays. */
class ByteSink {
  private buffer = new Uint8Array(16_384);
  private length = 0;

  constructor(
    private readonly limit: number,
    private readonly url: string,
  ) {}

  add(chunk: unknown): void {
    if (!ArrayBuffer.isView(chunk))
      throw new JwksConnectionError('fetch did not answer with bytes', { retryable: false });
    const end = this.length + chunk.byteLength;
    if (end > this.limit)
      throw new InvalidJwkSetError(`${describeUrl(this.url)} answered with more than ${this.limit} bytes`);
    if (end > this.buffer.length) {
      const larger = new Uint8Array(Math.max(end, Math.min(this.buffer.length * 2, this.limit)));
      larger.set(this.buffer.subarray(0, this.length));
      this.buffer = larger;
    }
    this.buffer.set(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength), this.length);
    this.length = end;
  }

  bytes(): Uint8Array {
    return this.buffer.subarray(0, this.length);
  }
}

async function drain(body: ReadableStream<unknown>, sink: ByteSink, signal: AbortSignal): Promise<void> {
  const reader = body.getReader();
  // A `fetch` that ignores its signal would go on sending into nowhere.
  const cancel = () => quietly(() => reader.cancel());
  signal.addEventListener('abort', cancel, { once: true });
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) sink.add(part.value);
    signal.throwIfAborted();
  } catch (error) {
    cancel();
    throw error;
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}

function assertResponse(value: unknown): asserts value is Response {
  const { status, headers, body } = (value ?? {}) as Partial<Response>;
  const streamed = body === null || typeof body?.getReader === 'function';
  if (typeof status !== 'number' || typeof headers?.get !== 'function' || !streamed) {
    throw new JwksConnectionError('fetch did not answer with a Response', { retryable: false });
  }
}

function pick(headers: Headers): Record<string, string> {
  const read = READ_HEADERS.map((name) => [name, headers.get(name)] as const);
  return Object.fromEntries(read.filter((entry): entry is readonly [string, string] => typeof entry[1] === 'string'));
}

function discard(response: Response): void {
  quietly(() => response.body?.cancel());
}

/**
 * No caller waits for the rest of a useless response, and what goes wrong with it must not
 * end the process.
 */
function quietly(work: () => unknown): void {
  (async () => work())().catch(() => undefined);
}
