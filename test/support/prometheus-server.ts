import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from './free-port.js';

const HOW = 'prometheus is not installed: the tests that need it are skipped. To run them: apt-get install prometheus';

/**
 * Whether a `prometheus` can be started here. `REQUIRE_PROMETHEUS=1` turns its absence into a
 * failure.
 */
export function prometheusAvailable(): boolean {
  const found = ['prometheus', 'promtool'].every((name) => spawnSync(name, ['--version']).status === 0);
  if (!found && process.env.REQUIRE_PROMETHEUS === '1') throw new Error(HOW);
  if (!found) console.warn(HOW);
  return found;
}

/** What {@link PrometheusServer.alerts} shows of an alert. */
export interface Alert {
  readonly name: string;
  readonly state: string;
  readonly labels: Record<string, string>;
}

/** Ends when the standard input does: it does not outlive this process, whatever kills that. */
const SCRIPT = 'exec 3<&0; prometheus "$@" > /dev/null 2>&1 & pid=$!; (cat <&3; kill -9 $pid) & wait $pid';

/** A real Prometheus that scrapes one target four times a second and evaluates rules as often. */
export class PrometheusServer implements AsyncDisposable {
  private constructor(
    private readonly shell: ChildProcess,
    private readonly folder: string,
    private readonly origin: string,
  ) {}

  static async start(target: string, rules: string): Promise<PrometheusServer> {
    const folder = await mkdtemp(join(tmpdir(), 'prometheus-'));
    const { host, pathname } = new URL(target);
    const config = {
      global: { scrape_interval: '250ms', evaluation_interval: '250ms' },
      rule_files: ['rules.yml'],
      scrape_configs: [{ job_name: 'api', metrics_path: pathname, static_configs: [{ targets: [host] }] }],
    };
    await writeFile(join(folder, 'rules.yml'), rules);
    // YAML includes JSON.
    await writeFile(join(folder, 'prometheus.yml'), JSON.stringify(config));
    const port = await freePort();
    const settings = [
      ['config.file', join(folder, 'prometheus.yml')],
      ['storage.tsdb.path', join(folder, 'data')],
      ['web.listen-address', `127.0.0.1:${port}`],
    ].map(([name, value]) => `--${name}=${value}`);
    const shell = spawn('sh', ['-c', SCRIPT, 'sh', ...settings], { stdio: ['pipe', 'ignore', 'ignore'] });
    const server = new PrometheusServer(shell, folder, `http://127.0.0.1:${port}`);
    while (!(await server.isReady())) {
      if (shell.exitCode !== null) throw new Error(`prometheus ended with ${shell.exitCode}`);
      await pause(50);
    }
    return server;
  }

  async alerts(): Promise<Alert[]> {
    const { data } = (await this.get('/api/v1/alerts')) as {
      data: { alerts: { labels: Record<string, string>; state: string }[] };
    };
    return data.alerts.map(({ labels, state }) => ({ name: labels['alertname'] ?? '', state, labels }));
  }

  /** The values of an expression, by their labels. */
  async query(expression: string): Promise<{ labels: Record<string, string>; value: number }[]> {
    const { data } = (await this.get(`/api/v1/query?query=${encodeURIComponent(expression)}`)) as {
      data: { result: { metric: Record<string, string>; value: [number, string] }[] };
    };
    return data.result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.shell.exitCode === null) {
      const ended = once(this.shell, 'exit');
      this.shell.stdin?.end();
      await ended;
    }
    await rm(this.folder, { recursive: true, force: true });
  }

  private async isReady(): Promise<boolean> {
    return fetch(`${this.origin}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  }

  private async get(path: string): Promise<unknown> {
    return (await fetch(this.origin + path)).json();
  }
}
