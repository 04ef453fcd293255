import type { Clock } from '../core/clock.js';
import type { HttpTransport } from '../sources/http-dispatcher.js';
import { describeUrl } from '../sources/source-faults.js';
import type { InspectedRequest } from './report.js';

const HEADERS = ['age', 'cache-control', 'content-type', 'date', 'etag', 'expires', 'last-modified', 'retry-after'];

/** Passes requests on and remembers them. @internal */
export class RecordingTransport implements HttpTransport {
  readonly requests: InspectedRequest[] = [];
  /** The URL of the last request, whole. */
  lastUrl: string | undefined;

  constructor(
    private readonly inner: HttpTransport,
    private readonly clock: Clock,
  ) {}

  async fetch(url: string, init: RequestInit): Promise<Response> {
    const startedAt = this.clock.monotonic();
    const record = (response?: Response) => {
      const duration = Math.round(this.clock.monotonic() - startedAt);
      const headers = response ? pick(response.headers) : {};
      this.requests.push({ url: describeUrl(url), ...(response && { status: response.status }), duration, headers });
    };
    this.lastUrl = url;
    try {
      const response = await this.inner.fetch(url, init);
      record(response);
      return response;
    } catch (error) {
      record();
      throw error;
    }
  }

  proxyFor(url: string): string | undefined {
    return this.inner.proxyFor?.(url);
  }

  close(): Promise<void> {
    return this.inner.close();
  }
}

/** On one line, whatever they are made of. */
function pick(headers: Headers): Record<string, string> {
  const shown = HEADERS.map((name) => [name, headers.get(name)?.replace(/[^\x20-\x7e]/g, '?')] as const);
  return Object.fromEntries(shown.filter((entry): entry is readonly [string, string] => entry[1] !== undefined));
}
