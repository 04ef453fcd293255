import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

/**
 * Kills the server when the standard input ends: it does not outlive this process, whatever ends
 * that.
 */
const SCRIPT = 'exec 3<&0; redis-server "$@" > /dev/null & pid=$!; (cat <&3; kill -9 $pid) & wait $pid';

/**
 * A `redis-server` of our own on a free loopback port, in memory only. Debian's is installed where none
 * is; `undefined` where that does not work.
 */
export async function startRedis() {
  if (!isInstalled() && !install()) return undefined;
  const port = await freePort();
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const shell = spawn('sh', ['-c', SCRIPT, 'sh', ...args], { stdio: ['pipe', 'ignore', 'ignore'] });
  while (!(await answers(port))) {
    if (shell.exitCode !== null) throw new Error(`redis-server ended with ${shell.exitCode}`);
    await pause(20);
  }
  return { url: `redis://127.0.0.1:${port}`, stop: () => shell.stdin.end() };
}

function isInstalled() {
  return spawnSync('redis-server', ['--version']).status === 0;
}

/** As `.ci/run` does it. Runlevel 1: installing a server shall not start it. */
function install() {
  const script =
    'apt-get update -qq && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends redis-server';
  const [command, ...args] = process.getuid?.() === 0 ? ['sh'] : ['sudo', '-n', 'sh'];
  spawnSync(command, [...args, '-c', script], { stdio: 'ignore' });
  return isInstalled();
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

function answers(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    const end = (answer) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('data', (data) => end(data.toString().startsWith('+PONG')));
    socket.once('error', () => end(false));
  });
}
