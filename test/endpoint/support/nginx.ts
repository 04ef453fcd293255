import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const HOW = 'nginx is not installed: the tests that need it are skipped. To run them: apt-get install nginx-light';

/** Debian has it where an ordinary PATH does not look. */
const PATH = `${process.env['PATH']}:/usr/sbin`;

/** Whether nginx can be started here. `REQUIRE_NGINX=1` turns its absence into a failure. */
export function nginxAvailable(): boolean {
  const found = spawnSync('nginx', ['-v'], { env: { PATH } }).status === 0;
  if (!found && process.env['REQUIRE_NGINX'] === '1') throw new Error(HOW);
  if (!found) console.warn(HOW);
  return found;
}

/**
 * An HTTP cache before an origin, which obeys `Cache-Control` as it comes and has no times of its
 * own.
 */
export class NginxCache implements AsyncDisposable {
  private constructor(
    private readonly child: ChildProcess,
    private readonly folder: string,
    readonly url: string,
  ) {}

  static async start(origin: string): Promise<NginxCache> {
    const folder = await mkdtemp(join(tmpdir(), 'nginx-'));
    const port = await freePort();
    await writeFile(join(folder, 'nginx.conf'), configuration(folder, port, origin));
    const args = ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', join(folder, 'error.log')];
    const child = spawn('nginx', args, { env: { PATH }, stdio: 'ignore' });
    const cache = new NginxCache(child, folder, `http://127.0.0.1:${port}`);
    while (!(await fetch(`${cache.url}/health`).catch(() => undefined))) {
      if (child.exitCode !== null) throw new Error(`nginx ended with ${child.exitCode}`);
      await pause(10);
    }
    return cache;
  }

  async get(path: string, headers: Record<string, string> = {}): Promise<CachedAnswer> {
    const response = await fetch(this.url + path, { headers });
    const cache = response.headers.get('x-cache') ?? '';
    return { status: response.status, cache, headers: response.headers, body: await response.text() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    await ended;
    await rm(this.folder, { recursive: true, force: true });
  }
}

export interface CachedAnswer {
  readonly status: number;
  /** HIT, MISS, EXPIRED, REVALIDATED, UPDATING or STALE, as nginx has it. */
  readonly cache: string;
  readonly headers: Headers;
  readonly body: string;
}

function configuration(folder: string, port: number, origin: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  // Its workers would be another user's where root starts it, and may not see the folder.
  const user = process.getuid?.() === 0 ? 'user root root;' : '';
  return `
${user}
daemon off;
worker_processes 1;
pid ${folder}/pid;
events { worker_connections 64; }
http {
  access_log off;
  ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join('\n  ')}
  proxy_cache_path ${folder}/cache keys_zone=sets:1m;
  server {
    listen 127.0.0.1:${port};
    location = /health { return 204; }
    location / {
      proxy_pass ${origin};
      proxy_cache sets;
      proxy_cache_revalidate on;
      proxy_cache_background_update on;
      proxy_connect_timeout 1s;
      add_header X-Cache $upstream_cache_status always;
    }
  }
}`;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
