import { fork, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { JwksKeyRingEvent } from 'nestjs-jwks/endpoint';

/** Nothing that is started here outlives this process, however it ends. */
const children = new Set<ChildProcess>();
process.on('exit', () => children.forEach((child) => child.kill('SIGKILL')));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130));

function keep(child: ChildProcess): ChildProcess {
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

/** One process of billing. */
export class BillingProcess {
  private constructor(
    private readonly child: ChildProcess,
    readonly url: string,
  ) {}

  static async start(env: Record<string, string>): Promise<BillingProcess> {
    const main = fileURLToPath(new URL('./billing.js', import.meta.url));
    const child = keep(fork(main, { env: { ...process.env, ...env } }));
    const [url] = await Promise.race([once(child, 'message'), once(child, 'exit')]);
    if (typeof url !== 'string') throw new Error('A process of billing ended before it listened');
    return new BillingProcess(child, url);
  }

  onEvent(listener: (event: JwksKeyRingEvent) => void): void {
    this.child.on('message', listener);
  }

  rotate(): void {
    this.child.send('rotate');
  }

  kill(): Promise<void> {
    return kill(this.child);
  }
}

/** A `redis-server` on a free port, in memory only. */
export class RedisProcess {
  private child: ChildProcess | undefined;

  private constructor(private readonly port: number) {}

  static get installed(): boolean {
    return spawnSync('redis-server', ['--version']).status === 0;
  }

  static async start(): Promise<RedisProcess> {
    const redis = new RedisProcess(await freePort());
    await redis.listen();
    return redis;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  private async listen(): Promise<void> {
    const settings = ['--port', `${this.port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
    const child = keep(spawn('redis-server', settings, { stdio: 'ignore' }));
    this.child = child;
    while (!(await listens(this.port))) {
      if (child.exitCode !== null) throw new Error(`redis-server ended with ${child.exitCode}`);
      await pause(20);
    }
  }

  async kill(): Promise<void> {
    if (this.child) await kill(this.child);
  }
}

/**
 * Below the ports that the system gives to outgoing connections: still free when Redis comes back.
 */
async function freePort(): Promise<number> {
  const port = randomInt(10_000, 32_000);
  return (await listens(port)) ? freePort() : port;
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  const isOpen = await once(socket, 'connect').then(
    () => true,
    () => false,
  );
  socket.destroy();
  return isOpen;
}
