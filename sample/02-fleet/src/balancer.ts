import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ApiProcess } from './processes.js';

/**
 * One port before all API processes. Asks the next one when a connection breaks, as balancers do
 * for requests that may be repeated.
 */
export class Balancer {
  apis: readonly ApiProcess[] = [];
  private turn = 0;
  private readonly server = createServer((request, response) => void this.forward(request, response));

  async listen(): Promise<string> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  private async forward({ url = '/', headers }: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const api of this.turns()) {
      try {
        const answer = await fetch(api.url + url, { headers: { authorization: headers.authorization ?? '' } });
        const body = await answer.text();
        response.writeHead(answer.status, { 'content-type': 'application/json' }).end(body);
        return;
      } catch {
        // Killed in the middle of it: the next one.
      }
    }
    response.writeHead(502).end();
  }

  /** All of them, each time from the next one on. */
  private turns(): ApiProcess[] {
    const from = this.turn++ % this.apis.length;
    return [...this.apis.slice(from), ...this.apis.slice(0, from)];
  }
}
