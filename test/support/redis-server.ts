import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createClient } from '@keyv/redis';
import { freePort } from './free-port.js';

const HOW =
  'redis-server is not installed: the tests that need it are skipped. To run them: apt-get install redis-server';

/**
 * Prints its process id, and kills it when the standard input ends: it does not outlive this
 * process, whatever kills that.
 */
const SCRIPT = 'exec 3<&0; redis-server "$@" > /dev/null & pid=$!; echo $pid; (cat <&3; kill -9 $pid) & wait $pid';

/**
 * Whether a `redis-server` can be started here. `REQUIRE_REDIS=1` turns its absence into a failure.
 */
export function redisAvailable(): boolean {
  const found = spawnSync('redis-server', ['--version']).status === 0;
  if (!found && process.env.REQUIRE_REDIS === '1') throw new Error(HOW);
  if (!found) console.warn(HOW);
  return found;
}

/** A real `redis-server` process on a free loopback port, in memory only. */
export class RedisServer implements AsyncDisposable {
  private process: { readonly shell: ChildProcess; readonly pid: number } | undefined;
  private cli: ReturnType<typeof createClient> | undefined;

  private constructor(
    readonly port: number,
    private readonly settings: readonly string[],
    private readonly folder?: string,
  ) {}

  static async start(): Promise<RedisServer> {
    const server = new RedisServer(await freePort(), []);
    await server.restart();
    return server;
  }

  /** A Redis Cluster of one node that has all the slots. */
  static async startCluster(): Promise<RedisServer> {
    const folder = await mkdtemp(join(tmpdir(), 'redis-cluster-'));
    const settings = ['--cluster-enabled', 'yes', '--dir', folder];
    const server = new RedisServer(await freePort(), settings, folder);
    await server.restart();
    await server.run('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
    while (!(await server.run('CLUSTER', 'INFO')).includes('cluster_state:ok')) await pause(20);
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Starts it, empty, on the port it had. */
  async restart(): Promise<void> {
    const args = ['--port', String(this.port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
    const shell = spawn('sh', ['-c', SCRIPT, 'sh', ...args, ...this.settings], { stdio: ['pipe', 'pipe', 'ignore'] });
    const [told] = (await once(shell.stdout, 'data')) as [Buffer];
    this.process = { shell, pid: Number(told) };
    while (!(await answers(this.port))) {
      if (shell.exitCode !== null) throw new Error(`redis-server ended with ${shell.exitCode}`);
      await pause(5);
    }
  }

  /** SIGKILL: connections break, later ones are refused. */
  async kill(): Promise<void> {
    const { process: running } = this;
    this.process = undefined;
    if (!running || running.shell.exitCode !== null) return;
    const ended = once(running.shell, 'exit');
    process.kill(running.pid, 'SIGKILL');
    await ended;
  }

  /** SIGSTOP: connections stay open and nothing answers. */
  freeze(): void {
    if (this.process) process.kill(this.process.pid, 'SIGSTOP');
  }

  thaw(): void {
    if (this.process) process.kill(this.process.pid, 'SIGCONT');
  }

  /** Runs one command on a connection of its own, as `redis-cli` does. */
  async run(...command: string[]): Promise<string> {
    if (!this.cli?.isReady) {
      this.cli = createClient({ url: this.url, socket: { reconnectStrategy: false } });
      this.cli.on('error', () => undefined);
      await this.cli.connect();
    }
    return String(await this.cli.sendCommand(command));
  }

  /** Everything that it holds, by key. */
  async dump(): Promise<Record<string, string>> {
    const keys = (await this.run('KEYS', '*')).split(',').filter(Boolean);
    const values = await Promise.all(keys.map(async (key) => [key, await this.run('GET', key)] as const));
    return Object.fromEntries(values);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    if (this.cli?.isOpen) this.cli.destroy();
    if (this.folder) await rm(this.folder, { recursive: true, force: true });
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('data', (data) => end(data.toString().startsWith('+PONG')));
    socket.once('error', () => end(false));
  });
}
