import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below the ports that the system gives to outgoing connections: a server that was killed finds its
 * port free when it comes back.
 */
const PORTS = { from: 10_000, to: 32_000 };

/** A port of loopback that nothing listens on, for a server that cannot choose one itself. */
export async function freePort(): Promise<number> {
  for (;;) {
    const server = createServer().listen(randomInt(PORTS.from, PORTS.to), '127.0.0.1');
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    if (!isFree) continue;
    const address = server.address();
    server.close();
    await once(server, 'close');
    if (address && typeof address === 'object') return address.port;
  }
}
