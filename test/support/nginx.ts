import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from './free-port.js';

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

/** What a configuration is made for: a folder of its own, and a free port on loopback. */
export interface NginxPlace {
  readonly folder: string;
  readonly port: number;
}

/** A process of nginx. */
export class Nginx implements AsyncDisposable {
  private constructor(
    private readonly child: ChildProcess,
    private readonly folder: string,
    readonly port: number,
  ) {}

  /** `http` writes what stands in the block of this name, and files that it names. */
  static async start(http: (place: NginxPlace) => string | Promise<string>): Promise<Nginx> {
    const folder = await mkdtemp(join(tmpdir(), 'nginx-'));
    const port = await freePort();
    await writeFile(join(folder, 'nginx.conf'), configuration(folder, await http({ folder, port })));
    const args = ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', join(folder, 'error.log')];
    const child = spawn('nginx', args, { env: { PATH }, stdio: 'ignore' });
    const nginx = new Nginx(child, folder, port);
    while (!(await listens(port))) {
      if (child.exitCode !== null) throw new Error(`nginx ended with ${child.exitCode}`);
      await pause(10);
    }
    return nginx;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    await ended;
    await rm(this.folder, { recursive: true, force: true });
  }
}

function configuration(folder: string, http: string): string {
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
  ${http}
}`;
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true));
    socket.on('connect', () => socket.destroy());
    socket.on('error', () => resolve(false));
  });
}
