import { once } from 'node:events';
import { createServer, request as send, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One address for both processes of billing: requests go to them by turns. */
export class Balancer {
  targets: readonly string[] = [];
  private turn = 0;
  private readonly server = createServer((request, response) => this.forward(request, response));

  async listen(): Promise<string> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  private forward(request: IncomingMessage, response: ServerResponse): void {
    const target = new URL(request.url ?? '/', this.targets[this.turn++ % this.targets.length]);
    const { method, headers } = request;
    const forwarded = send(target, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    forwarded.on('error', () => response.writeHead(502).end());
    request.pipe(forwarded);
  }
}
