import { Nginx, type NginxPlace } from '../../support/nginx.js';

/**
 * An HTTP cache before an origin, which obeys `Cache-Control` as it comes and has no times of its
 * own.
 */
export class NginxCache implements AsyncDisposable {
  private constructor(
    private readonly nginx: Nginx,
    readonly url: string,
  ) {}

  static async start(origin: string): Promise<NginxCache> {
    const nginx = await Nginx.start((place) => cacheBefore(origin, place));
    return new NginxCache(nginx, `http://127.0.0.1:${nginx.port}`);
  }

  async get(path: string, headers: Record<string, string> = {}): Promise<CachedAnswer> {
    const response = await fetch(this.url + path, { headers });
    const cache = response.headers.get('x-cache') ?? '';
    return { status: response.status, cache, headers: response.headers, body: await response.text() };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.nginx[Symbol.asyncDispose]();
  }
}

export interface CachedAnswer {
  readonly status: number;
  /** HIT, MISS, EXPIRED, REVALIDATED, UPDATING or STALE, as nginx has it. */
  readonly cache: string;
  readonly headers: Headers;
  readonly body: string;
}

function cacheBefore(origin: string, { folder, port }: NginxPlace): string {
  return `
  proxy_cache_path ${folder}/cache keys_zone=sets:1m;
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass ${origin};
      proxy_cache sets;
      proxy_cache_revalidate on;
      proxy_cache_background_update on;
      proxy_connect_timeout 1s;
      add_header X-Cache $upstream_cache_status always;
    }
  }`;
}
